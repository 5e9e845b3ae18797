//! Errors of the averaged weights on held-out observations, by task and key-frame: what a run learns and what it does
//! not, long before an episode can tell.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use neuraxis_core::{Gripper, KeyFrame, Pose, median};
use neuraxis_vision::{Cloud, CubeFrame};
use tch::{Device, Kind, Tensor, nn};

use super::parameters;
use crate::{
    Error, PredictionViews, Result, StaticStream, TrainConfig,
    feed::Moment,
    gaze::FrozenGaze,
    infer::{orientation, values},
    network::{DynamicInput, HeadOutput, StageInput, VIEWS},
    sample::{Record, Rows, SAME_M, Samples},
    views,
};

/// Key-frames between which the sentence decides are evaluated so many times as often as others.
const CHOICE: usize = 4;
/// Observations of a forward pass.
const BATCH: usize = 16;
/// Observations of which pictures are kept, each of another task's or key-frame's choice.
const PICTURES: usize = 24;

/// Errors on one key-frame of a task's script. Medians and parts are over its observations.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Task.
    pub task: String,
    /// Index of the key-frame.
    pub kind: u32,
    /// Observations.
    pub observations: usize,
    /// Median distance of the predicted from the true position [mm].
    pub position_mm: f64,
    /// Median angle between the predicted and the true orientation [deg].
    pub rotation_deg: f64,
    /// Part with the right gripper command.
    pub gripper: f64,
    /// Part with the right collision flag.
    pub collision: f64,
    /// Where the sentence decides between places: part closer than 30 mm, so that it was the thing that was named.
    pub choice: Option<f64>,
}

/// What the networks saw and answered in one observation.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Task and key-frame.
    pub name: String,
    /// Views and heatmaps: of both stages, or of a gaze network's clip.
    pub views: PredictionViews,
}

/// Scores at a step.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Steps taken.
    pub step: u64,
    /// By task and key-frame; empty if nothing is held out.
    pub scores: Vec<Score>,
    /// A few observations, always the same ones.
    pub pictures: Vec<Picture>,
}

/// A key-frame of a task's script, and observations on the way to it.
struct Approach {
    task: String,
    index: u32,
    is_choice: bool,
    observations: Vec<usize>,
}

/// A network for evaluation and the observations it is tried on, the same ones every time.
pub struct Evaluator {
    config: TrainConfig,
    kinds: Vec<Approach>,
    net: StaticStream,
    gaze: Option<FrozenGaze>,
    parameters: Vec<(String, Tensor)>,
    device: Device,
    _store: nn::VarStore,
}

impl Approach {
    fn name(&self) -> String {
        format!("{} {}", self.task, self.index)
    }
}

impl Evaluator {
    /// Chooses the observations, spread evenly over each kind's.
    pub fn new(config: &TrainConfig, samples: &Samples, device: Device) -> Result<Self> {
        let mut store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config.policy)?;
        if device != Device::Cpu {
            store.set_device(device);
        }
        let mut kinds: BTreeMap<(String, u32), Vec<usize>> = BTreeMap::new();
        for &i in samples.validation() {
            if let Some(record) = samples.record(i) {
                kinds.entry((record.task.clone(), record.kind)).or_default().push(i);
            }
        }
        let kinds = kinds.into_iter().map(|((task, index), all)| {
            let is_choice = all.iter().any(|&i| samples.record(i).is_some_and(Record::is_choice));
            let most = config.evaluate_per_kind * if is_choice { CHOICE } else { 1 };
            let stride = all.len().div_ceil(most.max(1)).max(1);
            Approach { task, index, is_choice, observations: all.into_iter().step_by(stride).take(most).collect() }
        });
        let kinds = kinds.filter(|kind| !kind.observations.is_empty()).collect();
        let (config, gaze) = (config.clone(), FrozenGaze::of(config, device)?);
        Ok(Self { config, kinds, net, gaze, parameters: parameters(&store), device, _store: store })
    }

    /// Tries weights, which are found by name; further ones are ignored.
    pub fn evaluate(&self, samples: &Samples, step: u64, weights: &[(String, Tensor)]) -> Result<Evaluation> {
        let _guard = tch::no_grad_guard();
        for (name, parameter) in &self.parameters {
            let found = weights.iter().find(|(n, _)| n == name);
            let (_, weight) = found.ok_or_else(|| Error::Data(format!("no weights {name} to evaluate")))?;
            parameter.shallow_clone().f_copy_(weight)?;
        }
        let mut evaluation = Evaluation { step, scores: Vec::new(), pictures: Vec::new() };
        for kind in &self.kinds {
            let mut errors = Vec::with_capacity(kind.observations.len());
            for (i, piece) in kind.observations.chunks(BATCH).enumerate() {
                let wanted = i == 0 && kind.is_choice && evaluation.pictures.len() < PICTURES;
                let (answers, views) = self.predict(samples, piece, wanted)?;
                for (&index, answer) in piece.iter().zip(&answers) {
                    if let Some(goal) = samples.record(index).and_then(|record| record.goals.first()) {
                        errors.push(Miss::new(answer, &goal.keyframe));
                    }
                }
                evaluation.pictures.extend(views.map(|views| Picture { name: kind.name(), views }));
            }
            evaluation.scores.push(score(kind, &errors));
        }
        Ok(evaluation)
    }

    /// Both stages with the arg-max between them, as at run time; views and heatmaps of the first observation if wanted.
    fn predict(
        &self,
        samples: &Samples,
        indices: &[usize],
        pictured: bool,
    ) -> Result<(Vec<KeyFrame>, Option<PredictionViews>)> {
        let config = &self.config.policy;
        let mut rows = Rows::new(config, self.gaze.as_ref().map(FrozenGaze::config))?;
        let mut before = Cloud::default();
        let mut scenes = Vec::with_capacity(indices.len());
        let coarse_frame = views::cube(config);
        for &index in indices {
            let mut scene = Cloud::default();
            samples.scene_into(index, &mut scene)?;
            let record = samples.record(index).ok_or_else(|| Error::Data(format!("no record {index}")))?;
            let sentence = samples.sentence(record.goals.first().map_or("", |goal| &goal.instruction))?;
            let (body, before) = (record.body(), samples.before_into(index, &mut before, &rows)?);
            rows.stage(0, &Moment { cloud: &scene, before, body: &body }, &coarse_frame, sentence)?;
            scenes.push((scene, body, sentence));
        }
        let looked = match (&self.gaze, rows.feed().clip()?) {
            (Some(gaze), Some(clip)) => Some(gaze.answer(&clip, config.image_px)?),
            _ => None,
        };
        let input = |rows: &Rows, stage: usize| -> Result<StageInput> {
            let mut input = rows.input(stage)?.to_device(self.device)?;
            input.dynamic = input.dynamic.or_else(|| looked.as_ref().map(DynamicInput::shallow_clone));
            Ok(input)
        };
        let coarse_input = input(&rows, 0)?;
        let coarse_heat = values(&self.net.coarse.forward(&coarse_input, Kind::Float)?.heat)?;
        let mut frames = Vec::with_capacity(indices.len());
        let side = config.image_px;
        let maps = (VIEWS * side * side) as usize;
        for (heat, (scene, body, sentence)) in coarse_heat.chunks_exact(maps).zip(&scenes) {
            let frame = views::fine(&coarse_frame, &views::arg_max(heat, side)?, config);
            rows.stage(1, &Moment { cloud: scene, before: None, body }, &frame, sentence)?;
            frames.push(frame);
        }
        let fine_input = input(&rows, 1)?;
        let fine = self.net.fine.forward(&fine_input, Kind::Float)?;
        let fine_heat = values(&fine.heat)?;
        let points = fine_heat.chunks_exact(maps).map(|heat| views::arg_max(heat, side)).collect::<Result<Vec<_>>>()?;
        let flat: Vec<f32> = points.iter().flat_map(|p| [p.x as f32, p.y as f32, p.z as f32]).collect();
        let point = Tensor::f_from_slice(&flat)?.f_view([-1, 3])?.f_to_device(self.device)?;
        let heads = self.net.heads.forward(&fine, &fine_input.proprio, &point, None)?;
        let answers = keyframes(&heads, &frames, &points, config.rotation_bins)?;
        let views = pictured.then(|| -> Result<PredictionViews> {
            let mut views = PredictionViews { side: side as usize, ..PredictionViews::default() };
            show(&mut views, &coarse_input, &coarse_heat)?;
            show(&mut views, &fine_input, &fine_heat)?;
            Ok(views)
        });
        Ok((answers, views.transpose()?))
    }
}

/// Errors of one answer.
struct Miss {
    position_mm: f64,
    rotation_deg: f64,
    gripper: bool,
    collision: bool,
}

impl Miss {
    fn new(answer: &KeyFrame, truth: &KeyFrame) -> Self {
        let (a, b) = (&answer.world_from_tool, &truth.world_from_tool);
        Self {
            position_mm: (a.position() - b.position()).norm() * 1e3,
            rotation_deg: a.rotation().angle_to(&b.rotation()).to_degrees(),
            gripper: answer.gripper == truth.gripper,
            collision: answer.ignore_collisions == truth.ignore_collisions,
        }
    }
}

fn score(kind: &Approach, misses: &[Miss]) -> Score {
    let part =
        |hit: &dyn Fn(&Miss) -> bool| misses.iter().filter(|m| hit(m)).count() as f64 / misses.len().max(1) as f64;
    let middle = |of: fn(&Miss) -> f64| median(&mut misses.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    Score {
        task: kind.task.clone(),
        kind: kind.index,
        observations: misses.len(),
        position_mm: middle(|m| m.position_mm),
        rotation_deg: middle(|m| m.rotation_deg),
        gripper: part(&|m| m.gripper),
        collision: part(&|m| m.collision),
        choice: kind.is_choice.then(|| part(&|m| m.position_mm < 1e3 * SAME_M)),
    }
}

/// What the heads say, as key-frames in the world.
fn keyframes(heads: &HeadOutput, frames: &[CubeFrame], points: &[Vector3<f64>], bins: i64) -> Result<Vec<KeyFrame>> {
    let classes =
        |t: &Tensor| -> Result<Vec<i64>> { Ok(Vec::try_from(&t.f_argmax(1, false)?.f_to_device(Device::Cpu)?)?) };
    let (gripper, collision) = (classes(&heads.gripper)?, classes(&heads.collision)?);
    let one = |i: usize| -> Result<KeyFrame> {
        let rotation = frames[i].rotation() * orientation(&heads.rotation.sample(i)?, bins)?;
        Ok(KeyFrame {
            world_from_tool: Pose::from_parts(frames[i].world_from_cube(&points[i]), rotation),
            gripper: if gripper[i] == 1 { Gripper::Open } else { Gripper::Closed },
            ignore_collisions: collision[i] == 1,
        })
    };
    (0..points.len()).map(one).collect()
}

/// Adds a stage's three views of the first sample: colours and heatmaps as probabilities.
fn show(views: &mut PredictionViews, input: &StageInput, heat: &[f32]) -> Result<()> {
    let (area, channels) = (views.side * views.side, input.views.size()[2] as usize);
    let pixels = values(&input.views.f_narrow(0, 0, 1)?)?;
    for (planes, heat) in pixels.chunks_exact(channels * area).zip(heat.chunks_exact(area)) {
        let byte = |c: usize, i: usize| (planes[(3 + c) * area + i] * 255.0).clamp(0.0, 255.0) as u8;
        views.rgb.push((0..area).flat_map(|i| [byte(0, i), byte(1, i), byte(2, i)]).collect());
        let top = heat.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = heat.iter().map(|x| (x - top).exp()).sum();
        views.heat.push(heat.iter().map(|x| (x - top).exp() / sum).collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_count_hits_and_judge_choices_where_there_are_any() {
        let kind = |is_choice| Approach { task: "t".into(), index: 2, is_choice, observations: Vec::new() };
        let miss = |mm: f64, gripper| Miss { position_mm: mm, rotation_deg: mm / 10.0, gripper, collision: true };
        let misses = [miss(4.0, true), miss(29.9, false), miss(30.1, true), miss(200.0, true)];
        let first = score(&kind(true), &misses);
        assert_eq!((first.choice, first.gripper, first.collision, first.observations), (Some(0.5), 0.75, 1.0, 4));
        assert!((first.position_mm - 30.0).abs() < 1e-9 && (first.rotation_deg - 3.0).abs() < 1e-9);
        assert_eq!(score(&kind(false), &misses).choice, None);
    }
}
