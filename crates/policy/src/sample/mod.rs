//! From recorded observations to batches: which sample, which goal, augmentation, rendering, targets.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose, TextEmbedder, TextFeatures, Tool, World};
use neuraxis_episode::dataset::Dataset;
use neuraxis_vision::{Cloud, CubeFrame, GeometricKeypoints, KeypointProvider, Keypoints, Renderer};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{
    Error, PolicyConfig, Result, TrainConfig,
    consistency::KeypointBatch,
    dynamic::OLDEST_SECS,
    feed::{Feed, Moment},
    gaze::{FrozenGaze, GazeConfig},
    imported::ImportedKeypoints,
    loss::Targets,
    network::{PROPRIO, StageInput, VIEWS},
    rotation::{angles_from_rotation, bin_of_angle, row_major},
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
    /// Goals that are valid in this observation; the first is the one being executed. The others' scripts have been the
    /// same so far.
    pub goals: Vec<LabelledGoal>,
}

/// A sentence and the key-frame that it asks for in an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelledGoal {
    /// The sentence.
    pub instruction: String,
    /// The key-frame to approach.
    pub keyframe: KeyFrame,
    /// Position of the last key-frame of its script [m]; none in data sets from before there was an outlook.
    #[serde(default)]
    pub end_xyz_in_world: Option<[f64; 3]>,
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
    /// Keypoints in both stages, if the consistency is trained.
    pub keypoints: Option<[KeypointBatch; 2]>,
    /// (b, 2, 3, s, s) what a gaze network is still to look at.
    pub clip: Option<Tensor>,
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> i64 {
        self.point_in_fine.size().first().copied().unwrap_or(0)
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives both stages a gaze network's answer to the clips.
    pub fn look(&mut self, gaze: &FrozenGaze) -> Result<()> {
        if let Some(clip) = self.clip.take() {
            let answer = gaze.answer(&clip, self.coarse.views.size()[4])?;
            self.fine.dynamic = Some(answer.shallow_clone());
            self.coarse.dynamic = Some(answer);
        }
        Ok(())
    }

    /// The same on a device.
    pub fn to_device(self, device: Device) -> Result<Self> {
        if device == Device::Cpu {
            return Ok(self);
        }
        let to = |t: &Tensor| t.f_to_device(device);
        let keypoints = |k: &KeypointBatch| -> Result<KeypointBatch> {
            Ok(KeypointBatch { point: to(&k.point)?, place: to(&k.place)?, visible: to(&k.visible)? })
        };
        let t = &self.targets;
        Ok(Self {
            coarse: self.coarse.to_device(device)?,
            fine: self.fine.to_device(device)?,
            point_in_fine: to(&self.point_in_fine)?,
            targets: Targets {
                heat_coarse: to(&t.heat_coarse)?,
                heat_fine: to(&t.heat_fine)?,
                heat_dynamic: t.heat_dynamic.as_ref().map(to).transpose()?,
                outlook: t.outlook.as_ref().map(to).transpose()?,
                bins: to(&t.bins)?,
                rotation: to(&t.rotation)?,
                gripper: to(&t.gripper)?,
                collision: to(&t.collision)?,
            },
            keypoints: match &self.keypoints {
                Some([coarse, fine]) => Some([keypoints(coarse)?, keypoints(fine)?]),
                None => None,
            },
            clip: self.clip.as_ref().map(to).transpose()?,
        })
    }
}

/// How much oftener than on the way to a key-frame in contact observations are drawn on the way to a free one, and where
/// the sentence decides between places.
const FREE_WEIGHT: usize = 2;
const CHOICE_WEIGHT: usize = 6;
/// How often a sentence is said in other words, where there are any.
const RETOLD: f64 = 0.5;
/// Goals that ask for places closer than this ask for the same thing [m].
pub(crate) const SAME_M: f64 = 0.03;

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
    /// By task and sentence, the same in other words.
    wordings: HashMap<String, HashMap<String, Vec<TextFeatures>>>,
    imported: Option<ImportedKeypoints>,
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
            if is_held_out(record.seed, holdout) {
                validation.push(i);
            } else {
                kinds.entry((record.task.clone(), record.kind)).or_default().push(i);
            }
        }
        let training: Vec<Vec<usize>> = kinds.into_values().collect();
        if training.is_empty() {
            let scenes = records.iter().map(|record| record.seed).collect::<BTreeSet<_>>().len();
            let reason =
                format!("all of the {scenes} scenes are held out for evaluation: give more, or a smaller holdout");
            return Err(Error::Data(reason));
        }
        let mut samples = Self {
            dataset,
            records,
            training,
            draws: Vec::new(),
            validation,
            sentences,
            wordings: HashMap::new(),
            imported: None,
        };
        samples.draws = samples.drawn(&BTreeMap::new());
        Ok(samples)
    }

    /// Adds other wordings of the sentences: `retell` is given a task and a sentence of it. Half of the training samples
    /// are told in one of these; evaluation keeps to the data's own sentences.
    pub fn with_wordings(
        mut self,
        embedder: &mut dyn TextEmbedder,
        mut retell: impl FnMut(&str, &str) -> Vec<String>,
    ) -> Result<Self> {
        for record in &self.records {
            let of_task = self.wordings.entry(record.task.clone()).or_default();
            for goal in &record.goals {
                if of_task.contains_key(&goal.instruction) {
                    continue;
                }
                let told = retell(&record.task, &goal.instruction);
                let features = told.iter().map(|text| embedder.embed(text).map_err(|e| Error::Data(e.to_string())));
                of_task.insert(goal.instruction.clone(), features.collect::<Result<_>>()?);
            }
        }
        Ok(self)
    }

    /// Number of other wordings.
    pub fn wordings(&self) -> usize {
        self.wordings.values().flat_map(HashMap::values).map(Vec::len).sum()
    }

    /// Features of a sentence, often in other words where there are any.
    fn told(&self, task: &str, sentence: &str, rng: &mut Pcg64) -> Result<&TextFeatures> {
        match self.wordings.get(task).and_then(|of_task| of_task.get(sentence)) {
            Some(told) if !told.is_empty() && rng.random_bool(RETOLD) => Ok(&told[rng.random_range(0..told.len())]),
            _ => self.sentence(sentence),
        }
    }

    /// Draws the named tasks so many times as often.
    pub fn with_emphasis(mut self, times: &BTreeMap<String, usize>) -> Result<Self> {
        let is_there = |task: &str| self.training.iter().any(|kind| self.task_of(kind) == task);
        if let Some(task) = times.keys().find(|task| !is_there(task)) {
            return Err(Error::Data(format!("emphasis: the data have no task {task:?} to train on")));
        }
        self.draws = self.drawn(times);
        Ok(self)
    }

    fn task_of(&self, kind: &[usize]) -> &str {
        kind.first().and_then(|&i| self.records.get(i)).map_or("", |record| &record.task)
    }

    /// Key-frames evenly by kind, for rare ones are as important as common ones. What the sentence names is the slowest
    /// to learn; key-frames in contact go on from where the arm is.
    pub(crate) fn drawn(&self, times: &BTreeMap<String, usize>) -> Vec<usize> {
        let weight = |kind: &[usize]| {
            if kind.iter().any(|&i| self.records[i].is_choice()) {
                CHOICE_WEIGHT
            } else if self.records[kind[0]].goals[0].keyframe.ignore_collisions {
                1
            } else {
                FREE_WEIGHT
            }
        };
        let of_task = |kind: &[usize]| times.get(self.task_of(kind)).copied().unwrap_or(1);
        let kinds = self.training.iter().enumerate();
        kinds.flat_map(|(k, kind)| std::iter::repeat_n(k, weight(kind) * of_task(kind))).collect()
    }

    /// Takes keypoints from a file instead of the scene's geometry.
    pub fn with_keypoints(self, imported: ImportedKeypoints) -> Self {
        Self { imported: Some(imported), ..self }
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

    /// Part of the batch of a step: samples numbered from 0 to `batch`. Sample i is a function of (seed, step, i) only,
    /// so that neither workers nor micro-batches change what a step learns from. Clips are for a network like `gaze`.
    pub fn training_batch(
        &self,
        config: &TrainConfig,
        gaze: Option<&GazeConfig>,
        step: u64,
        samples: Range<usize>,
    ) -> Result<Batch> {
        let mut rows = Rows::new(&config.policy, gaze)?;
        let mut scenes = Default::default();
        for i in samples {
            let mut rng = Pcg64::seed_from_u64(config.seed ^ step.wrapping_mul(0x1000_0001) ^ ((i as u64) << 48));
            let kind = &self.training[self.draws[rng.random_range(0..self.draws.len())]];
            let index = kind[rng.random_range(0..kind.len())];
            let others = self.records[index].goals.len() - 1;
            let goal = if others > 0 && rng.random_bool(config.relabel) { rng.random_range(0..others) + 1 } else { 0 };
            self.push(&mut rows, &mut scenes, config, index, goal, &mut rng)?;
        }
        rows.finish()
    }

    /// Adds one augmented sample; `scene` and `before` are buffers.
    fn push(
        &self,
        rows: &mut Rows,
        [scene, before]: &mut [Cloud; 2],
        config: &TrainConfig,
        index: usize,
        goal: usize,
        rng: &mut Pcg64,
    ) -> Result<()> {
        let record = &self.records[index];
        let goal = &record.goals[goal];
        self.scene_into(index, scene)?;
        let yaw = rng.random_range(-1.0..1.0) * config.augment_yaw_deg.to_radians();
        let shift = |rng: &mut Pcg64| rng.random_range(-1.0..1.0) * config.augment_shift_m;
        let frame = views::cube(&config.policy).moved(yaw, Vector3::new(shift(rng), shift(rng), 0.0));
        let noise = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0) * config.center_noise_m * frame.scale());
        let body = record.body();
        let before = self.before_into(index, before, rows)?;
        let moment = Moment { cloud: scene, before, body: &body };
        let target = frame.cube_from_world(&goal.keyframe.world_from_tool.position());
        let fine = views::fine(&frame, &(target + noise), &config.policy);
        let features = self.told(&record.task, &goal.instruction, rng)?;
        let geometric =
            GeometricKeypoints { plane_z_m: Some(config.policy.plane_z_m), ..GeometricKeypoints::default() };
        let provider: &dyn KeypointProvider = match &self.imported {
            Some(imported) => imported,
            None => &geometric,
        };
        for (stage, frame) in [&frame, &fine].into_iter().enumerate() {
            rows.stage(stage, &moment, frame, features)?;
            if config.consistency.lambda > 0.0 {
                let points = provider.points(index, scene, &rows.renderer)?;
                rows.keypoints[stage].push(Keypoints::project(points, &rows.renderer));
            }
        }
        let rotation = views::rotation_in(&frame, &goal.keyframe.world_from_tool.rotation());
        if config.outlook > 0.0 {
            rows.outlook(&frame, goal.end_xyz_in_world);
        }
        rows.target(&frame, &fine, &goal.keyframe, &rotation, config)
    }

    /// Does every goal say where its script ends?
    pub fn know_ends(&self) -> bool {
        self.records.iter().flat_map(|record| &record.goals).all(|goal| goal.end_xyz_in_world.is_some())
    }

    /// Replaces `scene` by the cloud of an observation.
    pub fn scene_into(&self, i: usize, scene: &mut Cloud) -> Result<()> {
        Ok(self.dataset.cloud_into(i, &mut scene.xyz_in_world, &mut scene.rgb)?)
    }

    /// Replaces `before` by the cloud of the observation before, if there is one and `rows` show it.
    pub fn before_into<'a>(&self, i: usize, before: &'a mut Cloud, rows: &Rows) -> Result<Option<&'a Cloud>> {
        let Some(previous) = previous(&self.records, i).filter(|_| rows.feed.wants_before()) else { return Ok(None) };
        self.scene_into(previous, before)?;
        Ok(Some(before))
    }

    /// Features of a sentence of the data set.
    pub fn sentence(&self, text: &str) -> Result<&TextFeatures> {
        self.sentences.get(text).ok_or_else(|| Error::Data(format!("{text:?} is no sentence of the data set")))
    }
}

/// The observation before this one in its episode, if it is not too old.
pub fn previous(records: &[Record], i: usize) -> Option<usize> {
    let before = i.checked_sub(1)?;
    let (a, b) = (records.get(before)?, records.get(i)?);
    let recent = (0.0..=OLDEST_SECS).contains(&(b.secs - a.secs));
    (a.task == b.task && a.seed == b.seed && a.kind <= b.kind && recent).then_some(before)
}

/// The part `holdout` of all scenes, chosen by a multiplicative hash of the seed, so that a scene is never split.
pub(crate) fn is_held_out(seed: u64, holdout: f64) -> bool {
    let draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
    (draw as f64 / (1u64 << 53) as f64) < holdout
}

impl Record {
    /// Does the sentence decide between places?
    pub fn is_choice(&self) -> bool {
        let place = |goal: &LabelledGoal| goal.keyframe.world_from_tool.position();
        self.goals.iter().skip(1).any(|other| (place(other) - place(&self.goals[0])).norm() > SAME_M)
    }

    /// The robot's own state at capture.
    pub fn body(&self) -> Body {
        Body::new(self.world_from_tool, self.reached_world_from_tool, self.gripper, self.gripper_width_m)
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
    renderer: Renderer,
    feed: Feed,
    keypoints: [Vec<Keypoints>; 2],
    views: [Vec<f32>; 2],
    proprio: [Vec<f32>; 2],
    text: Vec<f32>,
    text_keep: Vec<bool>,
    /// Tokens of the longest sentence.
    longest: usize,
    heat: [Vec<f32>; 2],
    outlook: Vec<f32>,
    point: Vec<f32>,
    bins: Vec<i64>,
    rotation: Vec<f32>,
    gripper: Vec<i64>,
    collision: Vec<i64>,
}

impl Rows {
    /// Empty. Clips are drawn for a gaze network of the shape `gaze`.
    pub fn new(config: &PolicyConfig, gaze: Option<&GazeConfig>) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            renderer: views::renderer(config),
            feed: Feed::new(config, gaze)?,
            keypoints: Default::default(),
            views: Default::default(),
            proprio: Default::default(),
            text: Vec::new(),
            text_keep: Vec::new(),
            longest: 1,
            heat: Default::default(),
            outlook: Vec::new(),
            point: Vec::new(),
            bins: Vec::new(),
            rotation: Vec::new(),
            gripper: Vec::new(),
            collision: Vec::new(),
        })
    }

    /// What the dynamic stream is shown.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Adds one scene to stage 0 (coarse, with the text) or 1 (fine).
    pub fn stage(&mut self, stage: usize, moment: &Moment, frame: &CubeFrame, text: &TextFeatures) -> Result<()> {
        views::append(&mut self.views[stage], &mut self.renderer, moment.cloud, frame, moment.body, &self.config);
        self.feed.push(stage, moment, frame)?;
        self.proprio[stage].extend_from_slice(&moment.body.proprio(frame));
        if stage == 0 {
            let (len, dim) = (self.config.text_len as usize, self.config.text_dim as usize);
            if text.width != dim || text.values.len() != text.tokens * text.width {
                return Err(Error::Data(format!("text features are {} wide, the network expects {dim}", text.width)));
            }
            let used = text.tokens.min(len);
            self.longest = self.longest.max(used);
            self.text.extend_from_slice(&text.values[..used * dim]);
            self.text.resize(self.text.len() + (len - used) * dim, 0.0);
            self.text_keep.extend((0..len).map(|i| i < used));
        }
        Ok(())
    }

    /// Adds the maps of where the script ends, zero if that is not known.
    fn outlook(&mut self, coarse: &CubeFrame, end: Option<[f64; 3]>) {
        let side = self.config.finest_side();
        match end {
            Some(end) => views::append_target(&mut self.outlook, &coarse.cube_from_world(&end.into()), side, 1.0),
            None => self.outlook.resize(self.outlook.len() + (VIEWS * side * side) as usize, 0.0),
        }
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
        self.feed.target(&world, config.target_sigma_px);
        self.point.extend(fine.cube_from_world(&world).iter().map(|&x| x as f32));
        self.bins.extend(angles_from_rotation(rotation).map(|a| bin_of_angle(a, self.config.rotation_bins)));
        self.rotation.extend(row_major(rotation));
        self.gripper.push(i64::from(keyframe.gripper == Gripper::Open));
        self.collision.push(i64::from(keyframe.ignore_collisions));
        Ok(())
    }

    /// The input tensors of one stage, but for the gaze network's answer.
    pub fn input(&self, stage: usize) -> Result<StageInput> {
        let b = (self.proprio[stage].len() as i64) / PROPRIO;
        let (s, l) = (self.config.image_px, self.longest as i64);
        let text = Tensor::f_from_slice(&self.text)?.f_view([b, self.config.text_len, self.config.text_dim])?;
        let text_keep = Tensor::f_from_slice(&self.text_keep)?.f_view([b, self.config.text_len])?;
        Ok(StageInput {
            views: Tensor::f_from_slice(&self.views[stage])?.f_view([b, VIEWS, self.config.view_channels(), s, s])?,
            proprio: Tensor::f_from_slice(&self.proprio[stage])?.f_view([b, PROPRIO])?,
            text: text.f_narrow(1, 0, l)?.f_contiguous()?,
            text_keep: text_keep.f_narrow(1, 0, l)?.f_contiguous()?,
            dynamic: self.feed.input(stage)?,
        })
    }

    fn finish(self) -> Result<Batch> {
        let b = self.gripper.len() as i64;
        let s = self.config.image_px;
        let map = |v: &[f32]| -> Result<Tensor> { Ok(Tensor::f_from_slice(v)?.f_view([b, VIEWS, s, s])?) };
        let g = self.config.finest_side();
        let outlook = (!self.outlook.is_empty())
            .then(|| Ok::<_, Error>(Tensor::f_from_slice(&self.outlook)?.f_view([b, VIEWS, g, g])?))
            .transpose()?;
        let keypoints = match &self.keypoints {
            [coarse, _] if coarse.is_empty() => None,
            [coarse, fine] => Some([keypoint_batch(coarse, s)?, keypoint_batch(fine, s)?]),
        };
        Ok(Batch {
            keypoints,
            clip: self.feed.clip()?,
            coarse: self.input(0)?,
            fine: self.input(1)?,
            point_in_fine: Tensor::f_from_slice(&self.point)?.f_view([b, 3])?,
            targets: Targets {
                heat_coarse: map(&self.heat[0])?,
                heat_fine: map(&self.heat[1])?,
                heat_dynamic: self.feed.targets()?,
                outlook,
                bins: Tensor::f_from_slice(&self.bins)?.f_view([b, 3])?,
                rotation: Tensor::f_from_slice(&self.rotation)?.f_view([b, 3, 3])?,
                gripper: Tensor::f_from_slice(&self.gripper)?,
                collision: Tensor::f_from_slice(&self.collision)?,
            },
        })
    }
}

/// Keypoints of each sample as tensors, filled up to the most of the batch with points that nobody sees.
fn keypoint_batch(samples: &[Keypoints], side: i64) -> Result<KeypointBatch> {
    let (b, v) = (samples.len(), VIEWS as usize);
    let m = samples.iter().map(Keypoints::len).max().unwrap_or(0).max(1);
    let (mut point, mut place, mut visible) =
        (vec![0.0f32; b * m * 3], vec![0.0f32; b * v * m * 2], vec![false; b * v * m]);
    for (sample, keypoints) in samples.iter().enumerate() {
        for (i, p) in keypoints.xyz_in_cube.iter().enumerate() {
            let at = sample * m + i;
            point[3 * at..3 * at + 3].copy_from_slice(p);
            for view in 0..v {
                let at = (sample * v + view) * m + i;
                let image = keypoints.pixel[view][i].map(|x| 2.0 * x / side as f32 - 1.0);
                place[2 * at..2 * at + 2].copy_from_slice(&image);
                visible[at] = keypoints.visible[view][i];
            }
        }
    }
    let (b, v, m) = (b as i64, v as i64, m as i64);
    Ok(KeypointBatch {
        point: Tensor::f_from_slice(&point)?.f_view([b, m, 3])?,
        place: Tensor::f_from_slice(&place)?.f_view([b, v, m, 2])?,
        visible: Tensor::f_from_slice(&visible)?.f_view([b, v, m])?,
    })
}
