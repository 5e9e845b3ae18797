//! What the node did, for diagnostics.

use super::{GripperTrouble, StateRefusal, course::Noticed};

/// Counts since the start.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlStats {
    /// Joint states taken.
    pub states: u64,
    /// Messages about other joints, which are no business of ours.
    pub other_joints: u64,
    /// States refused for what they say: names, lengths, numbers.
    pub malformed: u64,
    /// States refused because their stamp stands still or goes back.
    pub stamp_stands_or_returns: u64,
    /// States refused because they were older than the time-out when they came.
    pub late: u64,
    /// States refused because their stamp lies ahead.
    pub ahead: u64,
    /// States refused after a clock had leapt.
    pub clock_leapt: u64,
    /// States refused because a joint had leapt.
    pub leapt: u64,
    /// States refused because the robot was away a moment before.
    pub just_back: u64,
    /// Commands published.
    pub commands: u64,
    /// Commands to the gripper published, or given as goals.
    pub gripper_commands: u64,
    /// Goals of the gripper that did not end well.
    pub gripper_troubles: u64,
    /// Commands not published because they did not continue from where the arm was.
    pub commands_refused: u64,
    /// Times that the loop was silent for `silence_secs`.
    pub silences: u64,
    /// ... and came back while the node was braking.
    pub resumed: u64,
    /// Times that another publisher of commands appeared.
    pub rivals: u64,
    /// Messages that the middleware did not take.
    pub failed: u64,
}

impl ControlStats {
    /// States refused, for whatever reason.
    pub fn refused(&self) -> u64 {
        let untimely = self.stamp_stands_or_returns + self.late + self.ahead + self.clock_leapt;
        self.malformed + untimely + self.leapt + self.just_back
    }

    /// Each with its name.
    pub(crate) fn named(&self) -> [(&'static str, u64); 17] {
        [
            ("states", self.states),
            ("other_joints", self.other_joints),
            ("malformed", self.malformed),
            ("stamp_stands_or_returns", self.stamp_stands_or_returns),
            ("late", self.late),
            ("ahead", self.ahead),
            ("clock_leapt", self.clock_leapt),
            ("leapt", self.leapt),
            ("just_back", self.just_back),
            ("commands", self.commands),
            ("gripper_commands", self.gripper_commands),
            ("gripper_troubles", self.gripper_troubles),
            ("commands_refused", self.commands_refused),
            ("silences", self.silences),
            ("resumed", self.resumed),
            ("times_with_rivals", self.rivals),
            ("failed", self.failed),
        ]
    }

    pub(crate) fn count_refused(&mut self, refusal: &StateRefusal) {
        *match refusal {
            StateRefusal::Lengths { .. }
            | StateRefusal::Missing { .. }
            | StateRefusal::Duplicate { .. }
            | StateRefusal::NotFinite { .. } => &mut self.malformed,
            StateRefusal::StampStands { .. } | StateRefusal::StampReturns { .. } => &mut self.stamp_stands_or_returns,
            StateRefusal::Late { .. } => &mut self.late,
            StateRefusal::Ahead { .. } => &mut self.ahead,
            StateRefusal::ClockLeapt { .. } => &mut self.clock_leapt,
            StateRefusal::Leapt { .. } => &mut self.leapt,
            StateRefusal::JustBack { .. } => &mut self.just_back,
        } += 1;
    }

    pub(crate) fn notice(&mut self, noticed: Noticed) {
        (self.silences, self.resumed, self.commands_refused) = (noticed.silences, noticed.resumed, noticed.refused);
    }
}

/// The node at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlReport {
    /// Counts since the start.
    pub stats: ControlStats,
    /// Why a state was refused last.
    pub last_refusal: Option<StateRefusal>,
    /// The newest good state is younger than the time-out.
    pub is_alive: bool,
    /// The loop's commands are not published.
    pub is_refusing: bool,
    /// How a goal of the gripper failed last.
    pub gripper_trouble: Option<GripperTrouble>,
    /// The fingers are not where they were told to be, and the loop's commands fail for it.
    pub is_gripper_in_trouble: bool,
    /// Somebody else moves the arm, and nothing is published here.
    pub is_watched: bool,
    /// Other publishers of commands, now.
    pub rivals: Vec<String>,
}
