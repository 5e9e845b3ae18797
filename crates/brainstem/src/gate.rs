//! Which segments may be used at all: well formed, in order, of this task, with a sane lease.

use neuraxis_core::{Fault, Nanos, Segment};

/// A segment's number may be this far beyond the newest accepted, and one more for each [`COUNT`] since then: whoever
/// counts while nothing is taken, in a long hold, is not locked out; but no leap to the end of all numbers, after which
/// none would be newer.
const SEQ_LEAP: u64 = 1 << 20;
/// Segments are counted more slowly than this.
const COUNT: Nanos = Nanos::from_millis(1);
/// The number of the task instance may be this far beyond the newest accepted.
const EPOCH_LEAP: u32 = 1 << 16;

/// Segments that were not used, by reason. Each segment counts once however often it is offered.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedSegments {
    /// Not finite, wrong length, an impossible start or lease, or a number out of all proportion.
    pub malformed: u64,
    /// Older epoch or older number than the one in use.
    pub out_of_order: u64,
    /// Arrived after its lease.
    pub expired: u64,
    /// Did not continue from the commanded state.
    pub jump: u64,
    /// Arrived while stopping or latched.
    pub while_stopping: u64,
}

impl RefusedSegments {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.malformed + self.out_of_order + self.expired + self.jump + self.while_stopping
    }
}

/// Checks segments as they are offered, each tick, new or not.
#[derive(Clone, Debug)]
pub(crate) struct SegmentGate {
    dof: usize,
    lease_max: Nanos,
    pub(crate) lead_max: Nanos,
    offered: Option<(u32, u64)>,
    accepted: Option<(u32, u64)>,
    /// The newest was accepted then; before that, the first tick.
    accepted_at: Option<Nanos>,
    pub(crate) refused: RefusedSegments,
}

impl SegmentGate {
    pub(crate) fn new(dof: usize, lease_max: Nanos, lead_max: Nanos) -> Self {
        let refused = RefusedSegments::default();
        Self { dof, lease_max, lead_max, offered: None, accepted: None, accepted_at: None, refused }
    }

    /// The segment if it is new and may be used; why not, if it is new and may not.
    pub(crate) fn offer(&mut self, now: Nanos, segment: Option<&Segment>) -> Result<Option<Segment>, Fault> {
        // After a clock has stepped back time counts from there.
        let accepted_at = self.accepted_at.map_or(now, |at| at.min(now));
        self.accepted_at = Some(accepted_at);
        let Some(segment) = segment else { return Ok(None) };
        let id = (segment.epoch, segment.seq);
        if self.offered == Some(id) {
            return Ok(None);
        }
        self.offered = Some(id);

        let lease_is_sane = segment.valid_until > segment.t0 && segment.valid_until - segment.t0 <= self.lease_max;
        let start_is_sane = segment.t0 <= now + self.lead_max;
        let (epoch, seq) = self.accepted.unwrap_or((0, 0));
        let leap = SEQ_LEAP + (now - accepted_at).0 / COUNT.0;
        let number_is_sane =
            segment.epoch <= epoch.saturating_add(EPOCH_LEAP) && segment.seq <= seq.saturating_add(leap);
        let shape_is_sane = segment.is_well_formed() && segment.q.len() == self.dof;
        if !(shape_is_sane && lease_is_sane && start_is_sane && number_is_sane) {
            self.refused.malformed += 1;
            return Err(Fault::SegmentMalformed);
        }
        if self.accepted.is_some_and(|newest| id <= newest) {
            self.refused.out_of_order += 1;
            return Err(Fault::SegmentOutOfOrder);
        }
        if segment.valid_until < now {
            self.refused.expired += 1;
            return Err(Fault::LeaseExpired);
        }
        (self.accepted, self.accepted_at) = (Some(id), Some(now));
        Ok(Some(*segment))
    }
}
