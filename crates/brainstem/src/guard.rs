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
    clearance::{Clearance, Room, Surroundings, least, to_ends_rad},
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
    /// Distances that must be kept, each plane's of its own: the margin, or less where the arm was found closer than
    /// that; what it has won back since is kept too.
    kept: Room,
    /// At the end of the stop that was looked at last, and half way there.
    end: Room,
    halfway: Room,
}

impl Guard {
    pub(crate) fn new(robot: Arc<Robot>, config: &BrainstemConfig) -> Result<Self, BrainstemError> {
        let surroundings = Surroundings::new(robot, &config.walls, config.tool_box.as_ref())?;
        Ok(Self {
            kept: surroundings.room(),
            end: surroundings.room(),
            halfway: surroundings.room(),
            surroundings,
            margin_m: config.clearance_margin_m,
            slow_within_m: config.slow_within_m,
            slow_within_rad: config.slow_within_rad,
            slowest_scale: config.slowest_scale,
        })
    }

    /// The arm stands here, by its own account: if that is too close already it may still move away.
    pub(crate) fn stands_at(&mut self, q: &Joints, limits: &[JointLimits]) -> Clearance {
        self.surroundings.measure(q, &mut self.end);
        for (kept_m, here_m) in self.kept.planes_m.iter_mut().zip(&self.end.planes_m) {
            *kept_m = here_m.min(self.margin_m);
        }
        self.kept.self_m = self.end.self_m.min(self.margin_m);
        Clearance { joints_rad: to_ends_rad(q, limits), walls_m: self.end.walls_m(), self_m: self.end.self_m }
    }

    /// The stop from `next`, if all of it is allowed.
    pub(crate) fn clear(&mut self, next: &SegmentState, limits: &[JointLimits]) -> Result<Cleared, Fault> {
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
        let end = stop.end();
        self.surroundings.measure(&end, &mut self.end);
        self.surroundings.measure(&stop.at(0.5 * stop.secs()).q, &mut self.halfway);
        let ways = [&self.end, &self.halfway];
        let keeps_away =
            |way: &Room| way.planes_m.iter().zip(&self.kept.planes_m).all(|(m, kept_m)| keeps(*m, *kept_m));
        if !ways.iter().all(|way| keeps_away(way)) {
            return Err(Fault::WorkspaceLimit);
        }
        if !ways.iter().all(|way| keeps(way.self_m, self.kept.self_m)) {
            return Err(Fault::SelfCollision);
        }
        let (walls_m, self_m) = (self.end.walls_m(), self.end.self_m);
        Ok(Cleared { stop, clearance: Clearance { joints_rad: to_ends_rad(&end, limits), walls_m, self_m } })
    }

    /// The state cleared last was commanded: of a margin that the arm was found in, what it has won back is kept.
    pub(crate) fn keep_what_is_won(&mut self) {
        let won = |kept_m: f64, end_m: f64, halfway_m: f64| {
            kept_m.max((least(end_m, halfway_m) - UNEVEN_M).min(self.margin_m))
        };
        let ways = self.end.planes_m.iter().zip(&self.halfway.planes_m);
        for (kept_m, (end_m, halfway_m)) in self.kept.planes_m.iter_mut().zip(ways) {
            *kept_m = won(*kept_m, *end_m, *halfway_m);
        }
        self.kept.self_m = won(self.kept.self_m, self.end.self_m, self.halfway.self_m);
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

/// The way out of a margin is not quite even: this much of what was won may be lost again [m].
const UNEVEN_M: f64 = 1e-4;
/// Distances closer than this are the same [m].
const ROUNDING_M: f64 = 1e-9;

/// False for NaN.
fn keeps(distance_m: f64, kept_m: f64) -> bool {
    distance_m >= kept_m - ROUNDING_M
}
