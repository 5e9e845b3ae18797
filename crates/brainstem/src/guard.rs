//! What must hold of a state before it is commanded: a stop from it exists, and all of that stop is allowed.
//!
//! The stop is computed each tick, before the state is taken: its whole way stays inside the joints' ranges and
//! velocity limits, and where it ends (and half way there) the arm keeps its distance from walls and from itself. As
//! every commanded state has passed this, a stop from the present one is always at hand, whatever comes next.

use std::sync::Arc;

use neuraxis_core::{Fault, Joints, SegmentState};
use neuraxis_motion::StopProfile;
use neuraxis_robot::{JointLimits, Robot};

use crate::{
    BrainstemConfig, BrainstemError,
    clearance::{Clearance, Surroundings, least},
};

/// A state that may be commanded, with its way out.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Cleared {
    pub(crate) stop: StopProfile,
    /// At the end of the stop.
    pub(crate) clearance: Clearance,
}

/// Checks states before they are commanded.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    surroundings: Surroundings,
    margin_m: f64,
    slow_within_m: f64,
    slow_within_rad: f64,
    slowest_scale: f64,
    /// Distances that must be kept: the margin, or less where the arm was found closer than that.
    kept: Clearance,
}

impl Guard {
    pub(crate) fn new(robot: Arc<Robot>, config: &BrainstemConfig) -> Result<Self, BrainstemError> {
        Ok(Self {
            surroundings: Surroundings::new(robot, &config.walls, config.tool_box.as_ref())?,
            margin_m: config.clearance_margin_m,
            slow_within_m: config.slow_within_m,
            slow_within_rad: config.slow_within_rad,
            slowest_scale: config.slowest_scale,
            kept: Clearance::FREE,
        })
    }

    /// The arm stands here, by its own account: if that is too close already it may still move away.
    pub(crate) fn stands_at(&mut self, q: &Joints, limits: &[JointLimits]) -> Clearance {
        let here = self.surroundings.clearance(q, limits);
        let (walls_m, self_m) = (here.walls_m.min(self.margin_m), here.self_m.min(self.margin_m));
        self.kept = Clearance { walls_m, self_m, ..here };
        here
    }

    /// The stop from `next`, if all of it is allowed.
    pub(crate) fn clear(&self, next: &SegmentState, limits: &[JointLimits]) -> Result<Cleared, Fault> {
        let stop = StopProfile::from_state(next, limits);
        for (range, limit) in stop.ranges().zip(limits) {
            // `contains` is false for NaN.
            let joint = limit.lower_rad..=limit.upper_rad;
            if !(joint.contains(&range.lowest_rad) && joint.contains(&range.highest_rad)) {
                return Err(Fault::PositionLimit);
            }
            if !(0.0..=limit.velocity_rad_s * (1.0 + 1e-9)).contains(&range.fastest_rad_s) {
                return Err(Fault::VelocityLimit);
            }
        }
        // What lies between was the end of earlier stops, or is near one: two poses are enough at 1 kHz.
        let clearance = self.surroundings.clearance(&stop.end(), limits);
        let halfway = self.surroundings.clearance(&stop.at(0.5 * stop.secs()).q, limits);
        let ways = [clearance, halfway];
        if !ways.iter().all(|way| keeps(way.walls_m, self.kept.walls_m)) {
            return Err(Fault::WorkspaceLimit);
        }
        if !ways.iter().all(|way| keeps(way.self_m, self.kept.self_m)) {
            return Err(Fault::SelfCollision);
        }
        Ok(Cleared { stop, clearance })
    }

    /// Share of its speed that motion should keep at this clearance: 1 where there is room, less near walls, near the
    /// arm itself and near the end stops of joints.
    pub(crate) fn speed_scale(&self, clearance: &Clearance) -> f64 {
        let room_m = least(clearance.walls_m, clearance.self_m) - self.margin_m;
        let share = least(room_m / self.slow_within_m, clearance.joints_rad / self.slow_within_rad);
        // What is no number is no room.
        if share.is_nan() { self.slowest_scale } else { share.clamp(self.slowest_scale, 1.0) }
    }
}

/// Distances closer than this are the same [m].
const ROUNDING_M: f64 = 1e-9;

/// False for NaN.
fn keeps(distance_m: f64, kept_m: f64) -> bool {
    distance_m >= kept_m - ROUNDING_M
}
