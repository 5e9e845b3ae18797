//! Positions that joints may take: the configured range, and the way back into it for a joint that was found outside.

use neuraxis_motion::StopProfile;
use neuraxis_robot::JointLimits;

/// The way out of a margin is not quite even: this much of what was won may be lost again [rad].
const UNEVEN_RAD: f64 = 1e-4;
/// Positions closer than this are the same [rad].
const ROUNDING_RAD: f64 = 1e-9;

/// One joint's ranges [rad].
#[derive(Copy, Clone, Debug)]
struct Range {
    lower_rad: f64,
    upper_rad: f64,
    /// The robot's own, without the margin.
    lowest_rad: f64,
    highest_rad: f64,
}

/// Every joint's ranges. What is in force now is kept in the limits of the loop.
#[derive(Clone, Debug)]
pub(crate) struct Ranges(Vec<Range>);

impl Ranges {
    /// `limits` are the robot's with the margin. Allocates.
    pub(crate) fn new(robot: &[JointLimits], limits: &[JointLimits]) -> Self {
        let range = |(robot, limit): (&JointLimits, &JointLimits)| Range {
            lower_rad: limit.lower_rad,
            upper_rad: limit.upper_rad,
            lowest_rad: robot.lower_rad,
            highest_rad: robot.upper_rad,
        };
        Self(robot.iter().zip(limits).map(range).collect())
    }

    /// The arm stands at `q`, by its own account: a joint within the margin may stay there and move in, and no further
    /// out. Beyond the robot's own limits nothing is granted.
    pub(crate) fn stands_at(&self, q: &[f64], limits: &mut [JointLimits]) {
        for ((range, limit), q) in self.0.iter().zip(limits).zip(q) {
            limit.lower_rad = range.lower_rad.min((q - ROUNDING_RAD).max(range.lowest_rad));
            limit.upper_rad = range.upper_rad.max((q + ROUNDING_RAD).min(range.highest_rad));
        }
    }

    /// The state with this stop was commanded: what a joint has won back of its margin is kept.
    pub(crate) fn keep_what_is_won(&self, stop: &StopProfile, limits: &mut [JointLimits]) {
        for ((range, limit), way) in self.0.iter().zip(limits).zip(stop.ranges()) {
            limit.lower_rad = limit.lower_rad.max((way.lowest_rad - UNEVEN_RAD).min(range.lower_rad));
            limit.upper_rad = limit.upper_rad.min((way.highest_rad + UNEVEN_RAD).max(range.upper_rad));
        }
    }
}
