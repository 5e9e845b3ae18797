//! Small networks and random inputs for them.
#![allow(dead_code, reason = "each test binary uses a part")]

use neuraxis_policy::{
    PolicyConfig,
    choices::{Dynamic, FeedForward, Head, HeadFeatures, Upsampling},
    network::{DynamicInput, HeadOutput, RotationOutput, StageInput, VIEWS},
};
use tch::{Device, Kind, Tensor};

/// Shaped like `small`.
pub fn tiny() -> PolicyConfig {
    PolicyConfig {
        image_px: 32,
        pixel_dim: 16,
        dim: 32,
        depth_view: 1,
        depth_joint: 1,
        text_dim: 8,
        text_len: 6,
        gaze_dim: 10,
        ..PolicyConfig::small()
    }
}

/// Shaped like `full`.
pub fn tiny_full() -> PolicyConfig {
    PolicyConfig {
        pixel_path: false,
        feature_dim: 16,
        attention_bias: false,
        feed_forward: FeedForward::Geglu,
        dropout: 0.1,
        upsampling: Upsampling::Convex,
        head: Head::Deep,
        ..tiny()
    }
}

/// Both shapes with each arm of the dynamic stream, what their heads see turning.
pub fn arms() -> Vec<PolicyConfig> {
    let features = [HeadFeatures::MaxLocal, HeadFeatures::Weighted, HeadFeatures::WeightedLocal];
    let arms = [Dynamic::Off, Dynamic::WristView, Dynamic::FkHeatmap, Dynamic::Gaze];
    let mut all = Vec::new();
    for (i, base) in [tiny(), tiny_full()].into_iter().enumerate() {
        for (j, dynamic) in arms.into_iter().enumerate() {
            all.push(PolicyConfig { dynamic, head_features: features[(i + j) % 3], ..base.clone() });
        }
    }
    all
}

pub fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

/// (b, 1, s, s) with all of its weight on the pixel (row, column).
pub fn spot(batch: i64, side: i64, row: i64, column: i64) -> Tensor {
    let heat = Tensor::zeros([batch, 1, side, side], (Kind::Float, Device::Cpu));
    let _ = heat.narrow(2, row, 1).narrow(3, column, 1).fill_(1.0);
    heat
}

pub fn input(config: &PolicyConfig, batch: i64, words: i64) -> StageInput {
    let (c, s, t) = (config.view_channels(), config.image_px, config.token_side());
    let keep = Tensor::arange(config.text_len, (Kind::Int64, Device::Cpu)).lt(words);
    let view = || random(&[batch, c, s, s]);
    StageInput {
        views: random(&[batch, VIEWS, c, s, s]),
        proprio: random(&[batch, config.proprio_dim]),
        text: random(&[batch, config.text_len, config.text_dim]),
        text_keep: keep.unsqueeze(0).repeat([batch, 1]),
        dynamic: match config.dynamic {
            Dynamic::Off => None,
            Dynamic::WristView => Some(DynamicInput::WristView { view: view() }),
            Dynamic::FkHeatmap => Some(DynamicInput::FkHeatmap { view: view(), heat: spot(batch, s, 5, 20) }),
            Dynamic::Gaze => Some(DynamicInput::Gaze {
                features: random(&[batch, config.gaze_dim, t, t]),
                heat: spot(batch, s, 5, 20),
            }),
        },
    }
}

/// All numbers of the heads, side by side.
pub fn answers(heads: &HeadOutput) -> Tensor {
    let mut parts = vec![heads.gripper.shallow_clone(), heads.collision.shallow_clone()];
    match &heads.rotation {
        RotationOutput::Bins(angles) => parts.extend(angles.iter().map(Tensor::shallow_clone)),
        RotationOutput::SixD(six) => parts.push(six.shallow_clone()),
    }
    Tensor::cat(&parts, 1)
}

pub fn distance(a: &Tensor, b: &Tensor) -> f64 {
    f64::try_from((a - b).abs().max()).unwrap()
}
