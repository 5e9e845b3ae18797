//! How the tool stands to things: pointing down, across them, aslant where there is no room, at a handle.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion, Vector3};

use crate::{Variation, skill::Sights, vary::GRASP_RANKS};

/// So far from upright the tool takes what lies under something, and so far before its middle [rad], [m].
pub(super) const LEANS_RAD: [f64; 4] = [0.6, -0.6, 0.75, -0.75];
pub(super) const BEFORE_M: f64 = 0.008;

/// `X_WT` of a tool that points down, the fingers side by side along the world's y, turned by `yaw` [rad] about z.
pub(super) fn tool_down(position_in_world: Vector3<f64>, yaw: f64) -> Isometry3<f64> {
    let down = Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), yaw);
    Isometry3::from_parts(position_in_world.into(), UnitQuaternion::from_rotation_matrix(&(turn * down)))
}

/// `R_HT`: the tool points into the cabinet (tool z along the handle's -x, tool x up, which is a quarter of a turn from
/// pointing down), the fingers left and right of a handle that stands upright, turned by `turn` about the handle's z and leaning down by `tilt` about its y [rad].
pub(super) fn handle_from_tool(turn: f64, tilt: f64) -> UnitQuaternion<f64> {
    let into = Rotation3::from_matrix_unchecked(Matrix3::new(
        0.0, 0.0, -1.0, //
        0.0, 1.0, 0.0, //
        1.0, 0.0, 0.0,
    ));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), turn);
    let lean = Rotation3::from_axis_angle(&Vector3::y_axis(), -tilt);
    UnitQuaternion::from_rotation_matrix(&(turn * lean * into))
}

/// Yaw of the grasp across a thing that looks alike every quarter of a turn [rad].
pub(super) fn across(world_from_thing: &Isometry3<f64>, variation: &Variation) -> f64 {
    let x = world_from_thing.rotation * Vector3::x();
    let yaw = x.y.atan2(x.x);
    let nearest = yaw - (yaw / FRAC_PI_2).round() * FRAC_PI_2;
    // The other pair of sides, by the way that turns the hand less.
    let rank = if nearest > 0.0 { -FRAC_PI_2 } else { FRAC_PI_2 };
    nearest + f64::from(variation.grasp_rank) * rank + variation.turn_rad
}

/// The tool across a thing, pointing down; across its other pair of sides, if the hand has room only there.
pub(super) fn with_room(
    tool_in_world: Vector3<f64>,
    world_from_thing: &Isometry3<f64>,
    variation: &Variation,
    sights: &dyn Sights,
) -> Isometry3<f64> {
    let tool = |grasp_rank| tool_down(tool_in_world, across(world_from_thing, &Variation { grasp_rank, ..*variation }));
    let rank = variation.grasp_rank;
    let [first, other] = [tool(rank), tool((rank + 1) % GRASP_RANKS)];
    // Across an open drawer there is no room in any case.
    let may_turn = sights.crossing_z_in_world().is_none();
    if may_turn && !sights.hand_fits(&first) && sights.hand_fits(&other) { other } else { first }
}

/// Turned about the axis along which the fingers close [rad], and back from where it points then.
pub(super) fn leaning(world_from_tool: &Isometry3<f64>, angle_rad: f64) -> Isometry3<f64> {
    let leaning = world_from_tool * UnitQuaternion::from_axis_angle(&Vector3::y_axis(), angle_rad);
    let points = leaning.rotation * Vector3::z();
    let level = Vector3::new(points.x, points.y, 0.0).normalize();
    Translation3::from(-BEFORE_M * level) * leaning
}

pub(super) fn shifted(point_in_world: Vector3<f64>, variation: &Variation) -> Vector3<f64> {
    let [x, y] = variation.shift_in_world_m;
    point_in_world + Vector3::new(x, y, 0.0)
}

pub(super) fn raised(world_from_tool: &Isometry3<f64>, metres: f64) -> Isometry3<f64> {
    Translation3::new(0.0, 0.0, metres) * world_from_tool
}
