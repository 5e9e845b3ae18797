//! A table with things on it, and requests across it.
#![allow(dead_code)] // Each file uses a part.

#[path = "../../../robot/tests/shipped/mod.rs"]
pub mod shipped;

use std::sync::Arc;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use neuraxis_core::{Joints, Pose, Tool, World};
use neuraxis_motion::{DistanceField, MotionConfig, PathPlanner, PathRequest, Shape, Solid};
use neuraxis_robot::Robot;

pub const TABLE_Z_M: f64 = 0.75;

pub fn motion(name: &str) -> MotionConfig {
    let path = shipped::root().join("configs").join(name).join("motion.yaml");
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn robot(name: &str) -> Arc<Robot> {
    Arc::new(shipped::robot(name))
}

pub fn planner(name: &str) -> PathPlanner {
    PathPlanner::new(robot(name), &motion(name)).unwrap()
}

/// A box between two corners in the world [m].
pub fn block(lower: [f64; 3], upper: [f64; 3]) -> Solid {
    let (lower, upper) = (Vector3::from(lower), Vector3::from(upper));
    let half_m = (0.5 * (upper - lower)).into();
    let world_from_solid = Isometry3::from_parts(Translation3::from(0.5 * (lower + upper)), UnitQuaternion::identity());
    Solid { shape: Shape::Box { half_m }, world_from_solid }
}

pub fn table() -> Solid {
    block([-0.4, -0.65, TABLE_Z_M - 0.04], [0.9, 0.65, TABLE_Z_M])
}

/// Stands on the table across the way from one side to the other.
pub fn wall() -> Solid {
    block([0.05, -0.02, TABLE_Z_M], [0.60, 0.02, TABLE_Z_M + 0.50])
}

/// A cupboard of 18 mm boards, open at the front (-x): bottom, top, back and two sides.
pub fn cupboard() -> [Solid; 5] {
    let board = 0.018;
    let ([x0, x1], [y0, y1], [z0, z1]) = ([0.20, 0.45], [-0.20, 0.20], [TABLE_Z_M, TABLE_Z_M + 0.45]);
    [
        block([x0, y0, z0], [x1, y1, z0 + board]),
        block([x0, y0, z1 - board], [x1, y1, z1]),
        block([x1 - board, y0, z0], [x1, y1, z1]),
        block([x0, y0, z0], [x1, y0 + board, z1]),
        block([x0, y1 - board, z0], [x1, y1, z1]),
    ]
}

/// The field of these solids, in the cells that the planner uses.
pub fn field(motion: &MotionConfig, solids: &[Solid]) -> DistanceField {
    let mut field = DistanceField::new(&motion.planner.field).unwrap();
    for solid in solids {
        field.mark_solid(solid).unwrap();
    }
    field.finish();
    field
}

/// Points down, the fingers turned about z [rad].
pub fn down(x: f64, y: f64, z: f64, yaw: f64) -> Pose<World, Tool> {
    let over = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    Pose::from_parts(Vector3::new(x, y, z), UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw) * over)
}

/// Points forward along x, the fingers side by side.
pub fn ahead(x: f64, y: f64, z: f64) -> Pose<World, Tool> {
    let tip = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), std::f64::consts::FRAC_PI_2);
    Pose::from_parts(Vector3::new(x, y, z), tip)
}

pub fn request(from: Joints, goal: Pose<World, Tool>) -> PathRequest {
    PathRequest { from, goal, held: None, seed: 7 }
}

/// Points of a straight line in joint space, so close that nothing moves more than 2 mm from one to the next.
pub fn along(from: &Joints, to: &Joints) -> Vec<Joints> {
    // No part of these arms is further than 1.4 m from a joint.
    let steps = (from.iter().zip(to.iter()).map(|(a, b)| (a - b).abs()).sum::<f64>() * 1.4 / 0.002).ceil().max(1.0);
    let at = |share: f64| Joints::from_fn(from.len(), |i| from[i] + share * (to[i] - from[i]));
    (0..=steps as usize).map(|i| at(i as f64 / steps)).collect()
}

/// The same for a whole path.
pub fn all_along(from: &Joints, waypoints: &[Joints]) -> Vec<Joints> {
    let corners: Vec<_> = std::iter::once(from).chain(waypoints).collect();
    corners.windows(2).flat_map(|pair| along(pair[0], pair[1])).collect()
}
