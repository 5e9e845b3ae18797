//! Which goal a gripper is given when, and what is thought of how it ends. No ROS in here.

use neuraxis_core::Nanos;

/// Two wishes nearer to each other than these two are one [m], [N].
const SAME_M: f64 = 5e-4;
const SAME_N: f64 = 1.0;
/// Fingers that stall nearer to each other than they were told by more than this jam [m].
const JAM_M: f64 = 2e-3;
/// Between two goals: whoever floods a gripper never closes it.
const APART: Nanos = Nanos::from_millis(100);
/// A goal waits so long for somebody who serves the action: discovery makes itself known at once and, where that was lost,
/// every three seconds.
const DISCOVERY: Nanos = Nanos::from_millis(5000);
/// A gripper that has not said by now whether it takes a goal does not answer.
const ANSWER: Nanos = Nanos::from_millis(2000);
/// A goal that failed is given again after this time, for as long as it is wished.
const AGAIN: Nanos = Nanos::from_millis(1000);

/// Why a gripper is not where it was told to be.
#[derive(Copy, Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GripperTrouble {
    /// There is nobody to give the goal to.
    #[error("nobody serves the gripper's action: looked for {secs:.1} s")]
    NoServer {
        /// So long [s].
        secs: f64,
    },
    /// Nobody said whether the goal is taken.
    #[error("the gripper's action does not answer: {secs:.1} s without a word about a goal")]
    Unanswered {
        /// So long [s].
        secs: f64,
    },
    /// It was not taken.
    #[error("the gripper refuses the goal of {width_m:.4} m")]
    Refused {
        /// Distance between the pads that was asked for [m].
        width_m: f64,
    },
    /// It was taken and did not end.
    #[error("the goal of {width_m:.4} m did not end within {secs:.1} s and was cancelled")]
    Late {
        /// Distance between the pads that was asked for [m].
        width_m: f64,
        /// So long [s].
        secs: f64,
    },
    /// It ended badly, and not because something is held.
    #[error("the gripper gave up the goal of {width_m:.4} m")]
    Aborted {
        /// Distance between the pads that was asked for [m].
        width_m: f64,
    },
    /// Somebody else cancelled it, or gave another one.
    #[error("the goal of {width_m:.4} m was cancelled, and not by us")]
    Cancelled {
        /// Distance between the pads that was asked for [m].
        width_m: f64,
    },
}

/// What the fingers shall do.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    /// Distance between the pads [m].
    pub(crate) width_m: f64,
    /// Greatest force [N].
    pub(crate) force_n: f64,
}

impl Wish {
    fn is_same(&self, other: &Self) -> bool {
        (self.width_m - other.width_m).abs() < SAME_M && (self.force_n - other.force_n).abs() < SAME_N
    }
}

/// What is to be sent now: first the end of the goal before, then the new one.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(crate) struct Acts {
    pub(crate) cancels: bool,
    pub(crate) gives: Option<Wish>,
}

/// How a goal ended.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum End {
    Succeeded,
    /// The fingers came no further than this [m], whatever the gripper makes of that: they hold something, or jam.
    Stalled {
        width_m: f64,
    },
    Aborted,
    Cancelled,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Not given: nobody serves the action.
    Awaits,
    Asked,
    UnderWay,
    Done,
    Failed(Nanos),
}

/// One goal at a time, the newest wish's.
pub(crate) struct Goals {
    /// Longest that a goal may take.
    longest: Nanos,
    given: Option<(Wish, Nanos, Phase)>,
    trouble: Option<GripperTrouble>,
    failed: u64,
}

impl Goals {
    pub(crate) fn new(longest: Nanos) -> Self {
        Self { longest, given: None, trouble: None, failed: 0 }
    }

    /// This wish may need somebody who serves the action: whether there is somebody is of interest.
    pub(crate) fn needs_server(&self, wish: &Wish) -> bool {
        let is_settled =
            |(given, _, phase): (Wish, _, _)| !matches!(phase, Phase::Awaits | Phase::Failed(_)) && given.is_same(wish);
        !self.given.is_some_and(is_settled)
    }

    /// What to send, if this is wished now and somebody serves the action, or nobody.
    pub(crate) fn wish(&mut self, now: Nanos, wish: Wish, is_served: bool) -> Acts {
        let give = |cancels| Acts { cancels, gives: Some(wish) };
        let acts = match self.given {
            None => give(false),
            Some((_, since, Phase::Awaits)) if is_served || now - since <= DISCOVERY => give(false),
            Some((_, since, Phase::Awaits)) => {
                self.fail(now, wish, GripperTrouble::NoServer { secs: (now - since).secs() });
                return Acts::default();
            }
            Some((given, at, phase)) if !given.is_same(&wish) => {
                if now - at < APART {
                    return Acts::default();
                }
                give(matches!(phase, Phase::Asked | Phase::UnderWay))
            }
            Some((given, at, Phase::Asked)) if now - at > ANSWER => {
                let secs = (now - at).secs();
                self.fail(now, given, GripperTrouble::Unanswered { secs });
                // It may have been taken after all.
                return Acts { cancels: true, gives: None };
            }
            Some((given, at, Phase::UnderWay)) if now - at > self.longest => {
                let secs = (now - at).secs();
                self.fail(now, given, GripperTrouble::Late { width_m: given.width_m, secs });
                return Acts { cancels: true, gives: None };
            }
            Some((_, _, Phase::Failed(since))) if now - since > AGAIN => give(false),
            Some(_) => return Acts::default(),
        };
        if is_served {
            self.given = Some((wish, now, Phase::Asked));
            return acts;
        }
        let since = self.given.and_then(|(_, since, phase)| (phase == Phase::Awaits).then_some(since));
        self.given = Some((wish, since.unwrap_or(now), Phase::Awaits));
        Acts { gives: None, ..acts }
    }

    /// The goal given last was taken, or not.
    pub(crate) fn answered(&mut self, now: Nanos, accepted: bool) {
        let Some((wish, at, Phase::Asked)) = self.given else { return };
        if accepted {
            self.given = Some((wish, at, Phase::UnderWay));
        } else {
            self.fail(now, wish, GripperTrouble::Refused { width_m: wish.width_m });
        }
    }

    /// The goal given last ended.
    pub(crate) fn ended(&mut self, now: Nanos, end: End) {
        let Some((wish, at, Phase::UnderWay)) = self.given else { return };
        let width_m = wish.width_m;
        match end {
            End::Succeeded => self.finish(wish, at),
            // Fingers that something keeps apart were told to close on it; those that do not come apart jam.
            End::Stalled { width_m: at_m } if at_m > width_m - JAM_M => self.finish(wish, at),
            End::Stalled { .. } | End::Aborted => self.fail(now, wish, GripperTrouble::Aborted { width_m }),
            End::Cancelled => self.fail(now, wish, GripperTrouble::Cancelled { width_m }),
        }
    }

    /// Why the fingers are not where they were told to be; until a goal has ended well.
    pub(crate) fn trouble(&self) -> Option<GripperTrouble> {
        self.trouble
    }

    /// Goals that did not end well.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// A goal may be at work at the gripper.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.given, Some((_, _, Phase::Asked | Phase::UnderWay)))
    }

    fn finish(&mut self, wish: Wish, at: Nanos) {
        self.given = Some((wish, at, Phase::Done));
        self.trouble = None;
    }

    fn fail(&mut self, now: Nanos, wish: Wish, trouble: GripperTrouble) {
        let at = self.given.map_or(now, |(_, at, _)| at);
        self.given = Some((wish, at, Phase::Failed(now)));
        self.trouble = Some(trouble);
        self.failed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Wish = Wish { width_m: 0.08, force_n: 20.0 };
    const SHUT: Wish = Wish { width_m: 0.0, force_n: 20.0 };

    fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    fn goals() -> Goals {
        Goals::new(ms(5000))
    }

    #[test]
    fn a_wish_is_given_once_and_a_new_one_takes_its_place() {
        let mut goals = goals();
        assert_eq!(goals.wish(ms(0), OPEN, true), Acts { cancels: false, gives: Some(OPEN) });
        assert_eq!(goals.wish(ms(2), Wish { width_m: 0.0802, ..OPEN }, true), Acts::default());
        goals.answered(ms(3), true);
        // Too soon after the last one, then no more.
        assert_eq!(goals.wish(ms(50), SHUT, true), Acts::default());
        assert_eq!(goals.wish(ms(100), SHUT, true), Acts { cancels: true, gives: Some(SHUT) });
        goals.answered(ms(101), true);
        goals.ended(ms(400), End::Succeeded);
        assert_eq!((goals.wish(ms(9000), SHUT, true), goals.trouble(), goals.failed()), (Acts::default(), None, 0));
        assert_eq!(goals.wish(ms(9001), OPEN, true), Acts { cancels: false, gives: Some(OPEN) });
    }

    #[test]
    fn a_goal_waits_for_somebody_who_serves_the_action_and_not_for_ever() {
        let mut goals = goals();
        assert!(goals.needs_server(&OPEN));
        assert_eq!(goals.wish(ms(0), OPEN, false), Acts::default());
        // The newest wish is the one that is given.
        assert_eq!(goals.wish(ms(10), SHUT, false), Acts::default());
        assert!(goals.needs_server(&SHUT) && !goals.is_busy());
        assert_eq!(goals.wish(ms(4000), SHUT, true), Acts { cancels: false, gives: Some(SHUT) });
        assert!(!goals.needs_server(&SHUT) && goals.needs_server(&OPEN));
        goals.answered(ms(4001), true);
        goals.ended(ms(4002), End::Succeeded);
        // It goes away: what was given stays, and a new wish waits five seconds, however often it changes.
        assert_eq!(goals.wish(ms(5000), SHUT, false), Acts::default());
        for at in 6000..=11_000 {
            let wish = if at % 2 == 0 { OPEN } else { Wish { width_m: 0.04, ..OPEN } };
            assert_eq!((goals.wish(ms(at), wish, false), goals.trouble()), (Acts::default(), None), "{at}");
        }
        assert_eq!(goals.wish(ms(11_001), OPEN, false), Acts::default());
        let told = goals.trouble().unwrap().to_string();
        assert_eq!((told.as_str(), goals.failed()), ("nobody serves the gripper's action: looked for 5.0 s", 1));
        // It is tried again, and the trouble is over when a goal has ended well.
        assert_eq!(goals.wish(ms(12_000), OPEN, true), Acts::default());
        assert_eq!(goals.wish(ms(12_002), OPEN, true), Acts { cancels: false, gives: Some(OPEN) });
        goals.answered(ms(12_003), true);
        assert!(goals.trouble().is_some());
        goals.ended(ms(12_004), End::Succeeded);
        assert_eq!(goals.trouble(), None);
    }

    #[test]
    fn fingers_that_hold_something_are_where_they_shall_be() {
        let mut goals = goals();
        goals.wish(ms(0), SHUT, true);
        goals.answered(ms(1), true);
        goals.ended(ms(300), End::Stalled { width_m: 0.04 });
        assert_eq!((goals.trouble(), goals.is_busy()), (None, false));
    }

    #[test]
    fn fingers_that_jam_on_their_way_open_are_not_where_they_shall_be() {
        // Where they came to, and whether that is well for fingers that shall open.
        for (width_m, is_well) in [(0.03, false), (0.0, false), (f64::NAN, false), (0.079, true), (0.081, true)] {
            let mut goals = goals();
            goals.wish(ms(0), OPEN, true);
            goals.answered(ms(1), true);
            goals.ended(ms(300), End::Stalled { width_m });
            let trouble = (!is_well).then_some(GripperTrouble::Aborted { width_m: 0.08 });
            assert_eq!(goals.trouble(), trouble, "stalled at {width_m} m");
        }
    }

    /// Every way to go wrong ends in its reason, and is tried again for as long as it is wished.
    #[test]
    fn what_goes_wrong_is_told_and_tried_again_until_it_goes_well() {
        for (fail, said, cancels) in [
            ((|goals, at| goals.answered(at, false)) as fn(&mut Goals, Nanos), "refuses the goal of 0.0800 m", false),
            (
                |goals, at| {
                    goals.answered(at, true);
                    goals.ended(at, End::Aborted);
                },
                "gave up the goal of 0.0800 m",
                false,
            ),
            (
                |goals, at| {
                    goals.answered(at, true);
                    goals.ended(at, End::Cancelled);
                },
                "cancelled, and not by us",
                false,
            ),
            (|_, _| (), "does not answer: 2.0 s", true),
            (|goals, at| goals.answered(at, true), "did not end within 5.0 s", true),
        ] {
            let mut goals = goals();
            goals.wish(ms(0), OPEN, true);
            fail(&mut goals, ms(1));
            let mut at = 1;
            let mut acts = Acts::default();
            while goals.trouble().is_none() {
                at += 1;
                acts = goals.wish(ms(at), OPEN, true);
            }
            let text = goals.trouble().unwrap().to_string();
            assert!(text.contains(said), "{text} does not say {said}");
            assert_eq!(acts, Acts { cancels, gives: None }, "{said}");
            let failed_at = at;
            while acts.gives.is_none() {
                at += 1;
                acts = goals.wish(ms(at), OPEN, true);
            }
            assert_eq!((acts, at), (Acts { cancels: false, gives: Some(OPEN) }, failed_at + 1001), "{said}");
            goals.answered(ms(at + 1), true);
            // Taken is not yet done.
            assert!(goals.trouble().is_some(), "{said}");
            goals.ended(ms(at + 2), End::Succeeded);
            assert_eq!(goals.trouble(), None, "{said}");
            assert!(goals.failed() >= 1, "{said}");
        }
    }

    #[test]
    fn what_comes_of_an_earlier_goal_is_not_taken_for_the_newest() {
        let mut goals = goals();
        goals.wish(ms(0), OPEN, true);
        goals.ended(ms(1), End::Succeeded);
        assert!(goals.is_busy(), "not taken yet, so not ended");
        goals.answered(ms(2), true);
        goals.answered(ms(3), false);
        assert_eq!(goals.trouble(), None);
    }
}
