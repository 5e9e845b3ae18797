//! What the node's reports mean to whoever looks after the arm.
//!
//! | what | level |
//! |---|---|
//! | no good state within the time-out; other publishers; commands refused; the gripper in trouble | error |
//! | states refused, the loop silent, or messages lost since the report before | warning |

use super::ControlReport;
use crate::status::{Level, Status};

impl ControlReport {
    /// As `/diagnostics` tells it; `before` is the report of a second ago.
    pub fn status(&self, before: &Self) -> Status {
        let well =
            if self.is_watched { "the arm is heard; nothing is sent to it" } else { "the arm is heard and follows" };
        let mut status = Status::new("driver ros2_control", well);
        let (now, earlier) = (&self.stats, &before.stats);
        if !self.rivals.is_empty() {
            status.say(Level::Error, format!("commanded by others, too: {}", self.rivals.join(", ")));
        }
        let why = self.last_refusal.as_ref().map(ToString::to_string);
        if !self.is_alive {
            let why = why.clone().unwrap_or("nothing comes".into());
            status.say(Level::Error, format!("no state that can be believed: {why}"));
        }
        if self.is_refusing {
            status.say(Level::Error, "the loop's commands do not continue from where the arm is: not published");
        }
        if let Some(trouble) = self.gripper_trouble.filter(|_| self.is_gripper_in_trouble) {
            status.say(Level::Error, trouble.to_string());
        }
        let refused = now.refused().saturating_sub(earlier.refused());
        if let (1.., Some(why)) = (refused, &why) {
            status.say(Level::Warn, format!("{refused} states refused, the last: {why}"));
        }
        if now.silences > earlier.silences {
            status.say(Level::Warn, format!("the loop was silent {} times", now.silences - earlier.silences));
        }
        if now.failed > earlier.failed {
            status.say(Level::Warn, format!("{} messages not taken", now.failed - earlier.failed));
        }
        status.value("alive", self.is_alive);
        status.value("refusing", self.is_refusing);
        status.value("last_refusal", why.unwrap_or("none".into()));
        status.value("last_gripper_trouble", self.gripper_trouble.map_or("none".into(), |trouble| trouble.to_string()));
        now.named().into_iter().for_each(|(key, count)| status.value(key, count));
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{ControlStats, GripperTrouble, StateRefusal};

    type Case = (fn(&mut ControlReport), Level, &'static str);

    fn well() -> ControlReport {
        let stats = ControlStats { states: 500, commands: 500, malformed: 3, silences: 1, ..ControlStats::default() };
        let last_refusal = Some(StateRefusal::Missing { joint: "a".into() });
        ControlReport { stats, last_refusal, is_alive: true, ..ControlReport::default() }
    }

    fn after(change: impl FnOnce(&mut ControlReport)) -> Status {
        let mut report = well();
        change(&mut report);
        report.status(&well())
    }

    #[test]
    fn what_was_long_ago_is_no_warning_and_what_stops_the_arm_is_an_error() {
        let fine = after(|_| ());
        assert_eq!(fine.level, Level::Ok);
        assert!(fine.values.contains(&("states".into(), "500".into())), "{fine:?}");
        assert!(fine.values.contains(&("last_refusal".into(), "joint a is missing".into())), "{fine:?}");
        let cases: [Case; 7] = [
            (|r| r.is_alive = false, Level::Error, "no state that can be believed: joint a is missing"),
            (|r| r.rivals = vec!["/x".into()], Level::Error, "commanded by others, too: /x"),
            (|r| r.is_refusing = true, Level::Error, "do not continue"),
            (
                |r| {
                    r.is_gripper_in_trouble = true;
                    r.gripper_trouble = Some(GripperTrouble::Refused { width_m: 0.05 });
                },
                Level::Error,
                "refuses the goal of 0.0500 m",
            ),
            (|r| r.stats.malformed += 2, Level::Warn, "2 states refused, the last: joint a is missing"),
            (|r| r.stats.silences += 1, Level::Warn, "silent 1 times"),
            (|r| r.stats.failed += 4, Level::Warn, "4 messages not taken"),
        ];
        for (change, level, words) in cases {
            let status = after(change);
            assert_eq!(status.level, level, "{status:?}");
            assert!(status.message.contains(words), "{status:?}");
        }
        let watched = after(|r| r.is_watched = true);
        assert_eq!((watched.level, &*watched.message), (Level::Ok, "the arm is heard; nothing is sent to it"));
        // A gripper that was in trouble and is not any more is only told.
        let over = after(|r| r.gripper_trouble = Some(GripperTrouble::Refused { width_m: 0.05 }));
        assert_eq!(over.level, Level::Ok);
    }
}
