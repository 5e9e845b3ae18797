//! How many joint states were refused since one was taken, and which of them are worth a line of the log.

use std::mem::{Discriminant, discriminant};

use super::StateRefusal;

/// Refused in a row, by kind.
#[derive(Debug, Default)]
pub(super) struct Refused(Vec<(Discriminant<StateRefusal>, u64)>);

impl Refused {
    /// One more; how many of its kind there are, where that is to be told: of each kind ever more rarely, since a flood of bad
    /// states must not become a flood of log lines, and that the arm was only just heard once.
    pub(super) fn note(&mut self, refusal: &StateRefusal) -> Option<u64> {
        let kind = discriminant(refusal);
        let place = self.0.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.0.push((kind, 0));
            self.0.len() - 1
        });
        let count = &mut self.0[place].1;
        *count += 1;
        let is_told = match refusal {
            StateRefusal::JustBack { .. } => *count == 1,
            _ => count.is_power_of_two(),
        };
        is_told.then_some(*count)
    }

    /// One was taken: how many were refused before it.
    pub(super) fn end(&mut self) -> u64 {
        self.0.drain(..).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_refusal_is_told_at_once_whatever_was_refused_before() {
        let mut refused = Refused::default();
        let back = StateRefusal::JustBack { left_secs: 3.5 };
        let told: Vec<_> = (0..700).filter_map(|_| refused.note(&back)).collect();
        assert_eq!(told, [1]);
        let missing = StateRefusal::Missing { joint: "a".into() };
        let told: Vec<_> = (0..100).filter_map(|_| refused.note(&missing)).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!((refused.end(), refused.end()), (800, 0));
        assert_eq!(refused.note(&missing), Some(1));
    }

    #[test]
    fn two_kinds_by_turns_are_no_flood_of_lines() {
        let mut refused = Refused::default();
        let kinds = [StateRefusal::Ahead { secs: 1.0 }, StateRefusal::StampStands { secs: 1.0 }];
        let told = kinds.iter().cycle().take(1000).filter_map(|kind| refused.note(kind));
        assert_eq!(told.count(), 2 * 9);
    }
}
