//! What the rest of the program tells the node about how it is: plain numbers, for diagnostics.

use neuraxis_core::{Fault, Nanos};

use crate::Status;
use crate::apart::LinkReport;

/// How the program is. Whoever makes one reads mailboxes and counters; counters never go back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// Ticks of the control loop.
    pub ticks: u64,
    /// Timing of the loop so far; `None` before its first second is over.
    pub timing: Option<LoopTiming>,
    /// The arm; `None` before its first state.
    pub arm: Option<ArmHealth>,
    /// What decides where the arm goes.
    pub policy: PolicyHealth,
    /// The drivers of a real arm, its hand and its cameras, as they judge themselves.
    pub drivers: Vec<Status>,
    /// The way to it, where it is in another process.
    pub link: Option<LinkReport>,
    /// What was not written down, by kind; empty where nothing is recorded.
    pub unrecorded: Vec<(&'static str, u64)>,
}

/// Timing of the control loop since its start.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopTiming {
    /// How late it woke.
    pub wake: Spread,
    /// How long it decided.
    pub compute: Spread,
    /// From one tick to the next.
    pub period: Spread,
    /// Deadlines skipped.
    pub missed: u64,
}

/// Percentiles of a duration.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Half of them are at most this.
    pub p50: Nanos,
    /// 99 % are at most this.
    pub p99: Nanos,
    /// 99.9 % are at most this.
    pub p999: Nanos,
}

/// The arm under its loop.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ArmHealth {
    /// What the loop does with it, in a word.
    pub mode: &'static str,
    /// Only an operator's reset lets it move again.
    pub latched: bool,
    /// Fault in force.
    pub fault: Option<Fault>,
}

/// What decides where the arm goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyHealth {
    /// Answers given.
    pub answers: u64,
    /// Time that the newest answer took [s]; `None` before the first one.
    pub latency_secs: Option<f64>,
    /// Capture stamp of what the newest answer was made from.
    pub observed_at: Option<Nanos>,
    /// Observations, instructions and answers refused.
    pub refused: u64,
    /// Why, the last time.
    pub last_refusal: Option<String>,
    /// Cameras that the newest answer did without, and why; of a refusal those that cannot be used.
    pub left_out: Vec<String>,
    /// How long before its picture the frame before it was taken [s], where it looks at two.
    pub before_age_secs: Option<f64>,
}
