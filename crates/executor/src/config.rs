//! What may be tuned in the plan executor.

use neuraxis_core::Nanos;
use serde::{Deserialize, Serialize};

use crate::ExecutorError;

/// Levels of the recovery ladder, L0 to L6.
pub const LEVELS: usize = 7;

/// Waiting times, leases and budgets of the executor, `configs/<robot>/brain.yaml`.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutorConfig {
    /// Older observations of facts are unknown, 0.05 to 10 [s].
    pub facts_lease_secs: f64,
    /// Time in which preconditions, assumptions and conditions must become known, and in which a skill must get over a fault
    /// that it found when it was started, 0 to 30 [s].
    pub ready_secs: f64,
    /// Time in which a postcondition must be observed after the act, 0 to 30 [s].
    pub settle_secs: f64,
    /// A postcondition that is observed false in each frame of facts after the act, or a precondition before the first try, for
    /// so long and in `facts_in_a_row` of them at least, has failed, 0 to 30 [s]. Things come to rest in this time; what is
    /// unknown is waited for longer.
    pub refuted_secs: f64,
    /// Frames of facts in a row in which a maintained fact must be false to count as lost, 1 to 32.
    pub facts_in_a_row: u8,
    /// A test whose value is not sensed, or a maintained fact that is unknown, fails after this, 0 to 30 [s].
    pub blind_secs: f64,
    /// A skill that does not report for this long has hung, 0.01 to 30 [s].
    pub silence_secs: f64,
    /// Tests are also looked at this far ahead, with things moving on as they do; 0 to 2 [s], 0: not.
    pub foresight_secs: f64,
    /// From this share of a channel's threshold on the motion is slowed, 0.1 to 1.
    pub warn_share: f64,
    /// Share of the speed that is left then, 0.05 to 1.
    pub slow_share: f64,
    /// Share of the speed with which things are touched, 0.05 to 1.
    pub touch_share: f64,
    /// Times that one leaf may go back to an earlier one, 0 to 10.
    pub gotos_per_leaf: u8,
    /// What recovery may cost.
    pub budgets: Budgets,
}

/// What recovery may cost in one task.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// L1: slowing down.
    pub correct: Budget,
    /// L2: a leaf again.
    pub retry: Budget,
    /// L3: back to an earlier leaf.
    pub goto: Budget,
    /// L4: asking memory; `secs` is the deadline of all its answers together.
    pub recall: Budget,
    /// L5: asking for a new plan; as L4.
    pub replan: Budget,
    /// Longest wait for one answer of memory, 0.01 to 60 [s].
    pub recall_answer_secs: f64,
    /// Longest wait for one new plan, 0.1 to 600 [s].
    pub replan_answer_secs: f64,
    /// Recoveries of all levels from L2 on, 0 to 1000.
    pub recoveries: u16,
    /// Time of the whole task, recoveries included, 1 to 36000 [s].
    pub task_secs: f64,
}

/// What one level may cost.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Times, 0 to 1000.
    pub count: u16,
    /// Time altogether, 0 to 36000 [s].
    pub secs: f64,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self {
            facts_lease_secs: 0.5,
            ready_secs: 1.0,
            settle_secs: 1.0,
            refuted_secs: 0.3,
            facts_in_a_row: 2,
            blind_secs: 0.5,
            silence_secs: 1.0,
            foresight_secs: 0.0,
            warn_share: 0.8,
            slow_share: 0.5,
            touch_share: 0.25,
            gotos_per_leaf: 2,
            budgets: Budgets::default(),
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            correct: Budget { count: 100, secs: 60.0 },
            retry: Budget { count: 12, secs: 180.0 },
            goto: Budget { count: 6, secs: 180.0 },
            recall: Budget { count: 4, secs: 5.0 },
            replan: Budget { count: 2, secs: 90.0 },
            recall_answer_secs: 0.5,
            replan_answer_secs: 30.0,
            recoveries: 20,
            task_secs: 900.0,
        }
    }
}

impl Budgets {
    /// Of a level; L0 is the brainstem's and L6 costs nothing.
    pub(crate) fn of(&self, level: usize) -> Budget {
        match level {
            1 => self.correct,
            2 => self.retry,
            3 => self.goto,
            4 => self.recall,
            5 => self.replan,
            _ => Budget { count: u16::MAX, secs: f64::MAX },
        }
    }
}

impl ExecutorConfig {
    /// Says which value is out of its range.
    pub fn validate(&self) -> Result<(), ExecutorError> {
        let b = &self.budgets;
        let mut values = vec![
            ("facts_lease_secs", self.facts_lease_secs, 0.05, 10.0, "0.05 to 10 s"),
            ("ready_secs", self.ready_secs, 0.0, 30.0, "0 to 30 s"),
            ("settle_secs", self.settle_secs, 0.0, 30.0, "0 to 30 s"),
            ("refuted_secs", self.refuted_secs, 0.0, 30.0, "0 to 30 s"),
            ("facts_in_a_row", f64::from(self.facts_in_a_row), 1.0, 32.0, "1 to 32"),
            ("blind_secs", self.blind_secs, 0.0, 30.0, "0 to 30 s"),
            ("silence_secs", self.silence_secs, 0.01, 30.0, "0.01 to 30 s"),
            ("foresight_secs", self.foresight_secs, 0.0, 2.0, "0 to 2 s"),
            ("warn_share", self.warn_share, 0.1, 1.0, "0.1 to 1"),
            ("slow_share", self.slow_share, 0.05, 1.0, "0.05 to 1"),
            ("touch_share", self.touch_share, 0.05, 1.0, "0.05 to 1"),
            ("gotos_per_leaf", f64::from(self.gotos_per_leaf), 0.0, 10.0, "0 to 10"),
            ("budgets.recall_answer_secs", b.recall_answer_secs, 0.01, 60.0, "0.01 to 60 s"),
            ("budgets.replan_answer_secs", b.replan_answer_secs, 0.1, 600.0, "0.1 to 600 s"),
            ("budgets.recoveries", f64::from(b.recoveries), 0.0, 1000.0, "0 to 1000"),
            ("budgets.task_secs", b.task_secs, 1.0, 36_000.0, "1 to 36000 s"),
        ];
        for (count, secs, budget) in [
            ("budgets.correct.count", "budgets.correct.secs", b.correct),
            ("budgets.retry.count", "budgets.retry.secs", b.retry),
            ("budgets.goto.count", "budgets.goto.secs", b.goto),
            ("budgets.recall.count", "budgets.recall.secs", b.recall),
            ("budgets.replan.count", "budgets.replan.secs", b.replan),
        ] {
            values.push((count, f64::from(budget.count), 0.0, 1000.0, "0 to 1000"));
            values.push((secs, budget.secs, 0.0, 36_000.0, "0 to 36000 s"));
        }
        match values.into_iter().find(|(_, value, low, high, _)| !(low..=high).contains(&value)) {
            Some((key, value, .., allowed)) => Err(ExecutorError::Config { key, value, allowed }),
            None => Ok(()),
        }
    }
}

/// True once `secs` have passed between two times; a clock that steps back has passed nothing.
pub(crate) fn has_passed(since: Nanos, now: Nanos, secs: f64) -> bool {
    now.secs_since(since) >= secs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_fault_is_named() {
        assert_eq!(ExecutorConfig::default().validate(), Ok(()));
        let error = |config: ExecutorConfig| config.validate().unwrap_err().to_string();
        assert_eq!(
            error(ExecutorConfig { blind_secs: f64::NAN, ..Default::default() }),
            "executor configuration: blind_secs = NaN, allowed: 0 to 30 s"
        );
        let budgets = Budgets { replan: Budget { count: 2000, secs: 1.0 }, ..Default::default() };
        assert!(error(ExecutorConfig { budgets, ..Default::default() }).contains("budgets.replan.count = 2000"));
    }
}
