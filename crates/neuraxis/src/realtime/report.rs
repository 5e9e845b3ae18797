//! What a run did.

use neuraxis_brainstem::{BodyState, LoopSummary, WatchdogReport};
use neuraxis_core::{KeyFrame, Nanos};

use crate::{
    brain::Story,
    given::Latencies,
    lockstep::Outcome,
    threads::{Film, Rate},
};

/// What a run did.
pub struct Report {
    /// How it ended, in the terms of the lockstep clock.
    pub outcome: Outcome,
    /// The body as it was seen last.
    pub body: Option<BodyState>,
    /// The 1 kHz loop.
    pub brainstem: LoopSummary,
    /// Stalls of the loop that the watchdog saw.
    pub watchdog: WatchdogReport,
    /// The other threads: plant, cerebellum, cameras, policy, recorder.
    pub rates: Vec<Rate>,
    /// What the threads of the arm and of its cameras say of their work, a line each.
    pub said: Vec<String>,
    /// Time that physics could not keep up with.
    pub physics_lost: Nanos,
    /// Tick records, decisions, images and prediction pictures that the recorder did not get.
    pub dropped: [u64; 4],
    /// Observations that the policy refused, and why the last time.
    pub refused: (u64, Option<String>),
    /// The recorder, still open, or why it is not.
    pub film: Film,
    /// What a policy wanted last.
    pub wanted: Option<KeyFrame>,
    /// With a brain: what happened, in its words.
    pub story: Option<Story>,
    /// With a policy: from pictures to motion.
    pub latencies: Option<Latencies>,
}
