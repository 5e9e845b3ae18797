//! Sizes of the network and settings of its training.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    DeviceChoice, Error, Result,
    choices::{Dynamic, FeedForward, Head, HeadFeatures, RotationForm, Upsampling},
    network::{MARKERS, VIEW_CHANNELS},
    views,
};

/// Widest layer, most layers of a kind, and of all of them dim² together (`full` has 2^21).
const MOST_WIDTH: i64 = 4096;
const MOST_DEPTH: usize = 64;
const MOST_IN_LAYERS: i64 = 1 << 26;
/// Largest side of a view [px], and most patches along it.
const MOST_PX: i64 = 1024;
const MOST_PATCHES: i64 = 64;

/// Shape of the policy. Stored in every checkpoint; weights of another shape are refused.
///
/// In a file, `preset` names where to start and other keys say what differs from it; see [`crate::preset`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// World-aligned cube the policy works in: [x_min, y_min, z_min, x_max, y_max, z_max] [m].
    pub bounds_m: [f64; 6],
    /// Side of each virtual view [px]; a multiple of `patch_px`, two patches at least.
    pub image_px: i64,
    /// Magnification of the fine stage.
    pub zoom: f64,
    /// Part of the fine stage's half-width that is not bent; the rest shows all else, more and more narrow. 1: it is cut
    /// off instead, as in RVT-2.
    pub fovea: f64,
    /// Side of the patch that becomes one token [px]; with a pixel path a multiple of 4.
    pub patch_px: i64,
    /// Keep quarter-resolution features that read the instruction beside the tokens (ours), or patches alone (RVT).
    pub pixel_path: bool,
    /// Width of the pixel path; a multiple of 4.
    pub pixel_dim: i64,
    /// Without a pixel path: width of the feature maps around the transformer, half of it image and half
    /// proprioception on the way in; a multiple of 8.
    pub feature_dim: i64,
    /// Width of the transformer.
    pub dim: i64,
    /// Attention heads; divides `dim`.
    pub heads: i64,
    /// Self-attention layers inside each view.
    pub depth_view: usize,
    /// Joint layers over all views and the language tokens.
    pub depth_joint: usize,
    /// Bias of queries, keys and values in these layers.
    pub attention_bias: bool,
    /// Map after the attention in these layers.
    pub feed_forward: FeedForward,
    /// Part of each attention's result that is dropped while learning; 0 to below 1.
    pub dropout: f64,
    /// From the finest features to the heatmaps.
    pub upsampling: Upsampling,
    /// Maps to rotation, gripper and collision flag.
    pub head: Head,
    /// What these maps see.
    pub head_features: HeadFeatures,
    /// How an orientation is said.
    pub rotation: RotationForm,
    /// Rotation bins per axis, if it is said in bins.
    pub rotation_bins: i64,
    /// Width of the text encoder's token features.
    pub text_dim: i64,
    /// Language tokens kept.
    pub text_len: i64,
    /// Numbers of proprioception; this program makes 12.
    pub proprio_dim: i64,
    /// Two input channels that mark the tool and the last key-frame.
    pub markers: bool,
    /// The dynamic stream.
    pub dynamic: Dynamic,
    /// Channels of the gaze network's features F_SA and F_GLC together; read where `dynamic` is `gaze`.
    pub gaze_dim: i64,
    /// Height of the table plane whose points are thinned before rendering [m].
    pub plane_z_m: f64,
}

impl PolicyConfig {
    /// Channels per rendered view: those of section 2.4 and the markers.
    pub fn view_channels(&self) -> i64 {
        VIEW_CHANNELS - if self.markers { 0 } else { MARKERS }
    }

    /// Tokens along a side of a view.
    pub fn token_side(&self) -> i64 {
        self.image_px / self.patch_px
    }

    /// Side of a stage's finest features.
    pub fn finest_side(&self) -> i64 {
        if self.pixel_path { self.image_px / 4 } else { self.token_side() }
    }

    /// Channels of a stage's finest features.
    pub fn finest_dim(&self) -> i64 {
        if self.pixel_path { self.pixel_dim } else { self.feature_dim }
    }

    /// Width of the tokens that leave a stage.
    pub fn token_dim(&self) -> i64 {
        if self.pixel_path { self.dim } else { self.feature_dim }
    }

    /// Refuses shapes that cannot be built.
    pub fn validate(&self) -> Result<()> {
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        if !(1..=MOST_PX).contains(&self.patch_px) || (self.pixel_path && self.patch_px % 4 != 0) {
            return fail("patch_px", self.patch_px.to_string(), "1 to 1024, with a pixel path a multiple of 4");
        }
        self.validate_sizes()?;
        if self.image_px < 2 * self.patch_px || self.image_px % self.patch_px != 0 {
            return fail("image_px", self.image_px.to_string(), "a multiple of patch_px, at least two patches");
        }
        if self.heads < 1 || self.dim < 1 || self.dim % self.heads != 0 {
            return fail("heads", self.heads.to_string(), "a divisor of dim");
        }
        if self.pixel_dim < 4 || self.pixel_dim % 4 != 0 {
            return fail("pixel_dim", self.pixel_dim.to_string(), "a positive multiple of 4");
        }
        if self.feature_dim < 8 || self.feature_dim % 8 != 0 {
            return fail("feature_dim", self.feature_dim.to_string(), "a positive multiple of 8");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail("dropout", self.dropout.to_string(), "0 to below 1");
        }
        if !(self.zoom.is_finite() && self.zoom > 1.0) {
            return fail("zoom", self.zoom.to_string(), "finite, greater than 1");
        }
        if !(0.1..=1.0).contains(&self.fovea) {
            return fail("fovea", self.fovea.to_string(), "0.1 to 1");
        }
        let b = &self.bounds_m;
        if !b.iter().all(|x| x.is_finite()) || (0..3).any(|i| b[i] >= b[i + 3]) {
            return fail("bounds_m", format!("{b:?}"), "finite, minimum below maximum on each axis");
        }
        if !self.plane_z_m.is_finite() {
            return fail("plane_z_m", self.plane_z_m.to_string(), "finite");
        }
        if !(4..=720).contains(&self.rotation_bins) {
            return fail("rotation_bins", self.rotation_bins.to_string(), "4 to 720");
        }
        if !(1..=512).contains(&self.text_len) {
            return fail("text_len", self.text_len.to_string(), "1 to 512");
        }
        for (key, width) in
            [("text_dim", self.text_dim), ("proprio_dim", self.proprio_dim), ("gaze_dim", self.gaze_dim)]
        {
            if !(1..=MOST_WIDTH).contains(&width) {
                return fail(key, width.to_string(), "1 to 4096");
            }
        }
        Ok(())
    }

    /// Refuses what would take more memory than any network that we know: the sizes come from files that others may have made.
    fn validate_sizes(&self) -> Result<()> {
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        for (key, width) in [("dim", self.dim), ("pixel_dim", self.pixel_dim), ("feature_dim", self.feature_dim)] {
            if !(0..=MOST_WIDTH).contains(&width) {
                return fail(key, width.to_string(), "up to 4096");
            }
        }
        for (key, depth) in [("depth_view", self.depth_view), ("depth_joint", self.depth_joint)] {
            if depth > MOST_DEPTH {
                return fail(key, depth.to_string(), "up to 64");
            }
        }
        let layers = (self.depth_view + self.depth_joint) as i64;
        if self.dim * self.dim * layers > MOST_IN_LAYERS {
            return fail("dim", self.dim.to_string(), "less with so many layers: dim² times their number up to 2^26");
        }
        if self.image_px > MOST_PX {
            return fail("image_px", self.image_px.to_string(), "up to 1024");
        }
        if self.image_px > MOST_PATCHES * self.patch_px {
            return fail("patch_px", self.patch_px.to_string(), "at least a 64th of image_px");
        }
        Ok(())
    }
}

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

/// The cross-view consistency term (section 5 of the design notes).
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

    #[test]
    fn shapes_that_no_memory_holds_are_refused_before_they_are_built() {
        let base = PolicyConfig::default;
        for (config, words) in [
            (PolicyConfig { depth_joint: 100_000_000, ..base() }, "depth_joint = 100000000, allowed: up to 64"),
            (PolicyConfig { depth_view: 65, ..base() }, "depth_view = 65"),
            (PolicyConfig { dim: 1 << 40, ..base() }, "dim = 1099511627776, allowed: up to 4096"),
            (PolicyConfig { dim: 4096, depth_view: 32, ..base() }, "dim = 4096, allowed: less with so many layers"),
            (PolicyConfig { pixel_dim: 1 << 20, ..base() }, "pixel_dim = 1048576"),
            (PolicyConfig { feature_dim: 1 << 20, ..base() }, "feature_dim = 1048576"),
            (PolicyConfig { image_px: 1 << 20, ..base() }, "image_px = 1048576, allowed: up to 1024"),
            (PolicyConfig { image_px: 1024, patch_px: 8, ..base() }, "patch_px = 8, allowed: at least a 64th"),
            (PolicyConfig { patch_px: i64::MAX, ..base() }, "patch_px = 9223372036854775807"),
            (PolicyConfig { rotation_bins: 721, ..base() }, "rotation_bins = 721, allowed: 4 to 720"),
            (PolicyConfig { text_len: 513, ..base() }, "text_len = 513, allowed: 1 to 512"),
            (PolicyConfig { text_dim: 5000, ..base() }, "text_dim = 5000"),
            (PolicyConfig { proprio_dim: 0, ..base() }, "proprio_dim = 0"),
            (PolicyConfig { gaze_dim: 5000, ..base() }, "gaze_dim = 5000"),
            (PolicyConfig { plane_z_m: f64::NAN, ..base() }, "plane_z_m = NaN"),
        ] {
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
