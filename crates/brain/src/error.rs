//! Why the brain cannot begin, or go on.

use neuraxis_cortex::CortexError;
use neuraxis_executor::ExecutorError;
use neuraxis_hippocampus::MemoryError;
use neuraxis_plan::{PlanErrors, SceneError};
use neuraxis_scene::SightError;

use crate::NotKnown;

/// Errors of the brain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrainError {
    /// A setting is out of its range.
    #[error("brain configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// Which.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A threshold is none, or of nothing.
    #[error("monitors: {key} = {value}, allowed: {allowed}")]
    Monitor {
        /// Which.
        key: String,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The scene cannot be looked at.
    #[error(transparent)]
    Sight(#[from] SightError),
    /// What was seen makes no scene of the plan language.
    #[error("what is seen: {0}")]
    Scene(#[from] SceneError),
    /// Nothing was asked for yet.
    #[error("no task has begun")]
    NoTask,
    /// The sentence names something that is not seen, and no place where it could be.
    #[error("I do not see a {0}, and {1:?} names no drawer that it could be in")]
    NotSeen(String, String),
    /// There is no plan.
    #[error(transparent)]
    Cortex(#[from] CortexError),
    /// The plan cannot be proved.
    #[error("the plan by {planner} is refused: {errors}")]
    Refused {
        /// Whose plan.
        planner: &'static str,
        /// What is wrong with it.
        errors: PlanErrors,
    },
    /// The plan cannot be run.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// It cannot be remembered.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// It cannot be put back.
    #[error(transparent)]
    PutBack(#[from] NotKnown),
}

impl BrainError {
    /// The model has no plan, and nobody else was to be asked: another look at the scene changes nothing about that.
    pub fn is_of_the_model(&self) -> bool {
        matches!(self, Self::Cortex(CortexError::Vlm(_)))
    }
}
