//! Segments that meet exactly.
//!
//! Each segment starts where the one before ends, in position and velocity, and its constant acceleration leads to the
//! trajectory's velocity at its own end. Position then follows by the trapezoidal rule, whose error over a motion from
//! rest to rest cancels (Euler-Maclaurin) up to what a slow correction takes away.

use neuraxis_core::{Joints, Nanos, PERIOD_CEREBELLUM, Segment, SegmentState};
use neuraxis_motion::towards;
use neuraxis_robot::JointLimits;

/// The commanded state may differ by this from what the chain says, and still is the chain's. Below the jump that the
/// brainstem tolerates, so that one of the two always notices.
const DIVERGED_RAD: f64 = 0.012;
/// Same for velocity.
const DIVERGED_RAD_S: f64 = 0.3;
/// A chain and a commanded state that both stand may differ by this: the brainstem was stopped short of the chain's end, and must
/// not be led there when a reset frees it.
const APART_AT_REST_RAD: f64 = 5e-4;
/// Slower is standing [rad/s].
const STANDS_RAD_S: f64 = 1e-3;
/// Times of commanded state and chain may differ by this.
const SKEW_SECS: f64 = 0.006;
/// ... for this many ticks.
const DIVERGED_TICKS: u32 = 3;
/// More periods than this without a tick exceed any lease.
const MAX_PERIODS: u64 = 4;

/// The piece of time that the next segment has to fill.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Opening {
    /// Start of the segment.
    pub(crate) t0: Nanos,
    /// Where the commanded state will be at `t0`.
    pub(crate) start: SegmentState,
    /// Periods since the segment before: more than one after an overrun.
    pub(crate) periods: u64,
}

/// What a segment says to the gripper.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Grip {
    pub(crate) width_m: f64,
    pub(crate) force_n: f64,
}

/// The last two segments emitted.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    lead: Nanos,
    lease: Nanos,
    seq: u64,
    previous: Option<Segment>,
    newest: Option<Segment>,
    /// Start of the last segment, also one broken off.
    last_t0: Option<Nanos>,
    diverged_ticks: u32,
}

impl Chain {
    pub(crate) fn new(lead: Nanos, lease: Nanos) -> Self {
        Self { lead, lease, seq: 0, previous: None, newest: None, last_t0: None, diverged_ticks: 0 }
    }

    /// The next segment starts from the commanded state, not from the one before.
    pub(crate) fn break_off(&mut self) {
        self.previous = None;
        self.newest = None;
        self.diverged_ticks = 0;
    }

    /// True if nothing was emitted since the start or the last break.
    pub(crate) fn is_new(&self) -> bool {
        self.newest.is_none()
    }

    /// True if the last segment starts later than one made now would: the clock stepped back.
    pub(crate) fn is_ahead_of(&self, now: Nanos) -> bool {
        self.last_t0.is_some_and(|t0| t0 > now + self.lead + PERIOD_CEREBELLUM)
    }

    /// What to fill next; `None` if it is too early for another segment.
    pub(crate) fn opening(&self, now: Nanos, commanded: &SegmentState) -> Option<Opening> {
        let due = now + self.lead;
        let Some(newest) = &self.newest else {
            let ahead_secs = self.lead.secs();
            let q = Joints::from_fn(commanded.q.len(), |i| at(&commanded.q, i) + ahead_secs * at(&commanded.qd, i));
            return Some(Opening { t0: due, start: SegmentState { q, ..*commanded }, periods: 1 });
        };
        // Whole periods of the chain's own grid, so that a jittering caller does not make it jitter.
        let periods = (due - newest.t0).0.saturating_add(PERIOD_CEREBELLUM.0 / 2) / PERIOD_CEREBELLUM.0;
        if periods == 0 {
            return None;
        }
        let t0 = newest.t0 + Nanos(periods.saturating_mul(PERIOD_CEREBELLUM.0));
        Some(Opening { t0, start: newest.at(t0), periods })
    }

    /// True if the brainstem evidently does not follow this chain (any more).
    pub(crate) fn has_diverged(&mut self, now: Nanos, opening: &Opening, commanded: &SegmentState) -> bool {
        if opening.periods > MAX_PERIODS {
            return true;
        }
        let segment = match (&self.previous, &self.newest) {
            (Some(previous), Some(newest)) if now < newest.t0 => previous,
            (_, Some(newest)) => newest,
            _ => return false,
        };
        let expected = segment.at(now);
        let speed = |qd: &Joints| qd.iter().fold(0.0_f64, |most, qd| most.max(qd.abs()));
        let (fastest, away_rad) = (speed(&expected.qd), expected.q.max_abs_diff(&commanded.q));
        let both_stand = fastest.max(speed(&commanded.qd)) < STANDS_RAD_S;
        let apart = away_rad > DIVERGED_RAD + SKEW_SECS * fastest
            || (both_stand && away_rad > APART_AT_REST_RAD)
            || expected.qd.max_abs_diff(&commanded.qd) > DIVERGED_RAD_S;
        self.diverged_ticks = if apart { self.diverged_ticks + 1 } else { 0 };
        self.diverged_ticks >= DIVERGED_TICKS
    }

    /// The segment that leads from the opening to `end`, one period later.
    pub(crate) fn emit(
        &mut self,
        epoch: u32,
        opening: &Opening,
        end: &SegmentState,
        grip: Grip,
        limits: &[JointLimits],
    ) -> Segment {
        let start = &opening.start;
        let mut qdd = Joints::zeros(start.q.len());
        for (i, (qdd, limit)) in qdd.iter_mut().zip(limits).enumerate() {
            *qdd = towards((at(&start.q, i), at(&start.qd, i)), (at(&end.q, i), at(&end.qd, i)), limit);
        }
        self.push(epoch, opening.t0, start.q, start.qd, qdd, grip)
    }

    /// A segment that stands still at `q`.
    pub(crate) fn hold(&mut self, epoch: u32, now: Nanos, q: Joints, grip: Grip) -> Segment {
        let zero = Joints::zeros(q.len());
        self.push(epoch, now + self.lead, q, zero, zero, grip)
    }

    fn push(&mut self, epoch: u32, t0: Nanos, q: Joints, qd: Joints, qdd: Joints, grip: Grip) -> Segment {
        self.seq += 1;
        let segment = Segment {
            epoch,
            seq: self.seq,
            t0,
            valid_until: t0 + self.lease,
            q,
            qd,
            qdd,
            gripper_width_m: grip.width_m,
            grip_force_n: grip.force_n,
        };
        self.previous = self.newest.replace(segment);
        self.last_t0 = Some(t0);
        segment
    }
}

fn at(joints: &Joints, i: usize) -> f64 {
    joints.get(i).copied().unwrap_or(0.0)
}
