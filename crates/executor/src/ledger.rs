//! What recovery has cost in this task, by level, and what it may still cost (R7).

use neuraxis_core::Nanos;

use crate::config::{Budgets, LEVELS};

/// Costs of one level.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Spent {
    /// Times.
    pub count: u16,
    /// Time [s].
    pub secs: f64,
}

/// Books of one task; a new plan in the same task goes on with them.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Ledger {
    spent: [Spent; LEVELS],
    began: Nanos,
    /// Before the clock stepped back.
    passed_secs: f64,
    recoveries: u16,
    /// The recovery under way: its level, its leaf, and since when.
    open: Option<(u8, usize, Nanos)>,
    slow_since: Option<Nanos>,
}

impl Ledger {
    pub(crate) fn new(now: Nanos) -> Self {
        Self { began: now, ..Self::default() }
    }

    /// The clock stepped back from `last` to `now`: what has passed until `last` stays passed.
    pub(crate) fn step_back(&mut self, last: Nanos, now: Nanos) {
        self.passed_secs += last.secs_since(self.began).max(0.0);
        self.began = now;
        if let Some((level, leaf, _)) = self.open {
            self.close(last);
            self.open = Some((level, leaf, now));
        }
        self.slow_since = self.slow_since.map(|_| now);
    }

    pub(crate) fn spent(&self) -> &[Spent; LEVELS] {
        &self.spent
    }

    fn of(&self, level: u8) -> Spent {
        self.spent.get(usize::from(level)).copied().unwrap_or_default()
    }

    /// True if the level may act once more.
    pub(crate) fn allows(&self, level: u8, budgets: &Budgets) -> bool {
        let (spent, budget) = (self.of(level), budgets.of(usize::from(level)));
        let within = spent.count < budget.count && spent.secs < budget.secs;
        within && (level < 2 || self.recoveries < budgets.recoveries)
    }

    /// A recovery of a leaf begins; the one before ends. How many there were of its level.
    pub(crate) fn take(&mut self, now: Nanos, level: u8, leaf: usize) -> u16 {
        self.close(now);
        self.open = Some((level, leaf, now));
        self.recoveries = self.recoveries.saturating_add(1);
        let Some(spent) = self.spent.get_mut(usize::from(level)) else { return 0 };
        spent.count = spent.count.saturating_add(1);
        spent.count - 1
    }

    /// The recovery under way ends.
    pub(crate) fn close(&mut self, now: Nanos) {
        let Some((level, _, since)) = self.open.take() else { return };
        if let Some(spent) = self.spent.get_mut(usize::from(level)) {
            spent.secs += now.secs_since(since).max(0.0);
        }
    }

    /// The recovery of this leaf ends, if it is under way.
    pub(crate) fn close_of(&mut self, now: Nanos, leaf: usize) {
        if self.open.is_some_and(|(_, of, _)| of == leaf) {
            self.close(now);
        }
    }

    /// The level of the recovery under way, if it takes more time than its level has.
    pub(crate) fn overdrawn(&self, now: Nanos, budgets: &Budgets) -> Option<u8> {
        let (level, _, since) = self.open?;
        let secs = self.of(level).secs + now.secs_since(since);
        (secs > budgets.of(usize::from(level)).secs).then_some(level)
    }

    /// Slows down, or no more (L1). Whether motion is slowed now: not when the budget is spent.
    pub(crate) fn slow(&mut self, now: Nanos, wanted: bool, budgets: &Budgets) -> bool {
        let Some(spent) = self.spent.get_mut(1) else { return false };
        if let Some(since) = self.slow_since {
            spent.secs += now.secs_since(since).max(0.0);
        }
        let budget = budgets.correct;
        let may_begin = self.slow_since.is_some() || spent.count < budget.count;
        let slow = wanted && may_begin && spent.secs < budget.secs;
        spent.count += u16::from(slow && self.slow_since.is_none());
        self.slow_since = slow.then_some(now);
        slow
    }

    /// True if the time of the whole task is over.
    pub(crate) fn is_over(&self, now: Nanos, budgets: &Budgets) -> bool {
        self.passed_secs + now.secs_since(self.began) >= budgets.task_secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Budget;

    #[test]
    fn counts_times_and_the_whole_are_kept() {
        let secs = Nanos::from_secs;
        let retry = Budget { count: 2, secs: 5.0 };
        let budgets = Budgets { retry, recoveries: 3, ..Default::default() };
        let mut ledger = Ledger::new(secs(0.0));
        assert_eq!(ledger.take(secs(1.0), 2, 7), 0);
        assert_eq!(ledger.overdrawn(secs(5.5), &budgets), None);
        assert_eq!(ledger.overdrawn(secs(6.5), &budgets), Some(2));
        ledger.close_of(secs(3.0), 8);
        ledger.close_of(secs(3.0), 7);
        assert!(ledger.allows(2, &budgets));
        assert_eq!(ledger.take(secs(4.0), 2, 7), 1);
        assert!(!ledger.allows(2, &budgets) && ledger.allows(3, &budgets));
        ledger.take(secs(5.0), 3, 7);
        assert!(!ledger.allows(3, &budgets), "three recoveries in all");
        assert_eq!(ledger.spent()[2], Spent { count: 2, secs: 3.0 });
    }

    #[test]
    fn slowing_down_is_counted_by_its_beginnings_and_ends_with_its_budget() {
        let secs = Nanos::from_secs;
        let budgets = Budgets { correct: Budget { count: 2, secs: 1.0 }, ..Default::default() };
        let mut ledger = Ledger::new(secs(0.0));
        assert!(ledger.slow(secs(0.0), true, &budgets) && ledger.slow(secs(0.4), true, &budgets));
        assert!(!ledger.slow(secs(0.5), false, &budgets));
        assert!(ledger.slow(secs(0.6), true, &budgets));
        assert!(!ledger.slow(secs(1.2), true, &budgets), "1.1 s in all");
        assert!(!ledger.slow(secs(1.3), true, &budgets));
        assert_eq!(ledger.spent()[1].count, 2);
    }
}
