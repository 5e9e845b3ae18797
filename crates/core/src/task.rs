//! Instructions and the policies that act on them.

use std::sync::Arc;

use crate::{Observation, Prediction};

/// Token features of a sentence: (tokens, width) row-major, f32.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFeatures {
    /// Number of tokens.
    pub tokens: usize,
    /// Numbers per token.
    pub width: usize,
    /// tokens * width numbers.
    pub values: Arc<[f32]>,
}

/// What the arm is asked to do, in words and as the text encoder sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// The sentence.
    pub text: Arc<str>,
    /// Task instance; increases with each new instruction.
    pub epoch: u32,
    /// Output of the text encoder; `None` for sources that do not read language.
    pub features: Option<TextFeatures>,
}

/// Why no prediction could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The observation cannot be used.
    #[error("observation {seq} refused: {reason}")]
    Observation {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The instruction cannot be used.
    #[error("instruction {text:?} refused: {reason}")]
    Instruction {
        /// The sentence.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The policy's own answer must not move the arm: not finite, or out of bounds.
    #[error("answer refused: {0}")]
    Answer(String),
    /// The arm cannot get to the key-frame.
    #[error("no way to the key-frame: {0}")]
    NoWay(String),
    /// The policy itself failed.
    #[error("policy failed: {0}")]
    Internal(String),
}

/// A source of key-frames: a network, a scripted expert, a recording.
pub trait Policy: Send {
    /// The key-frame to approach, from one observation. May allocate and take long; runs in its own thread.
    fn predict(&mut self, observation: &Observation, instruction: &Instruction) -> Result<Prediction, PolicyError>;
}

/// Sentence to token features.
pub trait TextEmbedder: Send {
    /// Stable name of the encoder and its weights, stored with every checkpoint.
    fn id(&self) -> &str;
    /// Encodes one sentence.
    fn embed(&mut self, text: &str) -> Result<TextFeatures, PolicyError>;
}
