//! What the node did.

/// What the node did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct RosStats {
    /// Joint states published.
    pub joint_states: u64,
    /// Camera views published (image, depth, info and pose count as one).
    pub images: u64,
    /// Messages on `/tf` published.
    pub frames: u64,
    /// Views of the policy and heatmaps published.
    pub policy_views: u64,
    /// Lines about a brain published.
    pub events: u64,
    /// Observations replaced by newer ones before they were published.
    pub frames_superseded: u64,
    /// States and views not published because they were incomplete, not finite, or of a camera without topics.
    pub malformed: u64,
    /// Instructions handed on.
    pub instructions: u64,
    /// Instructions replaced by newer ones before anybody read them.
    pub instructions_superseded: u64,
    /// Instructions refused.
    pub instructions_refused: u64,
    /// Goals taken.
    pub goals: u64,
    /// Goals refused.
    pub goals_refused: u64,
    /// Goals that ended well.
    pub goals_succeeded: u64,
    /// Goals that ended because their clients wished it.
    pub goals_canceled: u64,
    /// Goals that ended otherwise.
    pub goals_aborted: u64,
    /// Stop requests taken.
    pub stops: u64,
    /// Reset requests taken.
    pub resets: u64,
    /// Changes of the node's state.
    pub transitions: u64,
    /// Changes of state that were asked for and that the state does not have.
    pub transitions_refused: u64,
    /// Parameters set over ROS.
    pub parameters_set: u64,
    /// Parameters that were to be set and were not.
    pub parameters_refused: u64,
    /// Reports on `/diagnostics`.
    pub diagnostics: u64,
    /// Sets of markers published.
    pub markers: u64,
    /// Messages and answers that the middleware did not take.
    pub failed: u64,
}

impl RosStats {
    pub(crate) fn count_published(&mut self, sent: bool, counter: impl FnOnce(&mut Self) -> &mut u64) {
        *if sent { counter(self) } else { &mut self.failed } += 1;
    }

    /// Every counter with its name.
    pub fn named(&self) -> [(&'static str, u64); 23] {
        [
            ("joint_states", self.joint_states),
            ("images", self.images),
            ("frames", self.frames),
            ("events", self.events),
            ("frames_superseded", self.frames_superseded),
            ("malformed", self.malformed),
            ("instructions", self.instructions),
            ("instructions_superseded", self.instructions_superseded),
            ("instructions_refused", self.instructions_refused),
            ("goals", self.goals),
            ("goals_refused", self.goals_refused),
            ("goals_succeeded", self.goals_succeeded),
            ("goals_canceled", self.goals_canceled),
            ("goals_aborted", self.goals_aborted),
            ("stops", self.stops),
            ("resets", self.resets),
            ("transitions", self.transitions),
            ("transitions_refused", self.transitions_refused),
            ("parameters_set", self.parameters_set),
            ("parameters_refused", self.parameters_refused),
            ("diagnostics", self.diagnostics),
            ("markers", self.markers),
            ("failed", self.failed),
        ]
    }
}
