//! When a run is over.

use neuraxis_brainstem::{BodyState, Mode, Pacer};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::MailboxReader;
use neuraxis_core::Nanos;

use super::{Drive, Until};
use crate::{interrupt, threads::Shared};

/// A fault that lasts longer than this ends an episode.
const PATIENCE: Nanos = Nanos::from_millis(2000);
/// An arm that has said nothing for this long will not.
const SILENCE: Nanos = Nanos::from_millis(10_000);

/// How the watch ended.
pub(super) struct End {
    pub(super) success: bool,
    pub(super) failed: bool,
    pub(super) secs: f64,
    pub(super) mind: Option<CerebellumTick>,
    pub(super) body: Option<BodyState>,
}

/// Waits for the end of the episode and looks at everything a hundred times a second.
pub(super) fn watch(
    until: Until,
    drive: Drive,
    zero: Nanos,
    limit: Nanos,
    shared: &Shared,
    body: &mut MailboxReader<Option<BodyState>>,
    mind: &mut MailboxReader<Option<CerebellumTick>>,
) -> End {
    let mut pacer = Pacer::new(zero, Nanos::from_millis(10));
    let mut faulty_since: Option<Nanos> = None;
    loop {
        let now = pacer.wait().now;
        let (body, mind) = (body.latest(), mind.latest());
        let count = mind.map_or(0, |m| m.progress.reached_count);
        let arrived = matches!(until, Until::Reached(wanted) if count >= wanted);
        let (success, failed) = (shared.succeeded.is_raised() || arrived, shared.failed.is_raised());
        // An arm that is led is held where it is now, as soon as it stands.
        if body.is_some_and(|b| drive.forgives(b.fault)) {
            shared.signals.reset.raise();
        }
        // A fault that nobody clears is the end of an episode: a policy that came back would have gone on.
        let faulty = body.is_some_and(|b| is_faulty(drive, &b)) || mind.is_some_and(|m| m.fault.is_some());
        faulty_since = if faulty { faulty_since.or(Some(now)) } else { None };
        let silent = body.is_none() && now - zero > SILENCE;
        let too_long = silent || now - zero > limit || faulty_since.is_some_and(|since| now - since > PATIENCE);
        let over = match until {
            Until::EpisodeEnds | Until::Reached(_) => success || failed || too_long,
            Until::BrainEnds => shared.over.is_raised() || failed || too_long,
            Until::Asked => false,
            Until::TimeIsUp => too_long,
        };
        if over || interrupt::asked() || shared.broken.is_raised() {
            return End { success, failed, secs: (now - zero).secs(), mind, body };
        }
    }
}

/// Latched, and not only because somebody leads it.
pub(super) fn is_faulty(drive: Drive, body: &BodyState) -> bool {
    body.mode == Mode::Latched && !drive.is_led(body.fault, body.now, body.state.stamp)
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{ArmState, Fault, Joints, SegmentState};

    use super::*;

    #[test]
    fn an_arm_that_is_led_is_not_faulty_unless_it_falls_silent() {
        let zero = Joints::zeros(7);
        let body = |fault, stamp_ms| BodyState {
            now: Nanos::from_millis(9000),
            state: ArmState {
                stamp: Nanos::from_millis(stamp_ms),
                q: zero,
                qd: zero,
                tau_nm: zero,
                gripper_width_m: 0.08,
                grip_force_n: None,
            },
            commanded: SegmentState { q: zero, qd: zero, qdd: zero },
            feed_forward_nm: zero,
            gripper_width_m: 0.08,
            mode: Mode::Latched,
            fault: Some(fault),
            latches: 0,
            speed_scale: 1.0,
        };
        assert!(!is_faulty(Drive::Shadow, &body(Fault::TrackingError, 8999)));
        assert!(is_faulty(Drive::Thinker, &body(Fault::TrackingError, 8999)));
        assert!(is_faulty(Drive::Shadow, &body(Fault::ReadFailed, 8999)));
        // Its first fault is kept while it is led: that it is dead shows in its stamps.
        assert!(is_faulty(Drive::Shadow, &body(Fault::TrackingError, 6000)));
    }
}
