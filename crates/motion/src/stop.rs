//! From any state to rest: each joint brakes within its own jerk and acceleration limits.

use neuraxis_core::{Joints, SegmentState};
use neuraxis_robot::JointLimits;

/// A stop under way. Heap-free; made anew from any state.
#[derive(Copy, Clone, Debug)]
pub struct StopProfile {
    state: SegmentState,
    acceleration: Joints,
    jerk: Joints,
}

impl StopProfile {
    /// A stop from a commanded state.
    pub fn from_state(state: &SegmentState, limits: &[JointLimits]) -> Self {
        let n = state.q.len();
        Self {
            state: *state,
            acceleration: Joints::from_fn(n, |i| limits.get(i).map_or(1.0, |l| l.acceleration_rad_s2)),
            jerk: Joints::from_fn(n, |i| limits.get(i).map_or(1.0, |l| l.jerk_rad_s3)),
        }
    }

    /// `dt` seconds further.
    pub fn step(&mut self, dt: f64) -> SegmentState {
        let n = self.state.q.len();
        let get = |joints: &Joints, i: usize| joints.get(i).copied().unwrap_or(0.0);
        let mut next = self.state;
        for i in 0..n {
            let (q, v, a) = (get(&self.state.q, i), get(&self.state.qd, i), get(&self.state.qdd, i));
            let (a_most, j_most) = (get(&self.acceleration, i), get(&self.jerk, i));
            let (q, v, a) = brake(q, v, a, a_most, j_most, dt);
            for (joints, value) in [(&mut next.q, q), (&mut next.qd, v), (&mut next.qdd, a)] {
                if let Some(slot) = joints.get_mut(i) {
                    *slot = value;
                }
            }
        }
        self.state = next;
        next
    }

    /// Nothing moves any more.
    pub fn is_still(&self) -> bool {
        self.state.qd.iter().all(|v| *v == 0.0) && self.state.qdd.iter().all(|a| *a == 0.0)
    }
}

/// One joint: steer the acceleration towards the one from which jerk-limited release ends at zero velocity.
///
/// Releasing an acceleration `a` at jerk `j` changes the velocity by `a |a| / 2 j`; the acceleration to aim at is
/// therefore `-sign(v) sqrt(2 j |v|)`, within the limit.
fn brake(q: f64, v: f64, a: f64, a_most: f64, j_most: f64, dt: f64) -> (f64, f64, f64) {
    let step = j_most * dt;
    if v.abs() <= step * dt && a.abs() <= step {
        return (q, 0.0, 0.0);
    }
    // Aim for the middle of the step, so that the discrete release does not overshoot.
    let ahead = v + a * dt;
    let wanted =
        -ahead.signum() * ((2.0 * j_most * ahead.abs() + 0.25 * step * step).sqrt() - 0.5 * step).clamp(0.0, a_most);
    let next_a = a + (wanted - a).clamp(-step, step);
    let next_v = v + 0.5 * (a + next_a) * dt;
    let next_q = q + v * dt + (2.0 * a + next_a) * dt * dt / 6.0;
    (next_q, next_v, next_a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Vec<JointLimits> {
        vec![
            JointLimits {
                lower_rad: -3.0,
                upper_rad: 3.0,
                velocity_rad_s: 2.6,
                acceleration_rad_s2: 10.0,
                jerk_rad_s3: 5000.0,
                effort_nm: 87.0,
            };
            1
        ]
    }

    #[test]
    fn comes_to_rest_within_jerk_and_acceleration_limits() {
        let mut worst_overshoot: f64 = 0.0;
        for v in [-2.6, -0.7, -0.01, 0.0, 0.003, 0.4, 2.6] {
            for a in [-10.0, -3.0, 0.0, 5.0, 10.0] {
                let one = |x: f64| Joints::from_fn(1, |_| x);
                let mut stop =
                    StopProfile::from_state(&SegmentState { q: one(0.0), qd: one(v), qdd: one(a) }, &limits());
                let (mut last_a, mut last_v, mut last_q) = (a, v, 0.0);
                let mut ticks = 0;
                while !stop.is_still() {
                    let s = stop.step(0.001);
                    ticks += 1;
                    assert!(ticks < 1000, "does not stop from v {v}, a {a}: {s:?}");
                    assert!(s.qdd[0].abs() <= 10.0 + 1e-9);
                    assert!((s.qdd[0] - last_a).abs() <= 5.0 + 1e-6, "jerk from v {v}, a {a}");
                    assert!((s.qd[0] - last_v).abs() <= 0.011);
                    assert!((s.q[0] - last_q).abs() <= 0.003);
                    if v > 0.1 {
                        worst_overshoot = worst_overshoot.max(-s.qd[0]);
                    }
                    (last_a, last_v, last_q) = (s.qdd[0], s.qd[0], s.q[0]);
                }
            }
        }
        assert!(worst_overshoot < 0.02, "reverses at {worst_overshoot} rad/s");
    }
}
