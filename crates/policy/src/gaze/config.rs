//! Sizes of the gaze network and settings of its pre-training.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, TrainConfig,
    dynamic::{CameraRule, Label},
};

/// Shape of the gaze network and of what it is shown. Stored in its checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GazeConfig {
    /// World-aligned cube in which the camera rule works: as the policy's [m].
    pub bounds_m: [f64; 6],
    /// The virtual camera.
    pub camera: CameraRule,
    /// What it is trained to look at.
    pub label: Label,
    /// Frames of a clip; even. [`crate::gaze::GazeStream`] makes clips of two.
    pub frames: i64,
    /// Side of a frame [px]; a multiple of 32. Saliency has a quarter of it, features 1/32.
    pub image_px: i64,
    /// Channels of the first stage; each stage doubles them. A multiple of `heads`.
    pub width: i64,
    /// Blocks of the four stages, each at least 1.
    pub blocks: [usize; 4],
    /// Attention heads of the first stage; each stage doubles them.
    pub heads: i64,
    /// Chance that a residual branch of the last encoder block is skipped in training; earlier ones less, linearly.
    pub drop_path: f64,
    /// The same for the correlation block.
    pub drop_path_correlation: f64,
    /// Side of the square in which a label's Gaussian lives [px of the saliency map]; odd.
    pub kernel_px: usize,
}

impl Default for GazeConfig {
    fn default() -> Self {
        Self::small()
    }
}

impl GazeConfig {
    /// For two processor cores: two frames of 192 px, features 6 x 6 as the `small` policy's tokens.
    pub fn small() -> Self {
        Self {
            bounds_m: [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6],
            camera: CameraRule::default(),
            label: Label::NextKeyframe,
            frames: 2,
            image_px: 192,
            width: 16,
            blocks: [1, 1, 2, 1],
            heads: 1,
            drop_path: 0.0,
            drop_path_correlation: 0.0,
            kernel_px: 11,
        }
    }

    /// The published network (MViT-B) on two frames of 512 px: features 16 x 16 as the `full` policy's tokens.
    pub fn full() -> Self {
        Self {
            image_px: 512,
            width: 96,
            blocks: [1, 2, 11, 2],
            drop_path: 0.2,
            drop_path_correlation: 0.4,
            kernel_px: 19,
            ..Self::small()
        }
    }

    /// The network as released, on eight frames of 256 px: for the parameter count only.
    pub fn released() -> Self {
        Self { frames: 8, image_px: 256, ..Self::full() }
    }

    /// Side of the saliency map [px].
    pub fn map_px(&self) -> i64 {
        self.image_px / 4
    }

    /// Side of the feature map [tokens].
    pub fn tokens(&self) -> i64 {
        self.image_px / 32
    }

    /// Channels of the features `[F_SA ; F_GLC]`.
    pub fn feature_width(&self) -> i64 {
        16 * self.width
    }

    /// Refuses shapes that cannot be built.
    pub fn validate(&self) -> Result<()> {
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        self.camera.validate()?;
        let b = &self.bounds_m;
        if !b.iter().all(|x| x.is_finite()) || (0..3).any(|i| b[i] >= b[i + 3]) {
            return fail("bounds_m", format!("{b:?}"), "finite, minimum below maximum on each axis");
        }
        if !(2..=64).contains(&self.frames) || self.frames % 2 != 0 {
            return fail("frames", self.frames.to_string(), "even, 2 to 64");
        }
        if !(32..=1024).contains(&self.image_px) || self.image_px % 32 != 0 {
            return fail("image_px", self.image_px.to_string(), "a multiple of 32 up to 1024");
        }
        if self.heads < 1 || !(1..=256).contains(&self.width) || self.width % self.heads != 0 {
            return fail("width", self.width.to_string(), "a positive multiple of heads up to 256");
        }
        if self.blocks.iter().any(|count| !(1..=64).contains(count)) {
            return fail("blocks", format!("{:?}", self.blocks), "1 to 64 in each stage");
        }
        for (key, rate) in [("drop_path", self.drop_path), ("drop_path_correlation", self.drop_path_correlation)] {
            if !(0.0..1.0).contains(&rate) {
                return fail(key, rate.to_string(), "0 to below 1");
            }
        }
        if self.kernel_px.is_multiple_of(2) || self.kernel_px > 255 {
            return fail("kernel_px", self.kernel_px.to_string(), "odd, up to 255");
        }
        Ok(())
    }
}

/// Settings of `neuraxis train gaze`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GazeTraining {
    /// Shape of the network.
    pub gaze: GazeConfig,
    /// Optimiser steps in all; the learning rate falls to `lr * lr_final` along a cosine.
    pub steps: u64,
    /// Clips per step.
    pub batch: usize,
    /// Clips per forward and backward pass, all of a step if left out; gradients of the passes of a step are accumulated.
    /// The global token's batch normalisation sees one pass at a time.
    pub micro_batch: Option<usize>,
    /// Peak learning rate.
    pub lr: f64,
    /// Last learning rate as a fraction of the peak.
    pub lr_final: f64,
    /// Compute in bf16, with f32 weights.
    pub bf16: bool,
    /// Linear warm-up [steps].
    pub warmup: u64,
    /// AdamW weight decay.
    pub weight_decay: f64,
    /// Gradient norm above which the gradient is scaled down.
    pub clip: f64,
    /// Decay of the moving average of the weights that is saved for use.
    pub ema: f64,
    /// Seed of initial weights, sampling and augmentation.
    pub seed: u64,
    /// Yaw augmentation about the scene centre: uniform in ± this [deg].
    pub augment_yaw_deg: f64,
    /// Shift augmentation per horizontal axis: uniform in ± this [m].
    pub augment_shift_m: f64,
    /// Chance that a clip shows the current frame twice, as the first clip of an episode does.
    pub still: f64,
    /// Checkpoint, and measure on held-out scenes, every so many steps.
    pub checkpoint_every: u64,
    /// Log and print every so many steps.
    pub log_every: u64,
    /// Part of the scenes kept for validation.
    pub holdout: f64,
}

impl Default for GazeTraining {
    fn default() -> Self {
        Self {
            gaze: GazeConfig::default(),
            steps: 3_000,
            batch: 8,
            micro_batch: None,
            lr: 1e-3,
            lr_final: 0.02,
            bf16: false,
            warmup: 150,
            weight_decay: 0.05,
            clip: 1.0,
            ema: 0.995,
            seed: 1,
            augment_yaw_deg: 10.0,
            augment_shift_m: 0.05,
            still: 0.3,
            checkpoint_every: 250,
            log_every: 25,
            holdout: 0.1,
        }
    }
}

impl GazeTraining {
    /// Refuses settings that cannot train.
    pub fn validate(&self) -> Result<()> {
        self.gaze.validate()?;
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        if !(0.0..=1.0).contains(&self.still) {
            return fail("still", self.still.to_string(), "0 to 1");
        }
        if self.micro_batch == Some(0) {
            return fail("micro_batch", "0".into(), "1 or more, or left out");
        }
        if self.checkpoint_every == 0 || self.log_every == 0 {
            return fail("checkpoint_every", self.checkpoint_every.to_string(), "positive, as log_every");
        }
        self.optimiser().validate()
    }

    /// The same settings as the optimiser takes them: one worker.
    pub(crate) fn optimiser(&self) -> TrainConfig {
        TrainConfig {
            steps: self.steps,
            batch: self.batch,
            workers: 1,
            lr: self.lr,
            lr_final: self.lr_final,
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            clip: self.clip,
            ema: self.ema,
            seed: self.seed,
            augment_yaw_deg: self.augment_yaw_deg,
            augment_shift_m: self.augment_shift_m,
            holdout: self.holdout,
            ..TrainConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_bad_shapes_are_refused_by_key() {
        for preset in [GazeConfig::small(), GazeConfig::full(), GazeConfig::released()] {
            preset.validate().unwrap();
        }
        // The features' grid is that of the policy's tokens.
        assert_eq!(GazeConfig::small().tokens(), crate::PolicyConfig::default().image_px / 16);
        assert_eq!((GazeConfig::full().tokens(), GazeConfig::full().feature_width()), (16, 1536));
        let refused = |config: GazeConfig| config.validate().unwrap_err().to_string();
        let text = refused(GazeConfig { image_px: 200, ..GazeConfig::small() });
        assert!(text.contains("image_px = 200, allowed: a multiple of 32"), "{text}");
        assert!(
            refused(GazeConfig { blocks: [1, 1, 65, 1], ..GazeConfig::small() }).contains("allowed: 1 to 64 in each")
        );
        assert!(refused(GazeConfig { width: 1 << 40, ..GazeConfig::small() }).contains("width = 1099511627776"));
        assert!(refused(GazeConfig { frames: 66, ..GazeConfig::small() }).contains("frames = 66"));
        assert!(refused(GazeConfig { frames: 3, ..GazeConfig::small() }).contains("frames = 3"));
        assert!(refused(GazeConfig { kernel_px: 12, ..GazeConfig::small() }).contains("kernel_px = 12"));
        let text = GazeTraining { lr: 0.0, ..GazeTraining::default() }.validate().unwrap_err().to_string();
        assert!(text.contains("lr = 0"), "{text}");
        for (training, words) in [
            (GazeTraining { clip: -1.0, ..GazeTraining::default() }, "clip = -1"),
            (GazeTraining { augment_yaw_deg: f64::NAN, ..GazeTraining::default() }, "augment_yaw_deg = NaN"),
            (GazeTraining { augment_shift_m: -0.2, ..GazeTraining::default() }, "augment_shift_m = -0.2"),
            (GazeTraining { weight_decay: f64::INFINITY, ..GazeTraining::default() }, "weight_decay = inf"),
        ] {
            let text = training.validate().unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
    }
}
