//! Why the planner may have no path.

use neuraxis_core::{JointPath, Joints, MOST_WAYPOINTS};

/// From the waypoints after the start.
pub(super) fn path(after_start: &[Joints]) -> Result<JointPath, PathError> {
    let given = after_start.len();
    JointPath::new(after_start).ok_or(PathError::Waypoints { given, most: MOST_WAYPOINTS })
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
