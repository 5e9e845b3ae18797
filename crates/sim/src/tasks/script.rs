//! What experts are made of: a tool pose, and key-frames relative to it.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Matrix3, Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose};

/// Tool pointing down, its y axis (along which the fingers close) turned by `yaw` [rad] from -y of the world.
pub(super) fn tool_down(position: Vector3<f64>, yaw: f64) -> Isometry3<f64> {
    let down = Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), yaw);
    Isometry3::from_parts(position.into(), UnitQuaternion::from_rotation_matrix(&(turn * down)))
}

/// Tool pointing along the horizontal direction `yaw` [rad] and down by `tilt` [rad], the fingers side by side.
pub(super) fn tool_forward(position: Vector3<f64>, yaw: f64, tilt: f64) -> Isometry3<f64> {
    let forward = Rotation3::from_matrix_unchecked(Matrix3::new(
        0.0, 0.0, 1.0, //
        0.0, -1.0, 0.0, //
        1.0, 0.0, 0.0,
    ));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), yaw);
    let lean = Rotation3::from_axis_angle(&Vector3::y_axis(), tilt);
    Isometry3::from_parts(position.into(), UnitQuaternion::from_rotation_matrix(&(turn * lean * forward)))
}

/// A key-frame; `straight` means contact is intended.
pub(super) fn keyframe(tool: Isometry3<f64>, gripper: Gripper, straight: bool) -> KeyFrame {
    KeyFrame { world_from_tool: Pose::new(tool), gripper, ignore_collisions: straight }
}

/// The pose moved in the world [m].
pub(super) fn moved(tool: &Isometry3<f64>, x: f64, y: f64, z: f64) -> Isometry3<f64> {
    Isometry3::from_parts((tool.translation.vector + Vector3::new(x, y, z)).into(), tool.rotation)
}

/// The pose drawn back along the approach direction [m].
pub(super) fn back(tool: &Isometry3<f64>, metres: f64) -> Isometry3<f64> {
    tool * nalgebra::Translation3::new(0.0, 0.0, -metres)
}

/// Come from `before`, close around what is at `grasp`, and lift it by `lift` [m].
pub(super) fn pick(before: Isometry3<f64>, grasp: Isometry3<f64>, lift: f64) -> Vec<KeyFrame> {
    vec![
        keyframe(before, Gripper::Open, false),
        keyframe(grasp, Gripper::Closed, true),
        keyframe(moved(&grasp, 0.0, 0.0, lift), Gripper::Closed, true),
    ]
}

/// Come from `before` with something in hand, let go of it at `there`, and draw back by `retreat` [m].
pub(super) fn put(before: Isometry3<f64>, there: Isometry3<f64>, retreat: f64) -> Vec<KeyFrame> {
    vec![
        keyframe(before, Gripper::Closed, false),
        keyframe(there, Gripper::Open, true),
        keyframe(back(&there, retreat), Gripper::Open, true),
    ]
}

/// With something in hand: come over its place, let it down, give it a quarter of a turn, let go and draw back. `on` is
/// the tool above the seat [m] at a yaw [rad]; heights are before, seated and after.
pub(super) fn screw([before, seated, after]: [f64; 3], on: impl Fn(f64, f64) -> Isometry3<f64>) -> [KeyFrame; 4] {
    // The turn goes from one side of straight to the other.
    let (from, to) = (0.5 * FRAC_PI_2, -0.5 * FRAC_PI_2);
    [
        keyframe(on(before, from), Gripper::Closed, false),
        keyframe(on(seated, from), Gripper::Closed, true),
        keyframe(on(seated, to), Gripper::Open, true),
        keyframe(on(after, to), Gripper::Open, true),
    ]
}

/// The angle within half a period of zero that means the same to something that looks alike every `period` [rad].
pub(super) fn smallest(angle: f64, period: f64) -> f64 {
    angle - (angle / period).round() * period
}

/// As [`smallest`], but within half a period of `middle`. What a scene's random turns reach must not come near the ends
/// of that span: there the answer leaps, and nobody can learn a script whose hand turns round for no visible reason.
pub(super) fn nearest(middle: f64, angle: f64, period: f64) -> f64 {
    middle + smallest(angle - middle, period)
}

/// Yaw of a pose's x axis [rad].
pub(super) fn yaw(pose: &Isometry3<f64>) -> f64 {
    let x = pose.rotation * Vector3::x();
    x.y.atan2(x.x)
}
