//! What acts, and what it is loaded from.

use std::path::PathBuf;

use anyhow::{Result, bail};
use neuraxis_core::{Instruction, Nanos, Observation, Policy, PolicyError, Prediction};
use neuraxis_policy::{CorticalPolicy, nearest::NearestReplay, text::MiniLm};
use neuraxis_sim::Plant;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Surroundings},
    lockstep::Pilot,
    looked::{Looked, Sight},
    threads::Seen,
};

/// What acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Actor {
    /// The scripted expert, from the scene's true state.
    Expert,
    /// The brain: a plan from the sentence, skills without learning, facts from the cameras.
    Brain,
    /// The nearest training observation's key-frame, from this data set.
    Nearest(PathBuf),
    /// Trained weights.
    Weights(PathBuf),
}

impl Actor {
    /// What a `--policy` means.
    pub fn of(policy: &str, config: &Config) -> Self {
        match (policy, policy.strip_prefix("nearest:")) {
            ("expert", _) => Self::Expert,
            ("brain", _) => Self::Brain,
            ("weights", _) => Self::Weights(config.root.join(&config.run.weights)),
            (_, Some(dir)) => Self::Nearest(dir.into()),
            (file, None) => Self::Weights(file.into()),
        }
    }

    /// What its ways are planned through, if nobody says otherwise: experts know where things are.
    pub fn surroundings(&self, config: &Config) -> Surroundings {
        if *self == Self::Expert { Surroundings::Off } else { config.run.planner }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expert => f.write_str("expert"),
            Self::Brain => f.write_str("brain"),
            Self::Nearest(data) => write!(f, "nearest-key-frame replay of {}", data.display()),
            Self::Weights(path) => f.write_str(&path.file_name().unwrap_or_default().to_string_lossy()),
        }
    }
}

/// A policy that sees the cameras' pictures and never the true world.
pub enum SeeingPolicy {
    /// Trained weights.
    Weights(Box<CorticalPolicy>),
    /// The nearest training observation.
    Nearest(Box<NearestReplay>),
}

impl Policy for SeeingPolicy {
    fn predict(&mut self, seen: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        match self {
            Self::Weights(policy) => policy.predict(seen, words),
            Self::Nearest(policy) => policy.predict(seen, words),
        }
    }
}

impl Pilot for SeeingPolicy {
    fn looks(&self) -> bool {
        true
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        _: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        Policy::predict(self, seen, words).map(Some)
    }

    fn looked(&self, stamp: Nanos) -> Option<Seen> {
        let Self::Weights(policy) = self else { return None };
        Some(Seen {
            at: stamp,
            sight: Some(Sight::of(policy)),
            looked: vec![Looked::of(policy, stamp)],
            ..Seen::default()
        })
    }
}

/// A policy that sees, and what a table says of it.
pub struct LearnedPolicy {
    /// Ready to predict.
    pub policy: SeeingPolicy,
    /// Hash of its weights, if it has any.
    pub hash: Option<String>,
    /// Where its networks run.
    pub device: String,
}

/// Loads the weights or the data set that an actor is.
pub fn load_learned(config: &Config, actor: &Actor, embedder: &mut MiniLm) -> Result<LearnedPolicy> {
    match actor {
        Actor::Weights(path) => {
            let policy = crate::source::load_policy(config, path, neuraxis_core::TextEmbedder::id(embedder))?;
            let (hash, device) = crate::source::hash_and_device(&policy);
            Ok(LearnedPolicy { policy: SeeingPolicy::Weights(Box::new(policy)), hash, device })
        }
        Actor::Nearest(data) => {
            let shards = crate::config::shards(std::slice::from_ref(data))?;
            let policy = SeeingPolicy::Nearest(Box::new(NearestReplay::open(&shards, &config.name, embedder)?));
            Ok(LearnedPolicy { policy, hash: None, device: "none".into() })
        }
        Actor::Expert | Actor::Brain => bail!("{actor} has no weights and no data set"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{merge, report::tests::report};

    #[test]
    fn tables_of_two_data_sets_are_not_joined() {
        let nearest = |data: &str, seed: u64| report(&Actor::Nearest(data.into()).to_string(), &[seed]);
        merge(vec![nearest("data/one", 5), nearest("data/one", 6)]).unwrap();
        let text = merge(vec![nearest("data/one", 5), nearest("data/two", 6)]).unwrap_err().to_string();
        assert!(text.contains("replay of data/one") && text.contains("replay of data/two"), "{text}");
    }
}
