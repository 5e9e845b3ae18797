//! A straight line in joint space, from rest to rest.

use neuraxis_core::{Fault, Joints, SegmentState};

use crate::target::Approach;

/// A shorter line is over before it begins [rad].
const NOTHING_RAD: f64 = 1e-9;

/// Moves all joints in one ratio: one number runs along the line, as fast as the slowest joint allows.
///
/// An approach of several joints, each with its own limits, leaves the straight line; this one cannot.
pub(crate) struct JointLine<const N: usize> {
    /// Way of the joint that moves most [rad].
    progress: Approach<1>,
    velocity_rad_s: [f64; N],
    acceleration_rad_s2: [f64; N],
    jerk_rad_s3: [f64; N],
    from: Joints,
    /// Of each joint, per radian of the one that moves most: -1 to 1.
    direction: Joints,
}

impl<const N: usize> JointLine<N> {
    /// Limits by joint.
    pub(crate) fn new(
        period_secs: f64,
        velocity_rad_s: [f64; N],
        acceleration_rad_s2: [f64; N],
        jerk_rad_s3: [f64; N],
    ) -> Self {
        Self {
            progress: Approach::new(period_secs, [1.0], [1.0], [1.0]),
            velocity_rad_s,
            acceleration_rad_s2,
            jerk_rad_s3,
            from: Joints::zeros(N),
            direction: Joints::zeros(N),
        }
    }

    /// Begins at rest. No allocation.
    pub(crate) fn start(&mut self, from: &Joints, to: &Joints) {
        let length_rad = from.max_abs_diff(to);
        let scale = if length_rad > NOTHING_RAD { 1.0 / length_rad } else { 0.0 };
        self.from = *from;
        self.direction =
            Joints::from_fn(from.len(), |i| to.get(i).zip(from.get(i)).map_or(0.0, |(to, from)| (to - from) * scale));
        let direction = self.direction;
        let slowest = |limits: &[f64; N]| {
            let by_joint = limits.iter().zip(direction.iter()).filter(|(_, d)| d.abs() > 0.0);
            // Without a joint that moves any limit will do.
            by_joint.map(|(limit, d)| limit / d.abs()).reduce(f64::min).unwrap_or(1.0)
        };
        let limits = (slowest(&self.velocity_rad_s), slowest(&self.acceleration_rad_s2), slowest(&self.jerk_rad_s3));
        self.progress.limit([limits.0], [limits.1], [limits.2]);
        self.progress.start([0.0], [0.0], [0.0]);
        self.progress.aim([length_rad]);
    }

    /// One period further; see [`Approach::step`], also for what it allocates.
    pub(crate) fn step(&mut self, pace: f64) -> Result<SegmentState, Fault> {
        let ([s], [v], [a]) = self.progress.step(pace)?;
        let along =
            |value: f64| Joints::from_fn(self.direction.len(), |i| self.direction.get(i).map_or(0.0, |d| d * value));
        let mut q = along(s);
        for (q, from) in q.iter_mut().zip(self.from.iter()) {
            *q += from;
        }
        Ok(SegmentState { q, qd: along(v), qdd: along(a) })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.progress.is_done()
    }
}
