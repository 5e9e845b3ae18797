//! Following a target state without ever exceeding velocity, acceleration and jerk limits.

use neuraxis_core::{Joints, SegmentState};
use neuraxis_robot::JointLimits;

/// How fast a position difference to the target is worked off [1/s]. Segments chain within micro-radians; this gain
/// turns such a step into a change of acceleration far below the limits.
const POSITION_GAIN_PER_SEC: f64 = 25.0;

/// One joint's state.
#[derive(Copy, Clone)]
struct Scalar {
    q: f64,
    qd: f64,
    qdd: f64,
}

fn scalar(state: &SegmentState, i: usize) -> Scalar {
    let get = |joints: &Joints| joints.get(i).copied().unwrap_or(0.0);
    Scalar { q: get(&state.q), qd: get(&state.qd), qdd: get(&state.qdd) }
}

/// The commanded state `dt_secs` after `from` on the way along `target` (the wanted state at that moment).
///
/// Meets the target's velocity after one tick where the limits allow it; otherwise lags, and catches up. `dt_secs` is
/// above zero.
pub(crate) fn follow(from: &SegmentState, target: &SegmentState, dt_secs: f64, limits: &[JointLimits]) -> SegmentState {
    let mut next = *from;
    let outputs = next.q.iter_mut().zip(next.qd.iter_mut()).zip(next.qdd.iter_mut());
    for (i, (((q, qd), qdd), limit)) in outputs.zip(limits).enumerate() {
        let (now, goal) = (scalar(from, i), scalar(target, i));
        // Where the trapezoid from this velocity to the target's would end, and what is missing there.
        let missing = goal.q - (now.q + 0.5 * (now.qd + goal.qd) * dt_secs);
        let wanted_qd = (goal.qd + POSITION_GAIN_PER_SEC * missing).clamp(-limit.velocity_rad_s, limit.velocity_rad_s);
        let jerk_step = limit.jerk_rad_s3 * dt_secs;
        let acceleration = ((wanted_qd - now.qd) / dt_secs)
            .clamp(now.qdd - jerk_step, now.qdd + jerk_step)
            .clamp(-limit.acceleration_rad_s2, limit.acceleration_rad_s2);
        *q = now.q + now.qd * dt_secs + 0.5 * acceleration * dt_secs * dt_secs;
        *qd = now.qd + acceleration * dt_secs;
        *qdd = acceleration;
    }
    next
}
