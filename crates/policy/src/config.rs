//! Sizes of the network and settings of its training.

mod shape;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use self::shape::PolicyConfig;
use crate::{DeviceChoice, Error, Result, choices::Dynamic, views};

/// Settings of `neuraxis train policy`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Shape of the network.
    pub policy: PolicyConfig,
    /// Optimiser steps in all; the learning rate falls to `lr * lr_final` along a cosine.
    pub steps: u64,
    /// Samples per step, over all workers.
    pub batch: usize,
    /// Most samples of one backward pass: a worker's share of the batch is worked off in pieces of this size and their
    /// gradients are added up. Less memory, the same step.
    pub micro_batch: usize,
    /// Where the networks are trained: `cpu`, `cuda:N` or `auto`.
    pub device: DeviceChoice,
    /// Data-parallel workers on the processor, one torch thread each. A CUDA device has one worker, and this many
    /// threads that prepare its samples.
    pub workers: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Last learning rate as a fraction of the peak.
    pub lr_final: f64,
    /// Linear warm-up [steps].
    pub warmup: u64,
    /// AdamW weight decay.
    pub weight_decay: f64,
    /// Gradient norm above which the gradient is scaled down.
    pub clip: f64,
    /// Decay of the moving average of the weights that is saved for use.
    pub ema: f64,
    /// Run the networks in bfloat16 (weights and loss stay in f32).
    pub bf16: bool,
    /// Seed of initial weights, sampling and augmentation.
    pub seed: u64,
    /// Yaw augmentation about the scene centre: uniform in ± this [deg].
    pub augment_yaw_deg: f64,
    /// Shift augmentation per horizontal axis: uniform in ± this [m].
    pub augment_shift_m: f64,
    /// Shift augmentation along the vertical: uniform in ± this [m]. RVT-2 has as much as to the sides, 0.125; a table that
    /// stays where it is needs none.
    pub augment_shift_z_m: f64,
    /// Noise of the zoom centre per axis in training [m].
    pub center_noise_m: f64,
    /// Width of the target blob in the heatmaps [px].
    pub target_sigma_px: f32,
    /// Tell each rotation head not the true bin of the angle before it but one of the four from two below to one above, as RVT-2
    /// does: at run time it is told what another head has chosen.
    pub rotation_jitter: bool,
    /// Chance that an observation is paired with another goal that is valid in it.
    pub relabel: f64,
    /// Other wordings of each sentence, 0 to 100, among which half of the samples are drawn; 0: the data's own alone.
    pub wordings: usize,
    /// Tasks that are drawn so many times as often as the others, 1 to 100: more steps for what is slow to learn.
    pub emphasis: BTreeMap<String, usize>,
    /// Checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// Log and print every so many steps.
    pub log_every: u64,
    /// Part of the episodes kept for validation.
    pub holdout: f64,
    /// Evaluate the averaged weights on held-out observations every so many steps, and at the end.
    pub evaluate_every: u64,
    /// Held-out observations of each task's key-frames that are evaluated; four times as many where the sentence decides
    /// between places, which says whether it was understood.
    pub evaluate_per_kind: usize,
    /// The cross-view consistency term of the loss.
    pub consistency: ConsistencyConfig,
    /// Weight of the loss by which the coarse stage learns where the script ends, 0 or more; 0: not computed. See
    /// [`crate::outlook`].
    pub outlook: f64,
    /// Weights to start from may be of a network that sees scenes otherwise: it is to learn the new way.
    pub init_differs: bool,
    /// Weights of `neuraxis train gaze`, needed where `policy.dynamic` is `gaze`. They are not trained further and are
    /// kept in the policy's file.
    pub gaze: Option<PathBuf>,
}

/// The cross-view consistency term.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsistencyConfig {
    /// Its weight beside the action's loss, 0 or more; 0: not computed. The paper has 1.
    pub lambda: f64,
    /// Keypoints from a safetensors file (see [`crate::imported`]); by default they are found in the scene's geometry.
    pub keypoints: Option<PathBuf>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            policy: PolicyConfig::default(),
            steps: 1_800,
            batch: 32,
            micro_batch: 16,
            device: DeviceChoice::Cpu,
            workers: 2,
            lr: 1e-3,
            lr_final: 0.02,
            warmup: 150,
            weight_decay: 1e-2,
            clip: 1.0,
            ema: 0.995,
            bf16: true,
            seed: 1,
            augment_yaw_deg: 10.0,
            augment_shift_m: 0.03,
            augment_shift_z_m: 0.0,
            center_noise_m: 0.04,
            target_sigma_px: 1.5,
            rotation_jitter: false,
            relabel: 0.5,
            wordings: 0,
            emphasis: BTreeMap::new(),
            checkpoint_every: 100,
            log_every: 25,
            holdout: 0.03,
            evaluate_every: 500,
            evaluate_per_kind: 4,
            consistency: ConsistencyConfig::default(),
            outlook: 0.0,
            init_differs: false,
            gaze: None,
        }
    }
}

impl TrainConfig {
    /// Refuses settings that cannot train.
    pub fn validate(&self) -> Result<()> {
        self.policy.validate()?;
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        if self.workers == 0 || !self.batch.is_multiple_of(self.workers) || self.batch == 0 {
            return fail("batch", self.batch.to_string(), "a positive multiple of workers");
        }
        if self.micro_batch == 0 {
            return fail("micro_batch", self.micro_batch.to_string(), "1 or more");
        }
        match (&self.gaze, self.policy.dynamic) {
            (None, Dynamic::Gaze) => {
                return fail("gaze", "none".into(), "weights of `neuraxis train gaze`, for policy.dynamic is gaze");
            }
            (Some(path), Dynamic::Off | Dynamic::WristView | Dynamic::FkHeatmap) => {
                return fail("gaze", path.display().to_string(), "none, unless policy.dynamic is gaze");
            }
            _ => {}
        }
        for (key, weight) in [("consistency.lambda", self.consistency.lambda), ("outlook", self.outlook)] {
            if !(weight.is_finite() && weight >= 0.0) {
                return fail(key, weight.to_string(), "0 or more, finite");
            }
        }
        if let Some((task, times)) = self.emphasis.iter().find(|(_, times)| !(1..=100).contains(*times)) {
            return fail("emphasis", format!("{task}: {times}"), "1 to 100");
        }
        if self.wordings > 100 {
            return fail("wordings", self.wordings.to_string(), "0 to 100");
        }
        let every = [self.checkpoint_every, self.log_every, self.evaluate_every];
        if let Some(i) = every.iter().position(|steps| *steps == 0) {
            let key = ["checkpoint_every", "log_every", "evaluate_every"][i];
            return fail(key, "0".into(), "1 or more");
        }
        for (key, value) in [("lr", self.lr), ("clip", self.clip), ("target_sigma_px", f64::from(self.target_sigma_px))]
        {
            if !(value.is_finite() && value > 0.0) {
                return fail(key, value.to_string(), "finite, positive");
            }
        }
        for (key, part) in [("lr_final", self.lr_final), ("relabel", self.relabel)] {
            if !(0.0..=1.0).contains(&part) {
                return fail(key, part.to_string(), "0 to 1");
            }
        }
        for (key, value) in [
            ("weight_decay", self.weight_decay),
            ("augment_yaw_deg", self.augment_yaw_deg),
            ("augment_shift_m", self.augment_shift_m),
            ("augment_shift_z_m", self.augment_shift_z_m),
            ("center_noise_m", self.center_noise_m),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return fail(key, value.to_string(), "0 or more, finite");
            }
        }
        // Where the zoom cuts off what is beside it, the label has to stay in it.
        let policy = &self.policy;
        if policy.fovea == 1.0 && self.center_noise_m * views::cube(policy).scale() * policy.zoom >= 1.0 {
            let (value, allowed) = (self.center_noise_m.to_string(), "less than half of what the fine stage shows");
            return fail("center_noise_m", value, allowed);
        }
        // Longer than the run it would end before it has begun; short runs only try whether everything is there.
        if self.warmup > self.steps.max(1000) {
            return fail("warmup", self.warmup.to_string(), "up to steps, or 1000");
        }
        if !(0.0..1.0).contains(&self.ema) {
            return fail("ema", self.ema.to_string(), "0 to below 1");
        }
        if !(0.0..0.5).contains(&self.holdout) {
            return fail("holdout", self.holdout.to_string(), "0 to below 0.5");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_train_are_refused_by_key() {
        TrainConfig::default().validate().unwrap();
        let base = TrainConfig::default;
        for (config, words) in [
            (TrainConfig { relabel: 1.2, ..base() }, "relabel = 1.2, allowed: 0 to 1"),
            (TrainConfig { lr_final: -0.1, ..base() }, "lr_final = -0.1, allowed: 0 to 1"),
            (TrainConfig { clip: 0.0, ..base() }, "clip = 0, allowed: finite, positive"),
            (TrainConfig { clip: f64::INFINITY, ..base() }, "clip = inf"),
            (TrainConfig { lr: f64::NAN, ..base() }, "lr = NaN"),
            (TrainConfig { target_sigma_px: 0.0, ..base() }, "target_sigma_px = 0"),
            (TrainConfig { weight_decay: -1.0, ..base() }, "weight_decay = -1, allowed: 0 or more, finite"),
            (TrainConfig { augment_yaw_deg: f64::NAN, ..base() }, "augment_yaw_deg = NaN"),
            (TrainConfig { augment_shift_m: -0.1, ..base() }, "augment_shift_m = -0.1"),
            (TrainConfig { center_noise_m: f64::INFINITY, ..base() }, "center_noise_m = inf"),
            (TrainConfig { center_noise_m: 0.125, ..base() }, "center_noise_m = 0.125, allowed: less than half"),
            (TrainConfig { warmup: 5000, ..base() }, "warmup = 5000, allowed: up to steps, or 1000"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        let foveated = PolicyConfig { fovea: 0.6, ..PolicyConfig::default() };
        TrainConfig { center_noise_m: 0.125, policy: foveated, ..base() }.validate().unwrap();
    }
}
