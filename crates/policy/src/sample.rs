//! From recorded observations to batches: which sample, which goal, augmentation, rendering, targets.

use std::collections::{BTreeMap, HashMap};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose, TextEmbedder, TextFeatures, Tool, World};
use neuraxis_episode::dataset::Dataset;
use neuraxis_vision::{Cloud, CubeFrame};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{
    Error, PolicyConfig, Result, TrainConfig,
    loss::Targets,
    network::{PROPRIO, StageInput, VIEW_CHANNELS, VIEWS},
    rotation::{angles_from_rotation, bin_of_angle},
    views,
};

/// What is stored beside each cloud of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Index of the key-frame being approached in the expert's script.
    pub kind: u32,
    /// Time since the episode began [s].
    pub secs: f64,
    /// Pose of the tool at capture.
    pub world_from_tool: Pose<World, Tool>,
    /// Key-frame reached last.
    pub reached_world_from_tool: Pose<World, Tool>,
    /// Gripper command at capture.
    pub gripper: Gripper,
    /// Width at capture [m].
    pub gripper_width_m: f64,
    /// Goals that are valid in this observation; the first is the one being executed.
    pub goals: Vec<LabelledGoal>,
}

/// A sentence and the key-frame that it asks for in an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelledGoal {
    /// The sentence.
    pub instruction: String,
    /// The key-frame to approach.
    pub keyframe: KeyFrame,
}

/// Tensors of one batch.
#[derive(Debug)]
pub struct Batch {
    /// Input of the coarse stage.
    pub coarse: StageInput,
    /// Input of the fine stage.
    pub fine: StageInput,
    /// (b, 3) true way-point in the fine stage's cube
    pub point_in_fine: Tensor,
    /// Labels.
    pub targets: Targets,
}

/// How much oftener than others observations are drawn on the way to a free key-frame.
const CHOICE_WEIGHT: usize = 3;

/// A data set ready for training: records by kind, sentences encoded.
pub struct Samples {
    dataset: Dataset,
    records: Vec<Record>,
    /// Observations by (task, kind).
    training: Vec<Vec<usize>>,
    /// Indices into `training`, repeated by weight.
    draws: Vec<usize>,
    validation: Vec<usize>,
    sentences: HashMap<String, TextFeatures>,
}

impl Samples {
    /// Reads all records, keeps whole scenes for validation, encodes every sentence once.
    pub fn new(dataset: Dataset, holdout: f64, embedder: &mut dyn TextEmbedder) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::Data("the data set is empty".into()));
        }
        let records = (0..dataset.len()).map(|i| Ok(dataset.record(i)?)).collect::<Result<Vec<Record>>>()?;
        let mut sentences = HashMap::new();
        let mut kinds: BTreeMap<(String, u32), Vec<usize>> = BTreeMap::new();
        let mut validation = Vec::new();
        for (i, record) in records.iter().enumerate() {
            if record.goals.is_empty() {
                return Err(Error::Data(format!("record {i} names no goal")));
            }
            for goal in &record.goals {
                if !sentences.contains_key(&goal.instruction) {
                    let features = embedder.embed(&goal.instruction).map_err(|e| Error::Data(e.to_string()))?;
                    sentences.insert(goal.instruction.clone(), features);
                }
            }
            // A multiplicative hash of the scene's seed decides, so that a scene is never split.
            let draw = record.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
            if (draw as f64 / (1u64 << 53) as f64) < holdout {
                validation.push(i);
            } else {
                kinds.entry((record.task.clone(), record.kind)).or_default().push(i);
            }
        }
        let training: Vec<Vec<usize>> = kinds.into_values().collect();
        // Key-frames evenly by kind, for rare ones are as important as common ones. Free ones go to what the sentence
        // names, which is the slowest to learn; those in contact go on from where the arm is.
        let in_contact = |kind: &Vec<usize>| records[kind[0]].goals[0].keyframe.ignore_collisions;
        let weight = |kind: &Vec<usize>| if in_contact(kind) { 1 } else { CHOICE_WEIGHT };
        let draws = (0..training.len()).flat_map(|k| std::iter::repeat_n(k, weight(&training[k]))).collect();
        Ok(Self { dataset, records, training, draws, validation, sentences })
    }

    /// Observations kept for validation.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }

    /// The record of an observation.
    pub fn record(&self, i: usize) -> Option<&Record> {
        self.records.get(i)
    }

    /// Number of observations and of distinct sentences.
    pub fn counts(&self) -> (usize, usize) {
        (self.records.len(), self.sentences.len())
    }

    /// The batch of a worker at a step: a function of (seed, step, rank) only.
    pub fn training_batch(&self, config: &TrainConfig, step: u64, rank: usize) -> Result<Batch> {
        let mut rng = Pcg64::seed_from_u64(config.seed ^ step.wrapping_mul(0x1000_0001) ^ ((rank as u64) << 56));
        let mut rows = Rows::new(&config.policy);
        for _ in 0..config.batch / config.workers {
            let kind = &self.training[self.draws[rng.random_range(0..self.draws.len())]];
            let index = kind[rng.random_range(0..kind.len())];
            let others = self.records[index].goals.len() - 1;
            let goal = if others > 0 && rng.random_bool(config.relabel) { rng.random_range(0..others) + 1 } else { 0 };
            self.push(&mut rows, config, index, goal, Some(&mut rng))?;
        }
        rows.finish()
    }

    /// Observations as they are, without augmentation, each with its executed goal.
    pub fn plain_batch(&self, config: &TrainConfig, indices: &[usize]) -> Result<Batch> {
        let mut rows = Rows::new(&config.policy);
        for &index in indices {
            self.push(&mut rows, config, index, 0, None)?;
        }
        rows.finish()
    }

    fn push(
        &self,
        rows: &mut Rows,
        config: &TrainConfig,
        index: usize,
        goal: usize,
        rng: Option<&mut Pcg64>,
    ) -> Result<()> {
        let record = &self.records[index];
        let goal = &record.goals[goal];
        let mut scene = Cloud::default();
        self.dataset.cloud_into(index, &mut scene.xyz_in_world, &mut scene.rgb)?;
        let mut frame = views::cube(&config.policy);
        let mut noise = Vector3::zeros();
        if let Some(rng) = rng {
            let yaw = rng.random_range(-1.0..1.0) * config.augment_yaw_deg.to_radians();
            let shift = |rng: &mut Pcg64| rng.random_range(-1.0..1.0) * config.augment_shift_m;
            frame = frame.moved(yaw, Vector3::new(shift(rng), shift(rng), 0.0));
            noise = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0) * config.center_noise_m * frame.scale());
        }
        let body =
            Body::new(record.world_from_tool, record.reached_world_from_tool, record.gripper, record.gripper_width_m);
        let target = frame.cube_from_world(&goal.keyframe.world_from_tool.position());
        let centre = target + noise;
        let fine = frame.zoomed(&centre, config.policy.zoom);
        let features = &self.sentences[&goal.instruction];
        rows.stage(0, &scene, &frame, &body, features)?;
        rows.stage(1, &scene, &fine, &body, features)?;
        let rotation = views::rotation_in(&frame, &goal.keyframe.world_from_tool.rotation());
        rows.target(&frame, &fine, &goal.keyframe, &rotation, config)
    }
}

/// The robot's own state as the networks see it.
#[derive(Copy, Clone, Debug)]
pub struct Body {
    /// Tool now.
    pub world_from_tool: Pose<World, Tool>,
    /// Key-frame reached last.
    pub reached: Pose<World, Tool>,
    /// Gripper command.
    pub gripper: Gripper,
    /// Distance of the finger pads [m].
    pub width_m: f64,
}

impl Body {
    /// All fields.
    pub fn new(world_from_tool: Pose<World, Tool>, reached: Pose<World, Tool>, gripper: Gripper, width_m: f64) -> Self {
        Self { world_from_tool, reached, gripper, width_m }
    }

    /// Gripper command, width, last key-frame (3), tool (3), approach direction (3), way since the last key-frame.
    /// Positions are in the stage's cube, clipped to ±2. No time step (ARP#6).
    pub fn proprio(&self, frame: &CubeFrame) -> [f32; PROPRIO as usize] {
        let clip = |p: Vector3<f64>| p.map(|x| x.clamp(-2.0, 2.0) as f32);
        let reached = clip(frame.cube_from_world(&self.reached.position()));
        let tool = clip(frame.cube_from_world(&self.world_from_tool.position()));
        let rotation = views::rotation_in(frame, &self.world_from_tool.rotation());
        let approach = (rotation * Vector3::z()).map(|x| x as f32);
        let way = (self.world_from_tool.position() - self.reached.position()).norm() * 5.0;
        let gripper = if self.gripper == Gripper::Open { 1.0 } else { -1.0 };
        [
            gripper,
            (self.width_m / 0.04 - 1.0) as f32,
            reached.x,
            reached.y,
            reached.z,
            tool.x,
            tool.y,
            tool.z,
            approach.x,
            approach.y,
            approach.z,
            way.min(3.0) as f32,
        ]
    }
}

/// Collects samples into the tensors of a batch.
pub struct Rows {
    config: PolicyConfig,
    views: [Vec<f32>; 2],
    proprio: [Vec<f32>; 2],
    text: Vec<f32>,
    text_keep: Vec<bool>,
    heat: [Vec<f32>; 2],
    point: Vec<f32>,
    bins: Vec<i64>,
    gripper: Vec<i64>,
    collision: Vec<i64>,
}

impl Rows {
    /// Empty.
    pub fn new(config: &PolicyConfig) -> Self {
        Self {
            config: config.clone(),
            views: Default::default(),
            proprio: Default::default(),
            text: Vec::new(),
            text_keep: Vec::new(),
            heat: Default::default(),
            point: Vec::new(),
            bins: Vec::new(),
            gripper: Vec::new(),
            collision: Vec::new(),
        }
    }

    /// Adds one scene to stage 0 (coarse, with the text) or 1 (fine).
    pub fn stage(
        &mut self,
        stage: usize,
        scene: &Cloud,
        frame: &CubeFrame,
        body: &Body,
        text: &TextFeatures,
    ) -> Result<()> {
        views::append(&mut self.views[stage], scene, frame, body, &self.config);
        self.proprio[stage].extend_from_slice(&body.proprio(frame));
        if stage == 0 {
            let (len, dim) = (self.config.text_len as usize, self.config.text_dim as usize);
            if text.width != dim || text.values.len() != text.tokens * text.width {
                return Err(Error::Data(format!("text features are {} wide, the network expects {dim}", text.width)));
            }
            let used = text.tokens.min(len);
            self.text.extend_from_slice(&text.values[..used * dim]);
            self.text.resize(self.text.len() + (len - used) * dim, 0.0);
            self.text_keep.extend((0..len).map(|i| i < used));
        }
        Ok(())
    }

    fn target(
        &mut self,
        coarse: &CubeFrame,
        fine: &CubeFrame,
        keyframe: &KeyFrame,
        rotation: &UnitQuaternion<f64>,
        config: &TrainConfig,
    ) -> Result<()> {
        let world = keyframe.world_from_tool.position();
        for (stage, frame) in [coarse, fine].into_iter().enumerate() {
            views::append_target(
                &mut self.heat[stage],
                &frame.cube_from_world(&world),
                self.config.image_px,
                config.target_sigma_px,
            );
        }
        self.point.extend(fine.cube_from_world(&world).iter().map(|&x| x as f32));
        self.bins.extend(angles_from_rotation(rotation).map(|a| bin_of_angle(a, self.config.rotation_bins)));
        self.gripper.push(i64::from(keyframe.gripper == Gripper::Open));
        self.collision.push(i64::from(keyframe.ignore_collisions));
        Ok(())
    }

    /// The input tensors of one stage.
    pub fn input(&self, stage: usize) -> Result<StageInput> {
        let b = (self.proprio[stage].len() as i64) / PROPRIO;
        let s = self.config.image_px;
        Ok(StageInput {
            views: Tensor::f_from_slice(&self.views[stage])?.f_view([b, VIEWS, VIEW_CHANNELS, s, s])?,
            proprio: Tensor::f_from_slice(&self.proprio[stage])?.f_view([b, PROPRIO])?,
            text: Tensor::f_from_slice(&self.text)?.f_view([b, self.config.text_len, self.config.text_dim])?,
            text_keep: Tensor::f_from_slice(&self.text_keep)?.f_view([b, self.config.text_len])?,
        })
    }

    fn finish(self) -> Result<Batch> {
        let b = self.gripper.len() as i64;
        let s = self.config.image_px;
        let map = |v: &[f32]| -> Result<Tensor> { Ok(Tensor::f_from_slice(v)?.f_view([b, VIEWS, s, s])?) };
        Ok(Batch {
            coarse: self.input(0)?,
            fine: self.input(1)?,
            point_in_fine: Tensor::f_from_slice(&self.point)?.f_view([b, 3])?,
            targets: Targets {
                heat_coarse: map(&self.heat[0])?,
                heat_fine: map(&self.heat[1])?,
                bins: Tensor::f_from_slice(&self.bins)?.f_view([b, 3])?,
                gripper: Tensor::f_from_slice(&self.gripper)?,
                collision: Tensor::f_from_slice(&self.collision)?,
            },
        })
    }
}

/// Moves an input to a device.
pub fn to_device(input: &StageInput, device: Device) -> Result<StageInput> {
    Ok(StageInput {
        views: input.views.f_to_device(device)?,
        proprio: input.proprio.f_to_device(device)?,
        text: input.text.f_to_device(device)?,
        text_keep: input.text_keep.f_to_kind(Kind::Bool)?.f_to_device(device)?,
    })
}
