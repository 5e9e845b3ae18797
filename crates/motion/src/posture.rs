//! The posture that suits a tool which does not point down.

use nalgebra::Vector3;
use neuraxis_core::{Base, Joints, Pose, Tool};

/// A tool whose z axis has less than this along the world's points down [-].
pub(crate) const DOWN_Z: f64 = -0.8;
/// From the tool point back to the wrist, roughly [m].
const WRIST_M: f64 = 0.2;

/// The forward posture turned about the base, so that the arm's plane goes through the wrist that the goal wants.
pub(crate) fn facing(forward: &Joints, base_from_tool: &Pose<Base, Tool>) -> Joints {
    let wrist = base_from_tool.position() - base_from_tool.rotation() * Vector3::z() * WRIST_M;
    let azimuth = wrist.y.atan2(wrist.x);
    Joints::from_fn(forward.len(), |i| {
        let turn = if i == 0 { azimuth } else { 0.0 };
        forward.get(i).copied().unwrap_or(0.0) + turn
    })
}
