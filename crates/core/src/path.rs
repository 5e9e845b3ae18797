//! A planned path of the arm.

use crate::Joints;

/// Waypoints of a path, the goal included.
pub const MOST_WAYPOINTS: usize = 12;

/// Straight lines in joint space from wherever it was planned to its last waypoint, the goal. Fixed size: it crosses
/// threads in mailboxes.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct JointPath {
    waypoints: [Joints; MOST_WAYPOINTS],
    len: usize,
}

impl JointPath {
    /// From the waypoints after the start; `None` unless there are 1 to [`MOST_WAYPOINTS`].
    pub fn new(after_start: &[Joints]) -> Option<Self> {
        let goal = *after_start.last()?;
        if after_start.len() > MOST_WAYPOINTS {
            return None;
        }
        let mut waypoints = [goal; MOST_WAYPOINTS];
        for (slot, q) in waypoints.iter_mut().zip(after_start) {
            *slot = *q;
        }
        Some(Self { waypoints, len: after_start.len() })
    }

    /// In order, without the start; the last is the goal [rad].
    pub fn waypoints(&self) -> &[Joints] {
        self.waypoints.get(..self.len).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_to_twelve_waypoints() {
        let q = Joints::zeros(7);
        assert!(JointPath::new(&[]).is_none());
        assert!(JointPath::new(&[q; MOST_WAYPOINTS + 1]).is_none());
        assert_eq!(JointPath::new(&[q; MOST_WAYPOINTS]).map(|path| path.waypoints().len()), Some(MOST_WAYPOINTS));
    }
}
