//! When a new prediction may change the motion under way.
//!
//! While a key-frame is active, a prediction may move its pose within a gate. A jump, or another gripper state or
//! collision flag, is adopted on arrival with the gripper done (by then there is no active key-frame and this rule is
//! not asked), or after a number of predictions that agree with each other.
//!
//! Within the gate a pose goes the part of the way that the prediction is confident of: a policy that wavers does not
//! make the arm waver, and a sure one moves the pose at once.

use neuraxis_core::{KeyFrame, Pose, Tool, World};
use serde::{Deserialize, Serialize};

/// Sizes of the gate.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommitConfig {
    /// A pose may be moved by this at once, 0 to 0.5 [m].
    pub gate_m: f64,
    /// ... and turned by this, 0 to 3.2 [rad].
    pub gate_rad: f64,
    /// Smaller moves are not worth a new motion, 0 to `gate_m` [m].
    pub dead_band_m: f64,
    /// ... and smaller turns, 0 to `gate_rad` [rad].
    pub dead_band_rad: f64,
    /// Least part of the way that a pose is moved at once, whatever the confidence, 0.05 to 1; 1: always all of it.
    pub least_gain: f64,
    /// This many predictions in a row that agree within the gate make a jump, 1 to 100.
    pub agreeing: u32,
}

impl Default for CommitConfig {
    fn default() -> Self {
        Self { gate_m: 0.05, gate_rad: 0.35, dead_band_m: 0.002, dead_band_rad: 0.02, least_gain: 0.25, agreeing: 3 }
    }
}

/// What to do with a prediction.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Decision {
    /// It says what is being done.
    Keep,
    /// Small change: move the goal of the motion under way.
    Retarget(KeyFrame),
    /// A jump that too few predictions agree on as yet.
    Wait,
    /// A jump that enough predictions agree on.
    Adopt(KeyFrame),
}

impl CommitConfig {
    /// Same gripper state and flag, and poses within the gate.
    pub(crate) fn agree(&self, a: &KeyFrame, b: &KeyFrame) -> bool {
        let (metres, radians) = a.world_from_tool.distance(&b.world_from_tool);
        a.gripper == b.gripper
            && a.ignore_collisions == b.ignore_collisions
            && metres <= self.gate_m
            && radians <= self.gate_rad
    }
}

/// Predictions in a row that agree, each with the one before: the candidate follows the newest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes(Option<(KeyFrame, u32)>);

impl Votes {
    /// Forgets the candidate.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    /// There is a candidate.
    pub(crate) fn are_open(&self) -> bool {
        self.0.is_some()
    }

    /// Counts a prediction; true, and none any more, once `gate.agreeing` in a row agree within `gate`.
    pub(crate) fn cast(&mut self, predicted: &KeyFrame, gate: &CommitConfig) -> bool {
        let votes = match &self.0 {
            Some((candidate, votes)) if gate.agree(candidate, predicted) => votes + 1,
            _ => 1,
        };
        let are_enough = votes >= gate.agreeing;
        self.0 = (!are_enough).then_some((*predicted, votes));
        are_enough
    }
}

/// Counts agreeing jumps.
#[derive(Clone, Debug)]
pub struct CommitRule {
    config: CommitConfig,
    votes: Votes,
}

impl CommitRule {
    /// No candidate yet.
    pub fn new(config: CommitConfig) -> Self {
        Self { config, votes: Votes::default() }
    }

    /// Forgets the candidate: call it on arrival and with each new motion.
    pub fn clear(&mut self) {
        self.votes.clear();
    }

    /// Judges a prediction made while `active` is being approached; `confidence` in [0, 1].
    pub fn consider(&mut self, active: &KeyFrame, predicted: &KeyFrame, confidence: f64) -> Decision {
        if self.config.agree(active, predicted) {
            self.votes.clear();
            let (metres, radians) = active.world_from_tool.distance(&predicted.world_from_tool);
            return if metres <= self.config.dead_band_m && radians <= self.config.dead_band_rad {
                Decision::Keep
            } else {
                let gain = confidence.clamp(self.config.least_gain, 1.0);
                Decision::Retarget(KeyFrame { world_from_tool: between(active, predicted, gain), ..*predicted })
            };
        }
        // A jump.
        if self.votes.cast(predicted, &self.config) { Decision::Adopt(*predicted) } else { Decision::Wait }
    }
}

/// The pose on the way from one key-frame's to another's, 0 to 1.
fn between(from: &KeyFrame, to: &KeyFrame, part: f64) -> Pose<World, Tool> {
    let (from, to) = (&from.world_from_tool, &to.world_from_tool);
    if part >= 1.0 {
        return *to;
    }
    // Poses within the gate are no half turn apart; if a wide gate lets such through, the turn is made at once.
    let rotation = from.rotation().try_slerp(&to.rotation(), part, 1e-9).unwrap_or_else(|| to.rotation());
    Pose::from_parts(from.position().lerp(&to.position(), part), rotation)
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Pose};

    use super::*;

    fn at(x: f64, yaw: f64, gripper: Gripper, ignore_collisions: bool) -> KeyFrame {
        let rotation = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, yaw);
        let world_from_tool = Pose::from_parts(Vector3::new(x, 0.0, 0.9), rotation);
        KeyFrame { world_from_tool, gripper, ignore_collisions }
    }

    fn open(x: f64) -> KeyFrame {
        at(x, 0.0, Gripper::Open, false)
    }

    #[test]
    fn small_moves_retarget_and_tiny_ones_do_not() {
        let mut rule = CommitRule::new(CommitConfig::default());
        assert_eq!(rule.consider(&open(0.3), &open(0.3005), 1.0), Decision::Keep);
        assert_eq!(rule.consider(&open(0.3), &open(0.34), 1.0), Decision::Retarget(open(0.34)));
        let turned = at(0.3, 0.2, Gripper::Open, false);
        assert_eq!(rule.consider(&open(0.3), &turned, 1.0), Decision::Retarget(turned));
    }

    #[test]
    fn a_jump_needs_agreeing_predictions_in_a_row() {
        let mut rule = CommitRule::new(CommitConfig::default());
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.51), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.52), 1.0), Decision::Adopt(open(0.52)));
        // A turn beyond the gate is a jump too.
        assert_eq!(rule.consider(&open(0.3), &at(0.3, 1.0, Gripper::Open, false), 1.0), Decision::Wait);
    }

    #[test]
    fn an_unsure_prediction_moves_the_pose_part_of_the_way() {
        let config = CommitConfig::default();
        let mut rule = CommitRule::new(config);
        let to = at(0.34, 0.2, Gripper::Open, false);
        for (confidence, part) in [(0.5, 0.5), (0.0, config.least_gain), (1.0, 1.0), (7.0, 1.0)] {
            let Decision::Retarget(moved) = rule.consider(&open(0.3), &to, confidence) else { panic!("{confidence}") };
            let (metres, radians) = moved.world_from_tool.distance(&open(0.3).world_from_tool);
            assert!((metres - 0.04 * part).abs() < 1e-9 && (radians - 0.2 * part).abs() < 1e-6, "{metres} {radians}");
        }
    }

    #[test]
    fn disagreement_and_confirmation_of_the_active_goal_start_the_count_again() {
        let mut rule = CommitRule::new(CommitConfig::default());
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.1), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.3), 1.0), Decision::Keep);
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        rule.clear();
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
        assert_eq!(rule.consider(&open(0.3), &open(0.5), 1.0), Decision::Wait);
    }

    #[test]
    fn another_gripper_state_or_flag_is_a_jump_even_at_the_same_pose() {
        for other in [at(0.3, 0.0, Gripper::Closed, false), at(0.3, 0.0, Gripper::Open, true)] {
            let mut rule = CommitRule::new(CommitConfig::default());
            assert_eq!(rule.consider(&open(0.3), &other, 1.0), Decision::Wait);
            assert_eq!(rule.consider(&open(0.3), &other, 1.0), Decision::Wait);
            assert_eq!(rule.consider(&open(0.3), &other, 1.0), Decision::Adopt(other));
        }
    }
}
