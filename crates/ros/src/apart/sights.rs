//! What policies have said last of their sight, also before it is known which of them is heard.

use std::collections::VecDeque;

use crate::sight::PolicySight;

/// Policies of which it is kept: whoever sends may be anybody.
const MOST: usize = 8;

/// The newest sight of each policy, named by its session; the newest last.
#[derive(Debug, Default)]
pub(super) struct Sights(VecDeque<(u64, PolicySight)>);

impl Sights {
    /// A policy says how whole is what it sees. Where there is no room, the oldest that is not of the policy `heard` goes.
    pub(super) fn note(&mut self, session: u64, sight: PolicySight, heard: Option<u64>) {
        self.0.retain(|(known, _)| *known != session);
        if self.0.len() == MOST {
            let oldest = self.0.iter().position(|(known, _)| Some(*known) != heard).unwrap_or(0);
            self.0.remove(oldest);
        }
        self.0.push_back((session, sight));
    }

    /// Of one policy; whole if it has said nothing.
    pub(super) fn of(&self, session: Option<u64>) -> PolicySight {
        let said = self.0.iter().find(|(known, _)| Some(*known) == session);
        said.map(|(_, sight)| sight.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(camera: &str) -> PolicySight {
        PolicySight { left_out: vec![camera.into()], before_age_secs: None }
    }

    #[test]
    fn the_report_of_a_policy_that_is_not_heard_yet_counts_once_it_is() {
        let mut sights = Sights::default();
        sights.note(7, without("front"), None);
        sights.note(8, without("wrist"), None);
        assert_eq!(sights.of(None), PolicySight::default());
        assert_eq!((sights.of(Some(7)), sights.of(Some(8))), (without("front"), without("wrist")));
        assert_eq!(sights.of(Some(9)), PolicySight::default());
        sights.note(7, PolicySight::default(), Some(7));
        assert_eq!(sights.of(Some(7)), PolicySight::default(), "the newest counts");
    }

    #[test]
    fn a_crowd_of_reports_does_not_push_out_that_of_the_policy_that_is_heard() {
        let mut sights = Sights::default();
        (7..100).for_each(|session| sights.note(session, without("front"), Some(7)));
        assert_eq!((sights.0.len(), sights.of(Some(7))), (MOST, without("front")));
        assert_eq!((sights.of(Some(8)), sights.of(Some(99))), (PolicySight::default(), without("front")));
    }
}
