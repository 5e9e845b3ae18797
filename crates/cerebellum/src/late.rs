//! What the fingers are about to close on, or to let go over, has moved aside when the arm is as good as there.
//!
//! By then the goal is no longer moved a little ([`crate::CerebellumConfig::freeze_m`]): the hand hides what it is at, and
//! predictions waver. Only a jump counts, aside and not along the way in, and only if predictions agree closely; a few for
//! each key-frame at most, for a prediction that depends on where the hand is could go on for ever.

use neuraxis_core::KeyFrame;

use crate::{CommitConfig, commit::Votes};

/// So often for a key-frame.
const MOST: u32 = 2;
/// A jump is at most so many gates wide: what goes further is something else.
const GATES: f64 = 2.0;

/// What to do with a prediction made when the arm has arrived, or nearly.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// It does not say that the goal has moved aside.
    No,
    /// It does, but too few predictions agree on it as yet.
    Wait,
    /// Enough of them do.
    Adopt,
}

/// Counts predictions that agree.
#[derive(Clone, Debug, Default)]
pub(crate) struct LateJump {
    votes: Votes,
    adopted: u32,
}

impl LateJump {
    /// Begins anew: call it with each new key-frame.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A jump has been predicted, and has neither been adopted nor taken back.
    pub(crate) fn is_open(&self) -> bool {
        self.votes.are_open()
    }

    /// Judges a prediction; a jump is one by more than `least_m`.
    pub(crate) fn consider(
        &mut self,
        active: &KeyFrame,
        predicted: &KeyFrame,
        gate: &CommitConfig,
        least_m: f64,
    ) -> Late {
        if self.adopted >= MOST || !is_aside(active, predicted, gate, least_m) {
            self.votes.clear();
            return Late::No;
        }
        if !self.votes.cast(predicted, &CommitConfig { gate_m: least_m, ..*gate }) {
            return Late::Wait;
        }
        self.adopted += 1;
        Late::Adopt
    }
}

/// The same is to be done with the fingers, turned much the same, more aside than along the tool's axis.
fn is_aside(active: &KeyFrame, predicted: &KeyFrame, gate: &CommitConfig, least_m: f64) -> bool {
    let (from, to) = (&active.world_from_tool, &predicted.world_from_tool);
    let way = to.position() - from.position();
    let along_m = way.dot(&(from.rotation() * nalgebra::Vector3::z()));
    let aside_m = (way.norm_squared() - along_m * along_m).max(0.0).sqrt();
    active.gripper == predicted.gripper
        && active.ignore_collisions == predicted.ignore_collisions
        && from.distance(to).1 <= gate.gate_rad
        && aside_m > least_m.max(gate.dead_band_m)
        && aside_m <= GATES * gate.gate_m
        && aside_m >= along_m.abs()
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Pose};

    use super::*;

    const LEAST_M: f64 = 0.01;

    /// A grasp from above, this far off.
    fn grasp(x: f64, y: f64, z: f64) -> KeyFrame {
        let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
        let world_from_tool = Pose::from_parts(Vector3::new(0.4 + x, y, 0.8 + z), down);
        KeyFrame { world_from_tool, gripper: Gripper::Closed, ignore_collisions: true }
    }

    fn judge(jump: &mut LateJump, predictions: &[KeyFrame]) -> Vec<Late> {
        let gate = CommitConfig::default();
        predictions.iter().map(|p| jump.consider(&grasp(0.0, 0.0, 0.0), p, &gate, LEAST_M)).collect()
    }

    #[test]
    fn three_that_agree_are_a_jump_and_those_that_waver_are_none() {
        let aside = grasp(0.0, 0.03, 0.002);
        let mut jump = LateJump::default();
        assert_eq!(judge(&mut jump, &[aside, aside, aside]), [Late::Wait, Late::Wait, Late::Adopt]);
        assert!(!jump.is_open());
        // To this side and to that.
        let (here, there) = (grasp(0.0, 0.015, 0.0), grasp(0.0, -0.015, 0.0));
        let mut jump = LateJump::default();
        assert_eq!(judge(&mut jump, &[here, there, here, there]), [Late::Wait; 4]);
        // Taken back.
        assert_eq!(judge(&mut jump, &[grasp(0.0, 0.0, 0.0)]), [Late::No]);
        assert!(!jump.is_open());
    }

    #[test]
    fn what_comes_next_or_is_something_else_is_no_jump_aside() {
        let turned = |k: KeyFrame| {
            let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 1.0);
            let pose = k.world_from_tool;
            KeyFrame { world_from_tool: Pose::from_parts(pose.position(), turn * pose.rotation()), ..k }
        };
        let opened = KeyFrame { gripper: Gripper::Open, ..grasp(0.0, 0.03, 0.0) };
        let free = KeyFrame { ignore_collisions: false, ..grasp(0.0, 0.03, 0.0) };
        let others =
            [grasp(0.0, 0.0, 0.1), grasp(0.0, 0.25, 0.0), grasp(0.0, 0.008, 0.0), turned(grasp(0.0, 0.03, 0.0))];
        for other in others.into_iter().chain([opened, free]) {
            assert_eq!(judge(&mut LateJump::default(), &[other; 4]), [Late::No; 4], "{other:?}");
        }
    }

    #[test]
    fn a_prediction_that_always_jumps_does_not_go_on_for_ever() {
        let mut jump = LateJump::default();
        let said = judge(&mut jump, &[grasp(0.0, 0.03, 0.0); 20]);
        assert_eq!(said.iter().filter(|late| **late == Late::Adopt).count(), MOST as usize);
        assert!(!jump.is_open());
        jump.clear();
        assert_eq!(judge(&mut jump, &[grasp(0.0, 0.03, 0.0)]), [Late::Wait]);
    }
}
