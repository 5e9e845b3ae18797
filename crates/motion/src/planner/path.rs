//! What the planner hands over, and why it may not.

use neuraxis_core::Joints;

/// Waypoints of a path, the goal included.
pub const MOST_WAYPOINTS: usize = 12;

/// Straight lines in joint space from wherever it was planned to its last waypoint, the goal. Fixed size: it crosses
/// threads in mailboxes.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Path {
    waypoints: [Joints; MOST_WAYPOINTS],
    len: usize,
}

impl Path {
    /// From the waypoints after the start; one at least.
    pub fn new(after_start: &[Joints]) -> Result<Self, PathError> {
        let given = after_start.len();
        let goal = *after_start.last().ok_or(PathError::Waypoints { given, most: MOST_WAYPOINTS })?;
        if given > MOST_WAYPOINTS {
            return Err(PathError::Waypoints { given, most: MOST_WAYPOINTS });
        }
        let mut waypoints = [goal; MOST_WAYPOINTS];
        for (slot, q) in waypoints.iter_mut().zip(after_start) {
            *slot = *q;
        }
        Ok(Self { waypoints, len: given })
    }

    /// In order, without the start; the last is the goal [rad].
    pub fn waypoints(&self) -> &[Joints] {
        self.waypoints.get(..self.len).unwrap_or(&[])
    }
}

/// Why there is no path.
#[derive(Copy, Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The request makes no sense.
    #[error("path request: {what} is not finite, of the wrong length or out of range")]
    Malformed {
        /// Which part of it.
        what: &'static str,
    },
    /// The goal is out of reach.
    #[error("no joint configuration within the limits reaches the goal; the nearest is {metres:.4} m away")]
    Unreachable {
        /// Remaining distance [m].
        metres: f64,
    },
    /// Something is where the arm would be.
    #[error("every posture at the goal is in collision; the best has a clearance of {clearance_m:.3} m")]
    GoalInCollision {
        /// Below zero: inside the obstacle's cells [m].
        clearance_m: f64,
    },
    /// The arm would touch itself.
    #[error("every posture at the goal folds the arm; the best has {clearance_m:.3} m between two links")]
    GoalFolded {
        /// [m]
        clearance_m: f64,
    },
    /// The search was given up.
    #[error("no path found within {tries} tries")]
    NotFound {
        /// Samples drawn.
        tries: usize,
    },
    /// The path has no waypoint or more than fit.
    #[error("a path of {given} waypoints, allowed: 1 to {most}")]
    Waypoints {
        /// Waypoints of the path.
        given: usize,
        /// Room.
        most: usize,
    },
}
