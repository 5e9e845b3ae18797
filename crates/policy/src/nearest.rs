//! The baseline that any learned policy must beat: replay the key-frame of the most similar training observation.
//!
//! Similar means: same sentence meaning (pooled text features), same place in the task (last key-frame, gripper)
//! and a similar picture (the coarse top and front views, shrunk). No learning.

use std::{collections::HashMap, path::Path};

use neuraxis_core::{
    Instruction, KeyFrame, Observation, Policy, PolicyError, Prediction, StageTimes, TextEmbedder, TextFeatures,
};
use neuraxis_episode::dataset::Dataset;
use neuraxis_vision::{Cloud, FrozenWatch};

use crate::{
    Error, PolicyConfig, Result,
    network::VIEW_CHANNELS,
    sample::{Body, Record, check_made_for},
    views,
};

/// Side of the shrunken views.
const SIDE: usize = 16;
/// Most observations kept.
const MOST: usize = 20_000;

/// Features of training observations and the key-frames they were labelled with.
pub struct NearestReplay {
    config: PolicyConfig,
    entries: Vec<(Vec<f32>, KeyFrame)>,
    watch: FrozenWatch,
    seq: u64,
}

impl NearestReplay {
    /// Indexes the shards of a data set, made with `robot`; every n-th observation if it is very large.
    ///
    /// # Errors
    /// Data that cannot be read, or that were made with another robot, in other bounds or thinned at another plane.
    pub fn open<P: AsRef<Path>>(shards: &[P], robot: &str, embedder: &mut dyn TextEmbedder) -> Result<Self> {
        let dataset = Dataset::open_all(shards)?;
        let config = PolicyConfig::default();
        check_made_for(&dataset, &config.bounds_m, Some(config.plane_z_m))?;
        for (dir, _, meta) in dataset.folders() {
            if let Some(made_with) = meta["embodiment"].as_str().filter(|name| *name != robot) {
                let index = dir.join("index.json");
                let reason = format!("demonstrations of robot {made_with:?}, this is {robot:?}: --robot");
                return Err(Error::Data(format!("{}: {reason}", index.display())));
            }
        }
        let mut sentences: HashMap<String, TextFeatures> = HashMap::new();
        let stride = dataset.len().div_ceil(MOST).max(1);
        let mut entries = Vec::new();
        let mut scene = Cloud::default();
        for i in (0..dataset.len()).step_by(stride) {
            let record: Record = dataset.record(i)?;
            dataset.cloud_into(i, &mut scene.xyz_in_world, &mut scene.rgb)?;
            let body = Body::new(
                record.world_from_tool,
                record.reached_world_from_tool,
                record.gripper,
                record.gripper_width_m,
            );
            for goal in &record.goals {
                if !sentences.contains_key(&goal.instruction) {
                    let text = embedder.embed(&goal.instruction).map_err(|e| Error::Data(e.to_string()))?;
                    sentences.insert(goal.instruction.clone(), text);
                }
                let text = &sentences[&goal.instruction];
                entries.push((features(&config, &scene, &body, text)?, goal.keyframe));
            }
        }
        Ok(Self { config, entries, watch: FrozenWatch::default(), seq: 0 })
    }
}

impl Policy for NearestReplay {
    fn predict(
        &mut self,
        observation: &Observation,
        instruction: &Instruction,
    ) -> std::result::Result<Prediction, PolicyError> {
        let refuse = |e: Error| PolicyError::Observation { seq: observation.seq, reason: e.to_string() };
        let text = instruction.features.as_ref().ok_or_else(|| PolicyError::Instruction {
            text: instruction.text.to_string(),
            reason: "it has no text features".into(),
        })?;
        let mut cloud = Cloud::default();
        views::fuse_usable(observation, &[], &self.config, &mut self.watch, &mut cloud, &mut Vec::new())
            .map_err(|e| refuse(e.into()))?;
        let progress = &observation.progress;
        let body = Body::new(
            observation.world_from_tool,
            progress.reached_world_from_tool,
            progress.gripper,
            observation.gripper_width_m,
        );
        let here = features(&self.config, &cloud, &body, text).map_err(refuse)?;
        let (squared, keyframe) = self
            .entries
            .iter()
            .map(|(there, keyframe)| (squared_distance(&here, there), keyframe))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .ok_or_else(|| PolicyError::Internal("the data set is empty".into()))?;
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: instruction.epoch,
            observed_at: observation.stamp,
            keyframe: *keyframe,
            confidence: (-squared).exp(),
            times: StageTimes::default(),
            path: None,
        })
    }
}

/// Summed in eight lanes, which the compiler turns into vector instructions: this is all that a prediction costs.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += (a[i] - b[i]) * (a[i] - b[i]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

fn features(config: &PolicyConfig, scene: &Cloud, body: &Body, text: &TextFeatures) -> Result<Vec<f32>> {
    let frame = views::cube(config);
    let mut views = Vec::new();
    views::append(&mut views, &mut views::renderer(config), scene, &frame, body, config);
    let side = config.image_px as usize;
    let block = side / SIDE;
    let mut out = Vec::new();
    // Top view: colours and height; enough to tell scenes apart.
    for channel in [2, 3, 4, 5] {
        let plane = &views[channel * side * side..(channel + 1) * side * side];
        for row in 0..SIDE {
            for column in 0..SIDE {
                let sum: f32 = (0..block * block)
                    .map(|i| plane[(row * block + i / block) * side + column * block + i % block])
                    .sum();
                out.push(sum / (block * block) as f32);
            }
        }
    }
    debug_assert!(views.len() >= VIEW_CHANNELS as usize * side * side);
    out.extend(body.proprio(&frame).map(|x| 3.0 * x));
    let mut pooled = vec![0.0; text.width];
    for token in text.values.chunks(text.width) {
        for (sum, x) in pooled.iter_mut().zip(token) {
            *sum += x;
        }
    }
    let norm = pooled.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    out.extend(pooled.iter().map(|x| 6.0 * x / norm));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use neuraxis_episode::dataset::DatasetWriter;
    use serde_json::json;

    use super::*;

    /// Knows no words.
    struct Mute;

    impl TextEmbedder for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn embed(&mut self, _: &str) -> std::result::Result<TextFeatures, PolicyError> {
            Ok(TextFeatures { tokens: 1, width: 1, values: vec![0.0].into() })
        }
    }

    #[test]
    fn data_of_another_robot_or_made_otherwise_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let opened = |name: &str, bounds_m: [f64; 6], meta: serde_json::Value| {
            let set = dir.path().join(name);
            DatasetWriter::create(&set, bounds_m, meta).unwrap().finish().unwrap();
            NearestReplay::open(&[set], "fr3", &mut Mute).err().map(|error| error.to_string())
        };
        let (usual, fr3) = (PolicyConfig::default().bounds_m, json!({ "embodiment": "fr3" }));
        assert_eq!(opened("ours", usual, fr3.clone()), None);
        let said = opened("theirs", usual, json!({ "embodiment": "ur5e" })).unwrap();
        assert!(
            said.ends_with("theirs/index.json: demonstrations of robot \"ur5e\", this is \"fr3\": --robot"),
            "{said}"
        );
        let said = opened("lower", [-0.3, -0.5, 0.4, 0.7, 0.5, 1.4], fr3).unwrap();
        assert!(said.contains("lower/index.json: bounds_m = "), "{said}");
        let said = opened("plane", usual, json!({ "embodiment": "fr3", "plane_z_m": 0.1 })).unwrap();
        assert!(said.contains("plane/index.json: plane_z_m = 0.1 m"), "{said}");
    }
}
