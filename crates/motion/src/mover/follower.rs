//! What is lost of a straight line by who keeps the joints' acceleration limits.
//!
//! Near a singularity a line can ask for more, without asking for too much speed. A tick or two of that are soon made
//! good; who falls behind further has left the line.

use neuraxis_core::{Joints, PERIOD_CEREBELLUM, SegmentState};
use neuraxis_robot::JointLimits;

/// How fast a distance is made good, as the chain of segments does it [1/s].
const CORRECTION_PER_SEC: f64 = 10.0;

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
        let mut most_rad: f64 = 0.0;
        for (((q, qd), (own_q, own_qd)), limit) in line.zip(self.q.iter_mut().zip(self.qd.iter_mut())).zip(limits) {
            let missing = q - (*own_q + 0.5 * (*own_qd + qd) * dt_secs);
            let wanted = (qd + CORRECTION_PER_SEC * missing - *own_qd) / dt_secs;
            let qdd = wanted.clamp(-limit.acceleration_rad_s2, limit.acceleration_rad_s2);
            *own_q += (*own_qd + 0.5 * qdd * dt_secs) * dt_secs;
            *own_qd += qdd * dt_secs;
            most_rad = most_rad.max((q - *own_q).abs());
        }
        most_rad
    }
}
