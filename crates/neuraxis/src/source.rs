//! Where key-frames come from in a run that people watch: the trained policy, or a script.

use neuraxis_core::{Instruction, Observation, Policy, PolicyError, Prediction};
use neuraxis_policy::{CorticalPolicy, PredictionViews};
use neuraxis_vision::Cloud;

use crate::script::Script;

/// A policy that can show what it looked at.
pub enum Source {
    /// Trained weights.
    Weights(Box<CorticalPolicy>),
    /// The expert's key-frames.
    Script(Script),
}

impl Source {
    /// Views, heatmaps and cloud of the last prediction, if this source looks at any.
    pub fn looked(&self) -> Option<(PredictionViews, Cloud)> {
        match self {
            Self::Weights(policy) => Some((policy.views().clone(), policy.cloud().clone())),
            Self::Script(_) => None,
        }
    }
}

impl Policy for Source {
    fn predict(&mut self, observation: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        match self {
            Self::Weights(policy) => policy.predict(observation, words),
            Self::Script(script) => script.predict(observation, words),
        }
    }
}
