//! What is lost of a straight line by who keeps the joints' acceleration limits.
//!
//! Near a singularity a line can ask for more, without asking for too much speed. A tick or two of that are soon made
//! good; who falls behind further has left the line.

use neuraxis_core::{Joints, PERIOD_CEREBELLUM, SegmentState};
use neuraxis_robot::JointLimits;

/// How fast a distance is made good [1/s].
const CORRECTION_PER_SEC: f64 = 10.0;

/// Acceleration with which a joint at `own` (position, velocity) goes after a line that is at `line` one period later:
/// within the joint's limit, a distance made good in a tenth of a second. What follows the lines of a [`crate::Mover`]
/// does it like this, and a straight line that this falls behind is given up.
pub fn towards(own: (f64, f64), line: (f64, f64), limit: &JointLimits) -> f64 {
    let dt_secs = PERIOD_CEREBELLUM.secs();
    let ((own_q, own_qd), (q, qd)) = (own, line);
    let missing = q - (own_q + 0.5 * (own_qd + qd) * dt_secs);
    let wanted_qd = qd + CORRECTION_PER_SEC * missing;
    ((wanted_qd - own_qd) / dt_secs).clamp(-limit.acceleration_rad_s2, limit.acceleration_rad_s2)
}

/// Goes after the states of a line.
#[derive(Copy, Clone, Debug)]
pub(super) struct Follower {
    q: Joints,
    qd: Joints,
}

impl Follower {
    /// Where the line begins.
    pub(super) fn new(at: &SegmentState) -> Self {
        Self { q: at.q, qd: at.qd }
    }

    /// One period further; how far the joint that lags most is behind the line then [rad].
    pub(super) fn step(&mut self, q: &Joints, qd: &Joints, limits: &[JointLimits]) -> f64 {
        let dt_secs = PERIOD_CEREBELLUM.secs();
        let line = q.iter().zip(qd.iter());
        for (((q, qd), (own_q, own_qd)), limit) in line.zip(self.q.iter_mut().zip(self.qd.iter_mut())).zip(limits) {
            let qdd = towards((*own_q, *own_qd), (*q, *qd), limit);
            *own_q += (*own_qd + 0.5 * qdd * dt_secs) * dt_secs;
            *own_qd += qdd * dt_secs;
        }
        q.max_abs_diff(&self.q)
    }
}
