//! What a file of gaze weights says of itself; the file is made as the policy's is.

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    checkpoint::{Described, Description},
    gaze::{GazeConfig, GazeTraining},
    recipe::Recipe,
    train::holdout_note,
};

/// What weights are and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Shape of the network, its camera and the kind of its label.
    pub config: GazeConfig,
    /// Robot the demonstrations were made with.
    pub embodiment: String,
    /// Command that made it.
    pub command: String,
    /// Repository commit at that time.
    pub commit: String,
    /// Seed.
    pub seed: u64,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Seconds of training so far.
    pub train_secs: f64,
    /// Data sets it was trained on.
    pub data: String,
    /// Licence of the weights.
    pub licence: String,
    /// What it was told; none in files from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
}

impl About {
    /// Where a training that goes on with the weights holds more scenes out than theirs did: that they may know them.
    pub(crate) fn holdout_note(&self, now: f64) -> Option<String> {
        let told = self.recipe.as_ref().and_then(|recipe| recipe.settings::<GazeTraining>().ok());
        holdout_note(told.map(|told| told.holdout), GazeTraining::default().holdout, now)
    }
}

impl Description for About {
    const KEY: &'static str = "neuraxis_gaze";
    const OF: &'static str = "a gaze network";

    fn check(&self) -> Result<()> {
        self.config.validate()
    }
}

/// Weights of the gaze network.
pub type GazeCheckpoint = Described<About>;
