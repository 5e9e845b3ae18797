//! What a planner's thread is asked and told, and what it answers.

use std::collections::BTreeSet;

use neuraxis_brain::{Draft, ModelUse, Scribe};
use neuraxis_core::Nanos;
use neuraxis_cortex::vlm::Context;
use neuraxis_executor::{Outcome, Reason};
use neuraxis_hippocampus::RepairId;
use neuraxis_plan::{FactId, Plan, Scene};

/// What is asked for.
pub enum Wanted {
    /// What the sentence means, where it speaks of the past: "put it back where it was" is about what memory knows.
    Meaning,
    /// A task's first plan.
    First,
    /// A repair of a leaf that failed, from memory.
    Repair {
        /// The plan that fails.
        plan: Box<Plan>,
        /// The leaf, as it was sent.
        node: u16,
        /// Why it failed.
        reason: Reason,
        /// Repairs that did not help.
        tried: BTreeSet<RepairId>,
    },
    /// Another plan.
    Replan {
        /// What the one before failed for because nobody knows whether it holds.
        unknown: Option<FactId>,
        /// Repairs that did not help.
        tried: BTreeSet<RepairId>,
    },
}

/// A question for a plan.
pub struct Question {
    /// Which task it is about.
    pub task: u32,
    /// Which sentence the task is from: the calls of a model are counted for each.
    pub sentence: u32,
    /// Of the executor's request, where it has one.
    pub id: Option<u32>,
    /// The executor's, when it was asked.
    pub epoch: u32,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is to be done.
    pub words: String,
    /// For a model, if one may be asked.
    pub context: Option<Box<Context>>,
    /// As it is now.
    pub scene: Scene,
    /// When it was asked.
    pub at: Nanos,
}

/// The answer.
pub enum Reply {
    /// To [`Wanted::Meaning`].
    Meant {
        /// As in the question.
        task: u32,
        /// As in the question.
        words: String,
        /// The sentence in words of the present, if it was about the past; or why nobody knows what it means.
        said: Result<Option<String>, String>,
    },
    /// To the others.
    Plan(Box<PlanReply>),
    /// Nobody has asked: why memory was not told something, as in [`Plans::troubles`](super::Plans::troubles).
    Untold(String),
}

/// A plan, or why there is none.
pub struct PlanReply {
    /// As in the question.
    pub task: u32,
    /// As in the question.
    pub id: Option<u32>,
    /// As in the question.
    pub epoch: u32,
    /// A proved plan and its scene, or why there is none.
    pub draft: Result<Box<(Draft, Scene)>, String>,
    /// Another look at the scene would change nothing: the model has no plan.
    pub is_final: bool,
    /// For people: where it came from.
    pub lines: Vec<String>,
    /// It came from memory as it was.
    pub reused: bool,
    /// Writes down what becomes of a new task, where there is a memory.
    pub scribe: Option<Scribe>,
    /// How a model has served so far.
    pub model: ModelUse,
    /// A fact that a model was asked about, and whether it holds.
    pub checked: Option<(FactId, bool)>,
}

/// How a task ended, for memory.
pub struct Record {
    /// Has accompanied it.
    pub scribe: Scribe,
    /// The executor's word.
    pub outcome: Outcome,
    /// At the end.
    pub scene: Scene,
    /// Then.
    pub at: Nanos,
}

/// Work for a planner's thread.
pub enum Job {
    /// To be answered.
    Answer(Box<Question>),
    /// To be remembered.
    Keep(Box<Record>),
}
