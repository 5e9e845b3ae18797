//! Room between the arm and what it must not touch: walls, a box for the tool, and the arm itself.
//!
//! Distances are signed, negative inside. Nothing here allocates after construction.

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::Joints;
use neuraxis_robot::{JointLimits, Robot};
use serde::{Deserialize, Serialize};

use crate::BrainstemError;

/// A plane that the arm's links stay in front of, the table top for one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallConfig {
    /// For messages.
    pub name: String,
    /// Direction of the free side in the world frame; its length does not matter, but it has one.
    pub normal_xyz: [f64; 3],
    /// A point of the plane, world frame [m].
    pub point_xyz_m: [f64; 3],
    /// Links before this one may touch it, 0 is the base: an arm stands on something.
    pub first_link: usize,
}

/// The box that the tool point stays in.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolBoxConfig {
    /// Lower corner, world frame, each -100 to 100 [m].
    pub min_xyz_m: [f64; 3],
    /// Upper corner.
    pub max_xyz_m: [f64; 3],
}

/// Smallest signed distances at one joint configuration; infinite where there is nothing to keep away from.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Clearance {
    /// Joints to their end stops, the configured margin left aside [rad].
    pub joints_rad: f64,
    /// Capsules to walls, and the tool point to the faces of its box [m].
    pub walls_m: f64,
    /// Capsules of the arm to each other [m].
    pub self_m: f64,
}

impl Clearance {
    /// Nothing is near.
    pub const FREE: Self = Self { joints_rad: f64::INFINITY, walls_m: f64::INFINITY, self_m: f64::INFINITY };
}

/// A half-space in the base frame: free where `normal . p >= offset`.
#[derive(Copy, Clone, Debug)]
struct HalfSpace {
    normal_in_base: Vector3<f64>,
    offset_m: f64,
    /// Of the links that stay in it; `None`: the tool point does.
    first_link: Option<usize>,
}

impl HalfSpace {
    fn distance_m(&self, point_in_base: &Vector3<f64>) -> f64 {
        self.normal_in_base.dot(point_in_base) - self.offset_m
    }
}

/// Everything to keep away from, checked and in the base frame.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    robot: Arc<Robot>,
    /// Walls, and the faces of the tool's box.
    planes: Vec<HalfSpace>,
}

/// Distances at one joint configuration, each plane's of its own [m].
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) planes_m: Vec<f64>,
    pub(crate) self_m: f64,
}

impl Room {
    /// To the nearest plane.
    pub(crate) fn walls_m(&self) -> f64 {
        self.planes_m.iter().copied().fold(f64::INFINITY, least)
    }

    /// Of each distance the smaller one.
    pub(crate) fn take_least(&mut self, other: &Self) {
        for (least_m, other_m) in self.planes_m.iter_mut().zip(&other.planes_m) {
            *least_m = least(*least_m, *other_m);
        }
        self.self_m = least(self.self_m, other.self_m);
    }
}

impl Surroundings {
    pub(crate) fn new(
        robot: Arc<Robot>,
        walls: &[WallConfig],
        tool_box: Option<&ToolBoxConfig>,
    ) -> Result<Self, BrainstemError> {
        let refuse = |wall: &str, reason| Err(BrainstemError::Wall { wall: wall.to_string(), reason });
        let base_from_world = robot.world_from_base().inverse();
        let half_space = |normal: Vector3<f64>, point: Vector3<f64>, first_link| {
            let normal_in_base = base_from_world.rotation() * normal;
            let point_in_base = base_from_world.rotation() * point + base_from_world.position();
            HalfSpace { normal_in_base, offset_m: normal_in_base.dot(&point_in_base), first_link }
        };

        let frames = robot.link_frames(&robot.home());
        let mut planes = Vec::new();
        for wall in walls {
            let (normal, point) = (Vector3::from(wall.normal_xyz), Vector3::from(wall.point_xyz_m));
            let Some(normal) = normal.try_normalize(1e-6).filter(|n| n.iter().all(|x| x.is_finite())) else {
                return refuse(&wall.name, "normal_xyz has no direction");
            };
            if !point.iter().all(|x| x.is_finite() && x.abs() <= 100.0) {
                return refuse(&wall.name, "point_xyz_m is not within 100 m");
            }
            if wall.first_link > robot.dof() {
                return refuse(&wall.name, "first_link is beyond the last link");
            }
            if !robot.capsule_points(&frames).any(|(_, _, link)| link >= wall.first_link) {
                return refuse(
                    &wall.name,
                    "no capsule of the robot is on first_link or beyond: the wall guards nothing",
                );
            }
            planes.push(half_space(normal, point, Some(wall.first_link)));
        }
        if let Some(tool_box) = tool_box {
            let (low, high) = (Vector3::from(tool_box.min_xyz_m), Vector3::from(tool_box.max_xyz_m));
            // False for NaN.
            let is_sane = low.iter().zip(high.iter()).all(|(l, h)| l < h && l.abs() <= 100.0 && h.abs() <= 100.0);
            if !is_sane {
                return refuse("tool_box", "min_xyz_m must lie below max_xyz_m, both within 100 m");
            }
            for axis in [Vector3::x(), Vector3::y(), Vector3::z()] {
                planes.push(half_space(axis, low, None));
                planes.push(half_space(-axis, high, None));
            }
        }
        Ok(Self { robot, planes })
    }

    /// Room for one measurement. Allocates.
    pub(crate) fn room(&self) -> Room {
        Room { planes_m: vec![f64::INFINITY; self.planes.len()], self_m: f64::INFINITY }
    }

    /// Distances at joint positions [rad].
    pub(crate) fn measure(&self, q: &Joints, room: &mut Room) {
        let frames = self.robot.link_frames(q);
        let tool_in_base = frames.base_from_tool().position();
        for (plane, room_m) in self.planes.iter().zip(&mut room.planes_m) {
            *room_m = if plane.first_link.is_none() { plane.distance_m(&tool_in_base) } else { f64::INFINITY };
        }
        if self.planes.iter().any(|plane| plane.first_link.is_some()) {
            for (point_in_base, radius_m, link) in self.robot.capsule_points(&frames) {
                let planes = self.planes.iter().zip(&mut room.planes_m);
                for (wall, room_m) in planes.filter(|(plane, _)| plane.first_link.is_some_and(|first| link >= first)) {
                    *room_m = least(*room_m, wall.distance_m(&point_in_base) - radius_m);
                }
            }
        }
        room.self_m = self.robot.self_clearance_m(&frames);
    }
}

/// Of the joints to the ends of their ranges; the smallest counts [rad].
pub(crate) fn to_ends_rad(q: &Joints, limits: &[JointLimits]) -> f64 {
    let ends = q.iter().zip(limits).map(|(q, limit)| least(q - limit.lower_rad, limit.upper_rad - q));
    ends.fold(f64::INFINITY, least)
}

/// The smaller one; NaN if one of them is, which `f64::min` would drop.
pub(crate) fn least(a: f64, b: f64) -> f64 {
    if b < a || b.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sr14_a_distance_that_is_no_number_does_not_look_free() {
        assert_eq!((least(1.0, 2.0), least(2.0, 1.0), least(f64::INFINITY, -1.0)), (1.0, 1.0, -1.0));
        for distances in [[f64::NAN, 1.0, 2.0], [2.0, f64::NAN, 1.0], [1.0, 2.0, f64::NAN]] {
            assert!(distances.into_iter().fold(f64::INFINITY, least).is_nan(), "{distances:?}");
        }
    }
}
