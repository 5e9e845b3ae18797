//! How many joint states were refused lately, and which of them are worth a line of the log.

use std::mem::{Discriminant, discriminant, take};

use neuraxis_core::Nanos;

use super::StateRefusal;

/// After this time without a refusal the next one is news again.
const QUIET: Nanos = Nanos::from_millis(1000);

/// Refused lately, by kind; good states between them change nothing, for a robot whose every second state is bad must not fill
/// the log.
#[derive(Debug, Default)]
pub(super) struct Refused {
    kinds: Vec<(Discriminant<StateRefusal>, u64)>,
    newest: Nanos,
    /// Since one was taken.
    in_a_row: u64,
    /// One of these was told.
    is_row_told: bool,
}

impl Refused {
    /// One more; how many of its kind there were lately, where that is to be told: of each kind ever more rarely, since a flood
    /// of bad states must not become a flood of log lines, and that the arm was only just heard once.
    pub(super) fn note(&mut self, now: Nanos, refusal: &StateRefusal) -> Option<u64> {
        if now - self.newest > QUIET {
            self.kinds.clear();
        }
        self.newest = now;
        self.in_a_row += 1;
        let kind = discriminant(refusal);
        let place = self.kinds.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.kinds.push((kind, 0));
            self.kinds.len() - 1
        });
        let count = &mut self.kinds[place].1;
        *count += 1;
        let is_told = match refusal {
            StateRefusal::JustBack { .. } => *count == 1,
            _ => count.is_power_of_two(),
        };
        self.is_row_told |= is_told;
        is_told.then_some(*count)
    }

    /// One was taken: how many were refused before it, if any of them was told.
    pub(super) fn end(&mut self) -> Option<u64> {
        let count = take(&mut self.in_a_row);
        take(&mut self.is_row_told).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    #[test]
    fn a_real_refusal_is_told_at_once_whatever_was_refused_before() {
        let mut refused = Refused::default();
        let back = StateRefusal::JustBack { left_secs: 3.5 };
        let told: Vec<_> = (0..700).filter_map(|at| refused.note(ms(at), &back)).collect();
        assert_eq!(told, [1]);
        let missing = StateRefusal::Missing { joint: "a".into() };
        let told: Vec<_> = (700..800).filter_map(|at| refused.note(ms(at), &missing)).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!((refused.end(), refused.end()), (Some(800), None));
        // After a while it is news.
        assert_eq!(refused.note(ms(1799), &missing), None);
        assert_eq!(refused.note(ms(2800), &missing), Some(1));
    }

    #[test]
    fn two_kinds_by_turns_are_no_flood_of_lines() {
        let mut refused = Refused::default();
        let kinds = [StateRefusal::Ahead { secs: 1.0 }, StateRefusal::StampStands { secs: 1.0 }];
        let told = (0..1000).zip(kinds.iter().cycle()).filter_map(|(at, kind)| refused.note(ms(at), kind));
        assert_eq!(told.count(), 2 * 9);
    }

    /// A broadcaster that says everything twice.
    #[test]
    fn bad_states_between_good_ones_are_no_flood_of_lines_either() {
        let mut refused = Refused::default();
        let twice = StateRefusal::StampStands { secs: 1.0 };
        let (mut bad, mut good) = (0, 0);
        for at in 0..1000 {
            bad += u32::from(refused.note(ms(2 * at), &twice).is_some());
            good += u32::from(refused.end().is_some());
        }
        assert_eq!((bad, good), (10, 10));
    }
}
