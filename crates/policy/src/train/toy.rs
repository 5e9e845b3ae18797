//! A toy to train: a red cube on a table, words as numbers, a network of a few weights, and runs of it.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, PolicyError, Pose, TextEmbedder, TextFeatures};
use neuraxis_episode::dataset::{CloudSample, Dataset, DatasetWriter};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tch::Tensor;

use super::{News, RunFiles, train};
use crate::{
    ConsistencyConfig, PolicyConfig, Result, TrainConfig,
    checkpoint::{About, Checkpoint},
    choices::Dynamic,
    rotation::rotation_from_angles,
    sample::{LabelledGoal, Record, Samples},
};

/// Words as numbers, one token each.
pub(super) struct Letters;

impl TextEmbedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }
    fn embed(&mut self, text: &str) -> std::result::Result<TextFeatures, PolicyError> {
        let words: Vec<&str> = text.split(' ').collect();
        let number =
            |word: &&str| (0..8).map(|i| f32::from(word.as_bytes()[i % word.len()]) / 100.0).collect::<Vec<_>>();
        let values: Arc<[f32]> = words.iter().flat_map(number).collect();
        Ok(TextFeatures { tokens: words.len(), width: 8, values })
    }
}

pub(super) fn tiny() -> TrainConfig {
    TrainConfig {
        policy: PolicyConfig {
            image_px: 32,
            pixel_dim: 8,
            dim: 16,
            heads: 2,
            depth_view: 1,
            depth_joint: 1,
            text_dim: 8,
            text_len: 6,
            ..PolicyConfig::default()
        },
        steps: 6,
        batch: 4,
        micro_batch: 4,
        workers: 1,
        lr: 3e-3,
        warmup: 2,
        bf16: false,
        checkpoint_every: 100,
        log_every: 2,
        evaluate_every: 3,
        relabel: 0.0,
        holdout: 0.3,
        ..TrainConfig::default()
    }
}

/// A red cube on a table; the key-frame is above it, or at it.
pub(super) fn samples(dir: &Path) -> Samples {
    samples_with(dir, true, 12)
}

/// With goals that say where their scripts end, or not; of so many scenes.
pub(super) fn samples_with(dir: &Path, ends: bool, scenes: u64) -> Samples {
    let mut rng = Pcg64::seed_from_u64(3);
    let mut writer = DatasetWriter::create(dir, PolicyConfig::default().bounds_m, serde_json::json!({})).unwrap();
    for seed in 0..scenes {
        let cube = Vector3::new(rng.random_range(0.1..0.4), rng.random_range(-0.2..0.2), 0.76);
        let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
        for i in 0..400 {
            xyz.push([-0.2 + 0.04 * (i % 20) as f32, -0.4 + 0.04 * (i / 20) as f32, 0.75]);
            rgb.push([120, 110, 100]);
            let on = |i: i32| (i % 7) as f64 * 0.01;
            let face = [[on(i), on(i / 7), 0.06], [0.06, on(i), on(i / 7)], [on(i), 0.06, on(i / 7)]][i as usize % 3];
            xyz.push((cube + Vector3::from(face)).cast::<f32>().into());
            rgb.push([200, 20 + (i % 5) as u8 * 30, 20]);
        }
        for kind in 0..2 {
            let at = cube + Vector3::new(0.03, 0.03, if kind == 0 { 0.15 } else { 0.06 });
            let keyframe = KeyFrame {
                world_from_tool: Pose::from_parts(at, rotation_from_angles([0.3, 0.0, 0.0])),
                gripper: if kind == 0 { Gripper::Open } else { Gripper::Closed },
                ignore_collisions: kind == 1,
            };
            let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
            let body = Pose::from_parts(Vector3::new(0.3, 0.0, 1.1), down);
            let mut record = Record {
                task: "touch".into(),
                seed,
                kind,
                secs: f64::from(kind),
                world_from_tool: body,
                reached_world_from_tool: body,
                gripper: Gripper::Open,
                gripper_width_m: 0.08,
                goals: vec![LabelledGoal {
                    instruction: ["touch it", "touch the red cube"][seed as usize % 2].into(),
                    keyframe,
                    end_xyz_in_world: ends.then(|| (cube + Vector3::new(0.03, 0.03, 0.06)).into()),
                }],
            };
            if kind == 0 {
                let elsewhere = Pose::from_parts(at + Vector3::new(0.1, 0.0, 0.0), keyframe.world_from_tool.rotation());
                let keyframe = KeyFrame { world_from_tool: elsewhere, ..keyframe };
                record.goals.push(LabelledGoal {
                    instruction: "touch nothing".into(),
                    keyframe,
                    end_xyz_in_world: ends.then(|| elsewhere.position().into()),
                });
            }
            writer.push(&CloudSample { xyz_in_world: &xyz, rgb: &rgb, record: &record }).unwrap();
        }
    }
    writer.finish().unwrap();
    Samples::new(Dataset::open(dir).unwrap(), tiny().holdout, &mut Letters).unwrap()
}

pub(super) fn about(config: &TrainConfig) -> About {
    About {
        config: config.policy.clone(),
        text_encoder: "letters".into(),
        embodiment: "none".into(),
        cameras: Vec::new(),
        command: "test".into(),
        commit: "none".into(),
        seed: config.seed,
        steps: 0,
        train_secs: 0.0,
        data: "synthetic".into(),
        licence: "none".into(),
        recipe: None,
        gaze: None,
    }
}

pub(super) fn files(dir: &Path, name: &str) -> RunFiles {
    let dir = dir.join(name);
    fs::create_dir_all(&dir).unwrap();
    RunFiles { weights: dir.join("policy.safetensors"), state: dir.join("state.safetensors"), init: None }
}

pub(super) fn run(
    config: &TrainConfig,
    samples: &Samples,
    files: &RunFiles,
    go_on: impl Fn() -> bool,
) -> Result<(u64, Vec<News>)> {
    let mut news = Vec::new();
    let steps = train(config, samples, about(config), files, |n| news.push(n), go_on)?;
    Ok((steps, news))
}

/// Tensors of a file as bits.
pub(super) fn bits(path: &Path) -> HashMap<String, Vec<u32>> {
    let read = |t: &Tensor| Vec::<f32>::try_from(&t.view([-1])).unwrap().iter().map(|x| x.to_bits()).collect();
    Checkpoint::read(path).unwrap().tensors.iter().map(|(name, t)| (name.clone(), read(t))).collect()
}

/// Begins two runs with the same weights: other tests draw from torch's one generator at the same time.
pub(super) fn same_start(config: &TrainConfig, samples: &Samples, [one, other]: [&RunFiles; 2]) {
    run(config, samples, one, || false).unwrap();
    fs::copy(&one.state, &other.state).unwrap();
}

/// A learned heatmap of the dynamic view and the outlook, so that with the consistency every term is trained.
pub(super) fn wrist_view() -> TrainConfig {
    let config = tiny();
    let policy = PolicyConfig { dynamic: Dynamic::WristView, ..config.policy.clone() };
    TrainConfig { policy, outlook: 0.5, ..config }
}

pub(super) fn with_consistency(lambda: f64) -> ConsistencyConfig {
    ConsistencyConfig { lambda, keypoints: None }
}
