//! When a run is over.

use neuraxis_brainstem::{BodyState, Mode, Pacer};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::MailboxReader;
use neuraxis_core::{Fault, Nanos};

use super::Until;
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
    is_shadow: bool,
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
        // Whoever moves an arm that is only watched leads it away from where it was: that is no fault of its.
        if is_shadow && body.is_some_and(|b| b.fault == Some(Fault::TrackingError)) {
            shared.signals.reset.raise();
        }
        // A fault that nobody clears is the end of an episode: a policy that came back would have gone on.
        let faulty = body.is_some_and(|b| b.mode == Mode::Latched) || mind.is_some_and(|m| m.fault.is_some());
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
