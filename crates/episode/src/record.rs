//! One thing that was recorded: what a writer takes and a reader gives.

use std::sync::Arc;

use neuraxis_core::{ArmState, Nanos, Observation, Prediction};

use crate::{BrainPanel, CommandSample, Level, Monitor, Points, PredictionDetail, SeenThing, TickSample};

/// One thing that was recorded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// Measured joints.
    State(ArmState),
    /// Commanded joints.
    Command(CommandSample),
    /// One millisecond of the loop with all its inputs.
    Tick(Box<TickSample>),
    /// What a policy saw.
    Observation(Arc<Observation>),
    /// A policy's answer and when it arrived.
    Prediction(Nanos, Box<Prediction>),
    /// What the policy saw and thought on the way to its answer.
    Detail(Nanos, Box<PredictionDetail>),
    /// The scene as points.
    Cloud(Nanos, Box<Points>),
    /// What the cerebellum is doing from now on.
    Phase(Nanos, String),
    /// What a brain plans, knows and has spent.
    Brain(Nanos, Box<BrainPanel>),
    /// The things that a brain sees.
    Things(Nanos, Vec<SeenThing>),
    /// Numbers that are watched.
    Monitors(Nanos, Vec<Monitor>),
    /// A new instruction; with an empty sentence: nothing is to be done from now on.
    Instruction {
        /// When.
        stamp: Nanos,
        /// Task instance.
        epoch: u32,
        /// The sentence.
        text: String,
    },
    /// Something that happened.
    Event(Nanos, Level, String),
    /// Drop counters.
    Drops(Nanos, serde_json::Value),
    /// How it ended.
    Summary(Nanos, serde_json::Value),
}
