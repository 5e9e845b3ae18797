//! Which points belong to the arm. Only the tool's pose and the distance of its fingers are known, so the arm is
//! described by three simple bodies: the foot (a cylinder), the hand (a box) with what lies behind it (a cylinder along
//! the tool's axis), and the fingers (two boxes, open in between, where a thing may be held).

use nalgebra::Vector3;
use neuraxis_core::{Gripper, Pose, Tool, World};

use crate::{SceneConfig, SightError};

/// Half of the hand across (along x) and along the fingers' motion (along y) [m].
const HAND_M: [f64; 2] = [0.045, 0.115];
/// The hand's own reach along z of the tool: from behind to before [m].
const HAND_Z_M: [f64; 2] = [-0.125, -0.035];
/// Flange and wrist: radius around the tool's axis, and how far back they reach [m].
const WRIST_M: [f64; 2] = [0.11, -0.38];
/// Fingers: half across, thickness along y, reach along z [m].
const FINGER_M: [f64; 2] = [0.016, 0.028];
const FINGER_Z_M: [f64; 2] = [-0.06, 0.016];
/// Depth noise and the coarse grid of a camera's pixels [m].
const SLACK_M: f64 = 0.004;

/// The hand at the moment of a look.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Hand {
    /// `X_WT`, from the joints.
    pub world_from_tool: Pose<World, Tool>,
    /// What the gripper was last told.
    pub gripper: Gripper,
    /// Distance of the fingers [m].
    pub width_m: f64,
}

/// What of the arm a point lies on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Foot of the arm: nothing else can be there.
    Foot,
    /// Hand: nothing else can be there.
    Hand,
    /// Wrist and forearm roughly; a coloured point there is something else.
    Wrist,
    /// A finger; a coloured point there is something held.
    Finger,
}

/// Finds the arm's points.
pub struct ArmMask {
    foot: [f64; 3],
    hand: Option<(nalgebra::Isometry3<f64>, f64)>,
}

impl Hand {
    /// Refuses a hand that is nowhere.
    pub fn validate(&self) -> Result<(), SightError> {
        (self.world_from_tool.is_valid() && self.width_m.is_finite()).then_some(()).ok_or(SightError::Hand)
    }

    /// Between the finger tips, in the world [m].
    pub fn tool_in_world(&self) -> Vector3<f64> {
        self.world_from_tool.position()
    }
}

impl ArmMask {
    /// For a look; without a hand only the foot is known.
    pub fn new(hand: Option<&Hand>, config: &SceneConfig) -> Self {
        let [x, y] = config.foot_in_world_m;
        let hand = hand.map(|hand| (hand.world_from_tool.iso.inverse(), 0.5 * hand.width_m));
        Self { foot: [x, y, config.foot_radius_m], hand }
    }

    /// Part of the arm at a point of the world [m]; `None` where there is no arm.
    pub fn part(&self, p: &Vector3<f64>) -> Option<Part> {
        let [x, y, radius] = self.foot;
        if (p.x - x).hypot(p.y - y) < radius {
            return Some(Part::Foot);
        }
        let (tool_from_world, half_width) = self.hand.as_ref()?;
        let in_tool = tool_from_world.rotation * p + tool_from_world.translation.vector;
        let [across, along] = [in_tool.x.abs(), in_tool.y.abs()];
        let within = |z: [f64; 2]| in_tool.z > z[0] && in_tool.z < z[1];
        if within(HAND_Z_M) && across < HAND_M[0] && along < HAND_M[1] {
            return Some(Part::Hand);
        }
        if within([WRIST_M[1], HAND_Z_M[1]]) && in_tool.x.hypot(in_tool.y) < WRIST_M[0] {
            return Some(Part::Wrist);
        }
        let finger = [half_width - SLACK_M, half_width + FINGER_M[1]];
        (within(FINGER_Z_M) && across < FINGER_M[0] && along > finger[0] && along < finger[1]).then_some(Part::Finger)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;

    use super::*;

    /// Pointing down over (0.3, 0.1), fingers along the world's y.
    fn down(width_m: f64) -> Hand {
        let rotation = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        let world_from_tool = Pose::from_parts(Vector3::new(0.3, 0.1, 0.85), rotation);
        Hand { world_from_tool, gripper: Gripper::Open, width_m }
    }

    #[test]
    fn the_hand_is_cut_out_and_what_it_holds_is_not() {
        let mask = ArmMask::new(Some(&down(0.04)), &SceneConfig::default());
        let part = |x, y, z| mask.part(&Vector3::new(x, y, z));
        assert_eq!(part(0.3, 0.1, 0.85), None, "between the fingers");
        assert_eq!(part(0.3, 0.1 + 0.03, 0.85), Some(Part::Finger));
        assert_eq!(part(0.3, 0.1 - 0.03, 0.86), Some(Part::Finger));
        assert_eq!(part(0.3, 0.1, 0.83), None, "below the tips");
        assert_eq!(part(0.3, 0.1 + 0.09, 0.93), Some(Part::Hand));
        assert_eq!(part(0.36, 0.15, 1.05), Some(Part::Wrist));
        assert_eq!(part(0.3, 0.3, 0.93), None);
        assert_eq!(part(-0.2, 0.05, 0.9), Some(Part::Foot));
    }

    #[test]
    fn a_hand_that_is_nowhere_is_refused() {
        assert_eq!(down(0.04).validate(), Ok(()));
        assert_eq!(down(f64::NAN).validate(), Err(SightError::Hand));
        let mut lost = down(0.04);
        lost.world_from_tool.iso.translation.vector.x = f64::NAN;
        assert_eq!(lost.validate(), Err(SightError::Hand));
    }
}
