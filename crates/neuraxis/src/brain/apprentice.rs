//! The learned policy as the brain uses it: told a sentence for a while, asked at each look.

use anyhow::Result;
use nalgebra::Vector3;
use neuraxis_core::{Instruction, Nanos, Observation, Policy, PolicyError, Prediction, TextEmbedder};
use neuraxis_policy::{CorticalPolicy, text::MiniLm};

use crate::{
    config::Config,
    looked::{Looked, Sight},
    source::{gaze, hash_and_device, load_policy},
};

/// The policy and its text encoder.
pub struct Apprentice {
    policy: Box<CorticalPolicy>,
    embedder: MiniLm,
    words: Option<Instruction>,
}

impl Apprentice {
    /// With the configured weights, if the configuration has anything for it to do.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        if config.brain.learned.is_empty() {
            return Ok(None);
        }
        let embedder = crate::package::text_encoder(&config.root)?;
        let policy = load_policy(config, &config.root.join(&config.run.weights), embedder.id())?;
        Ok(Some(Self { policy: Box::new(policy), embedder, words: None }))
    }

    /// What tables say of it.
    pub fn hash_and_device(&self) -> (Option<String>, String) {
        hash_and_device(&self.policy)
    }

    /// Where to go for this sentence. `epoch`: of the task, which the arm knows the prediction by.
    pub fn predict(&mut self, seen: &Observation, text: &str, epoch: u32) -> Result<Prediction, PolicyError> {
        if self.words.as_ref().is_none_or(|words| &*words.text != text || words.epoch != epoch) {
            let features = self.embedder.embed(text)?;
            self.words = Some(Instruction { text: text.into(), epoch, features: Some(features) });
        }
        match &self.words {
            Some(words) => self.policy.predict(seen, words),
            None => Err(PolicyError::Internal("no sentence".into())),
        }
    }

    /// How whole is what it sees: at the last prediction or refusal.
    pub fn sight(&self) -> Sight {
        Sight::of(&self.policy)
    }

    /// What it looked at for its last prediction, made from what was captured then.
    pub fn looked(&self, stamp: Nanos) -> Looked {
        Looked::of(&self.policy, stamp)
    }

    /// Where its eye was and what it looked at, in the world [m], if it has a gaze.
    pub fn gaze(&self) -> Option<[Vector3<f64>; 2]> {
        gaze(&self.policy)
    }
}
