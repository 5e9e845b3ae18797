//! What must hold of a state before it is commanded: a stop from it exists, and all of that stop is allowed.
//!
//! The stop is computed each tick, before the state is taken: its whole way stays inside the joints' ranges and
//! velocity limits, and from the state itself to where the stop ends the arm keeps its distance from walls and from
//! itself, in poses near to each other. As every commanded state has passed this, a stop from the present one is always
//! at hand, whatever comes next.

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
    /// At the end of the stop that was looked at last, and the least on its way.
    end: Room,
    way: Room,
    /// At one pose in between.
    between: Room,
}

impl Guard {
    pub(crate) fn new(robot: Arc<Robot>, config: &BrainstemConfig) -> Result<Self, BrainstemError> {
        let surroundings = Surroundings::new(robot, &config.walls, config.tool_box.as_ref())?;
        Ok(Self {
            kept: surroundings.room(),
            end: surroundings.room(),
            way: surroundings.room(),
            between: surroundings.room(),
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
        let mut turn_rad: f64 = 0.0;
        for (range, limit) in stop.ranges().zip(limits) {
            // `contains` is false for NaN.
            let joint = limit.lower_rad..=limit.upper_rad;
            if !(joint.contains(&range.lowest_rad) && joint.contains(&range.highest_rad)) {
                return Err(Fault::PositionLimit);
            }
            if !(0.0..=limit.velocity_rad_s * (1.0 + 1e-9)).contains(&range.fastest_rad_s) {
                return Err(Fault::VelocityLimit);
            }
            turn_rad = turn_rad.max(range.highest_rad - range.lowest_rad);
        }
        let end = self.measure(&stop, turn_rad);
        let keeps_away = self.way.planes_m.iter().zip(&self.kept.planes_m).all(|(m, kept_m)| keeps(*m, *kept_m));
        if !keeps_away {
            return Err(Fault::WorkspaceLimit);
        }
        if !keeps(self.way.self_m, self.kept.self_m) {
            return Err(Fault::SelfCollision);
        }
        let (walls_m, self_m) = (self.end.walls_m(), self.end.self_m);
        Ok(Cleared { stop, clearance: Clearance { joints_rad: to_ends_rad(&end, limits), walls_m, self_m } })
    }

    /// Distances on the way of a stop on which no joint turns further than `turn_rad`, and at its end, which it returns
    /// [rad].
    ///
    /// Joints brake for different times, so that the way bulges out beyond its two ends: poses between them are measured
    /// too, more of them on a longer way.
    fn measure(&mut self, stop: &StopProfile, turn_rad: f64) -> Joints {
        self.surroundings.measure(&stop.at(0.0).q, &mut self.way);
        let pieces = ((turn_rad / PIECE_RAD).ceil() as usize).clamp(1, MOST_PIECES);
        for piece in 1..pieces {
            // A joint that brakes to the end has turned by as many pieces of its way then.
            let left = 1.0 - piece as f64 / pieces as f64;
            let pose = stop.at(stop.secs() * (1.0 - left.sqrt())).q;
            self.surroundings.measure(&pose, &mut self.between);
            self.way.take_least(&self.between);
        }
        let end = stop.end();
        self.surroundings.measure(&end, &mut self.end);
        self.way.take_least(&self.end);
        end
    }

    /// The state cleared last was commanded: of a margin that the arm was found in, what it has won back is kept.
    pub(crate) fn keep_what_is_won(&mut self) {
        let won = |kept_m: f64, way_m: f64| kept_m.max((way_m - UNEVEN_M).min(self.margin_m));
        for (kept_m, way_m) in self.kept.planes_m.iter_mut().zip(&self.way.planes_m) {
            *kept_m = won(*kept_m, *way_m);
        }
        self.kept.self_m = won(self.kept.self_m, self.way.self_m);
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

/// From one measured pose of a stop to the next no joint turns much further than this [rad] ...
const PIECE_RAD: f64 = 0.05;
/// ... but a way is measured in no more pieces: an arm that is fast for the acceleration it is left turns further. In a
/// model of the FR3 tool, elbow and wrist went at most 4 mm beyond all measured poses, less than the margin that is
/// shipped (24 000 random stops: at 0.8 of its acceleration from up to its full speeds, at 0.3 from up to 0.3 of them).
const MOST_PIECES: usize = 8;
/// The way out of a margin is not quite even: this much of what was won may be lost again [m].
const UNEVEN_M: f64 = 1e-4;
/// Distances closer than this are the same [m].
const ROUNDING_M: f64 = 1e-9;

/// False for NaN.
fn keeps(distance_m: f64, kept_m: f64) -> bool {
    distance_m >= kept_m - ROUNDING_M
}
