//! The way to rest when the tick itself has panicked: from the last command, on code that the tick does not use.

use std::panic::{AssertUnwindSafe, catch_unwind};

use neuraxis_core::{Arm, ArmCommand, Clock, Joints, PERIOD_BRAINSTEM, Pacing, SegmentState};
use neuraxis_motion::StopProfile;
use neuraxis_robot::JointLimits;

use crate::{MonotonicClock, Pacer};

/// Longest stop that is carried out [ticks].
const MOST_TICKS: u32 = 5_000;

/// Brakes from the last command within the limits and holds there; true if the arm took every command.
///
/// An arm whose `write` panics too cannot be stopped from here: its hardware's time-out does it.
pub(crate) fn brake(arm: &mut dyn Arm, last: &ArmCommand, limits: &[JointLimits]) -> bool {
    let from = SegmentState { q: last.q, qd: last.qd, qdd: last.qdd };
    let mut profile = StopProfile::from_state(&from, limits);
    let mut pacer = Pacer::new(MonotonicClock.now(), PERIOD_BRAINSTEM);
    for _ in 0..MOST_TICKS {
        if arm.pacing() == Pacing::Clock {
            pacer.wait();
        } else if catch_unwind(AssertUnwindSafe(|| arm.read())).is_err() {
            // A device that gave the rhythm and no longer does: keep it ourselves.
            pacer.wait();
        }
        let next = profile.step(PERIOD_BRAINSTEM.secs());
        // Feed-forward is not worth another thing that could fail here.
        let tau_nm = Joints::zeros(next.q.len());
        let command = ArmCommand { q: next.q, qd: next.qd, qdd: next.qdd, tau_nm, ..*last };
        if !matches!(catch_unwind(AssertUnwindSafe(|| arm.write(&command))), Ok(Ok(()))) {
            return false;
        }
        if profile.is_still() {
            let zero = Joints::zeros(next.q.len());
            let rest = ArmCommand { qd: zero, qdd: zero, ..command };
            return matches!(catch_unwind(AssertUnwindSafe(|| arm.write(&rest))), Ok(Ok(())));
        }
    }
    false
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
