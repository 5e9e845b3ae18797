//! Why there is no plan.

use crate::vlm::VlmError;

/// Errors of planning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CortexError {
    /// A word that is neither in the grammar nor a name in the scene.
    #[error("I do not know the word {word:?}; {}", what_is_known(nearest, things))]
    UnknownWord {
        /// The word.
        word: String,
        /// Known ones that it may be a slip of, nearest first.
        nearest: Vec<String>,
        /// Names of the scene's things, for a word that is near to none.
        things: Vec<String>,
    },
    /// A word that is known, but not in this place.
    #[error("{word:?} is not understood here")]
    Misplaced {
        /// The word.
        word: String,
    },
    /// Words that name no thing of the scene, or more than one.
    #[error("{words:?} names {}", if found.is_empty() { "nothing here".to_string() } else { found.join(" or ") })]
    Name {
        /// As they were said.
        words: String,
        /// The things that they could mean.
        found: Vec<String>,
    },
    /// Known words, put together in a way that says nothing.
    #[error("at {at:?}: {why}")]
    Meaning {
        /// Where in the sentence.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// The goals cannot be reached for all that is known.
    #[error("no way to {}: {why}", goals.join(", "))]
    NoWay {
        /// The facts that were to be reached.
        goals: Vec<String>,
        /// What is in the way.
        why: String,
    },
    /// A plan of more nodes or levels than there may be.
    #[error("the plan takes {steps} steps, too many for one tree; ask for less at once")]
    TooLong {
        /// Steps found.
        steps: usize,
    },
    /// A plan file that cannot be read.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The model gave no plan that can be used.
    #[error(transparent)]
    Vlm(#[from] VlmError),
    /// Neither of two planners has a plan.
    #[error("{first}; and instead of it: {second}")]
    Neither {
        /// Why the first has none.
        first: Box<CortexError>,
        /// Why the second has none.
        second: Box<CortexError>,
    },
}

fn what_is_known(nearest: &[String], things: &[String]) -> String {
    match nearest {
        [] => format!("here are: {}", things.join(", ")),
        nearest => format!("the nearest that I know: {}", nearest.join(", ")),
    }
}

impl CortexError {
    /// True if somebody wanted no plan any more.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Vlm(VlmError::Cancelled))
    }
}
