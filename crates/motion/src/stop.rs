//! From any state to rest: each joint brakes within its own jerk and acceleration limits, on a course known beforehand.
//!
//! Per joint the time-optimal stop under `|jerk| <= j`, `|acceleration| <= a`: steer the acceleration to a peak against
//! the motion, keep it, release it. With velocity `v` and acceleration `a0` at the start, in the direction in which the
//! joint would still move once `a0` is released, the peak is `p = min(a, sqrt(j w))`, `w = v + a0^2 / 2j`, and it is
//! kept for `(w - p^2/j) / p`. All of it is closed form, so that where a stop ends is known before it begins.

use neuraxis_core::{Joints, MAX_JOINTS, SegmentState};
use neuraxis_robot::JointLimits;

/// A stop, under way or only planned. Heap-free; made anew from any state.
#[derive(Copy, Clone, Debug)]
pub struct StopProfile {
    from: SegmentState,
    brakes: [Brake; MAX_JOINTS],
    /// Time until every joint is at rest [s].
    secs: f64,
    elapsed_secs: f64,
}

/// What a joint goes through on its way to rest.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct StopRange {
    /// Lowest position [rad].
    pub lowest_rad: f64,
    /// Highest position [rad].
    pub highest_rad: f64,
    /// Highest speed in either direction [rad/s].
    pub fastest_rad_s: f64,
}

impl StopProfile {
    /// A stop from a commanded state.
    pub fn from_state(state: &SegmentState, limits: &[JointLimits]) -> Self {
        let mut profile = Self { from: *state, brakes: [Brake::default(); MAX_JOINTS], secs: 0.0, elapsed_secs: 0.0 };
        let motion = state.qd.iter().zip(state.qdd.iter());
        for ((slot, (qd, qdd)), limit) in profile.brakes.iter_mut().zip(motion).zip(limits) {
            *slot = Brake::new(*qd, *qdd, limit.acceleration_rad_s2, limit.jerk_rad_s3);
            profile.secs = profile.secs.max(slot.secs());
        }
        profile
    }

    /// `dt_secs` further.
    pub fn step(&mut self, dt_secs: f64) -> SegmentState {
        self.elapsed_secs += dt_secs;
        self.at(self.elapsed_secs)
    }

    /// The state `secs` after the start, whatever has been stepped.
    pub fn at(&self, secs: f64) -> SegmentState {
        let mut state = self.from;
        let joints = state.q.iter_mut().zip(state.qd.iter_mut()).zip(state.qdd.iter_mut());
        for (((q, qd), qdd), brake) in joints.zip(&self.brakes) {
            (*q, *qd, *qdd) = brake.at(secs, (*q, *qd, *qdd));
        }
        state
    }

    /// Where the arm comes to rest [rad].
    pub fn end(&self) -> Joints {
        self.at(self.secs).q
    }

    /// Time from the start to rest [s].
    pub fn secs(&self) -> f64 {
        self.secs
    }

    /// When a joint's jerk changes, in joint order, from the start [s]. Between two of these moments every acceleration
    /// is linear in time.
    pub fn turns_secs(&self) -> impl Iterator<Item = f64> + '_ {
        let joints = self.from.q.len();
        self.brakes.iter().take(joints).flat_map(|brake| [brake.steer_secs, brake.steer_secs + brake.keep_secs])
    }

    /// What each joint goes through, in joint order.
    pub fn ranges(&self) -> impl Iterator<Item = StopRange> + '_ {
        let motion = self.from.q.iter().zip(self.from.qd.iter()).zip(self.from.qdd.iter());
        motion.zip(&self.brakes).map(|(((q, qd), qdd), brake)| brake.range((*q, *qd, *qdd)))
    }

    /// Nothing moves any more.
    pub fn is_still(&self) -> bool {
        self.elapsed_secs >= self.secs
    }
}

/// One joint's stop: jerk `-jerk`, none, `+jerk`.
#[derive(Copy, Clone, Debug, Default)]
struct Brake {
    /// Signed: positive if the joint brakes out of positive motion [rad/s^3].
    jerk: f64,
    steer_secs: f64,
    keep_secs: f64,
    release_secs: f64,
}

/// Position, velocity, acceleration.
type Motion = (f64, f64, f64);

impl Brake {
    fn new(v: f64, a: f64, a_most: f64, jerk: f64) -> Self {
        // The velocity that is left once the acceleration is released says which way to brake.
        let sign = if v + a * a.abs() / (2.0 * jerk) < 0.0 { -1.0 } else { 1.0 };
        let (v, a) = (sign * v, sign * a);
        let w = (v + a * a / (2.0 * jerk)).max(0.0);
        let peak = (jerk * w).sqrt().min(a_most).max(-a);
        let keep_secs = if peak > 0.0 { ((w - peak * peak / jerk) / peak).max(0.0) } else { 0.0 };
        Self { jerk: sign * jerk, steer_secs: ((a + peak) / jerk).max(0.0), keep_secs, release_secs: peak / jerk }
    }

    fn secs(&self) -> f64 {
        self.steer_secs + self.keep_secs + self.release_secs
    }

    fn at(&self, secs: f64, from: Motion) -> Motion {
        // At the end every phase is complete to the bit, however long ago that was.
        let mut left = if secs >= self.secs() { f64::INFINITY } else { secs.max(0.0) };
        let mut motion = from;
        for (phase_secs, jerk) in [(self.steer_secs, -self.jerk), (self.keep_secs, 0.0), (self.release_secs, self.jerk)]
        {
            motion = advance(motion, jerk, left.clamp(0.0, phase_secs));
            left -= phase_secs;
        }
        // At rest nothing is left of rounding.
        if secs >= self.secs() { (motion.0, 0.0, 0.0) } else { motion }
    }

    fn range(&self, from: Motion) -> StopRange {
        let (q, v, a) = from;
        let end = self.at(self.secs(), from).0;
        let mut range = StopRange { lowest_rad: q.min(end), highest_rad: q.max(end), fastest_rad_s: v.abs() };
        let (sign, jerk) = (self.jerk.signum(), self.jerk.abs());
        let (v, a) = (sign * v, sign * a);
        if a > 0.0 && jerk > 0.0 {
            // Speeds up until the acceleration is gone.
            range.fastest_rad_s = range.fastest_rad_s.max(v + a * a / (2.0 * jerk));
            if v < 0.0 {
                // Still moves the other way: it turns where v + a t - j t^2 / 2 = 0.
                let secs = (a - (a * a + 2.0 * jerk * v).max(0.0).sqrt()) / jerk;
                let turn = advance(from, -self.jerk, secs).0;
                range.lowest_rad = range.lowest_rad.min(turn);
                range.highest_rad = range.highest_rad.max(turn);
            }
        }
        range
    }
}

/// Constant jerk for `t` seconds.
fn advance((q, v, a): Motion, jerk: f64, t: f64) -> Motion {
    (q + v * t + 0.5 * a * t * t + jerk * t * t * t / 6.0, v + a * t + 0.5 * jerk * t * t, a + jerk * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_MOST: f64 = 10.0;
    const J_MOST: f64 = 5000.0;

    fn stop(v: f64, a: f64) -> StopProfile {
        let limit = JointLimits {
            lower_rad: -3.0,
            upper_rad: 3.0,
            velocity_rad_s: 2.6,
            acceleration_rad_s2: A_MOST,
            jerk_rad_s3: J_MOST,
            effort_nm: 87.0,
        };
        let one = |x: f64| Joints::from_fn(1, |_| x);
        StopProfile::from_state(&SegmentState { q: one(0.0), qd: one(v), qdd: one(a) }, &[limit])
    }

    const SPEEDS: [f64; 9] = [-2.6, -0.7, -0.01, -0.003, 0.0, 0.003, 0.008, 0.4, 2.6];
    const ACCELERATIONS: [f64; 7] = [-10.0, -9.0, -3.0, 0.0, 5.0, 9.99, 10.0];

    #[test]
    fn sr06_comes_to_rest_where_it_said_within_jerk_and_acceleration_limits() {
        for (v, a) in SPEEDS.iter().flat_map(|v| ACCELERATIONS.map(|a| (*v, a))) {
            let mut stop = stop(v, a);
            let (said, range) = (stop.end()[0], stop.ranges().next().unwrap());
            let (mut last_q, mut last_v, mut last_a) = (0.0, v, a);
            for tick in 0.. {
                assert!(tick < 1000, "does not stop from v {v}, a {a}");
                let s = stop.step(0.001);
                let (q, qd, qdd) = (s.q[0], s.qd[0], s.qdd[0]);
                assert!(qdd.abs() <= A_MOST + 1e-9);
                assert!((qdd - last_a).abs() <= J_MOST * 0.001 + 1e-9, "jerk from v {v}, a {a}");
                assert!((qd - last_v).abs() <= A_MOST * 0.001 + 1e-9);
                assert!((q - last_q - 0.5 * (qd + last_v) * 0.001).abs() <= J_MOST * 1e-9);
                assert!((range.lowest_rad - 1e-12..=range.highest_rad + 1e-12).contains(&q), "{range:?} from {v}, {a}");
                assert!(qd.abs() <= range.fastest_rad_s + 1e-9);
                (last_q, last_v, last_a) = (q, qd, qdd);
                if stop.is_still() {
                    break;
                }
            }
            assert_eq!((last_q, last_v, last_a), (said, 0.0, 0.0), "from v {v}, a {a}");
        }
    }

    #[test]
    fn no_stop_within_the_limits_is_shorter() {
        // v / a + a / j once the peak is reached; twice sqrt(v / j) below it.
        assert!((stop(2.6, 0.0).secs() - (2.6 / A_MOST + A_MOST / J_MOST)).abs() < 1e-12);
        assert!((stop(0.01, 0.0).secs() - 2.0 * (0.01 / J_MOST).sqrt()).abs() < 1e-12);
        assert_eq!(stop(0.0, 0.0).secs(), 0.0);
    }

    #[test]
    fn an_acceleration_that_already_ends_the_motion_is_only_released() {
        let v = A_MOST * A_MOST / (2.0 * J_MOST);
        let stop = stop(v, -A_MOST);
        assert!((stop.secs() - A_MOST / J_MOST).abs() < 1e-9);
        // A little faster than that, and it turns around: the range says so.
        let range = super::tests::stop(0.5 * v, -A_MOST).ranges().next().unwrap();
        assert!(range.highest_rad > 0.0 && range.lowest_rad < 0.0, "{range:?}");
    }
}
