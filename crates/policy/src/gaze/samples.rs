//! From recorded observations to clips with labels.
//!
//! The frame before an observation is the previous record of the same episode: recorded moments lie tenths of a second
//! to a few seconds apart, so gaps of all lengths are seen; where there is none the frame is shown twice. One cloud per
//! observation is enough: the published recipe renders coarse and zoomed clouds, but a perspective camera near the hand
//! already sees both the hand in detail and the table behind it.

use std::collections::BTreeMap;

use nalgebra::Vector3;
use neuraxis_episode::dataset::Dataset;
use neuraxis_vision::{Cloud, CubeFrame, PerspectiveView};
use rand::Rng;
use rand_pcg::Pcg64;
use tch::Tensor;

use crate::{
    Error, Result,
    dynamic::{ClipRenderer, Label, append_map},
    gaze::{GazeConfig, GazeTraining},
    sample::{Record, check_made_for, is_held_out, previous},
};

/// Frames of the clips made here.
const FRAMES: i64 = 2;

/// Clips as the network takes them, and where in the last frame the label and the tool are.
#[derive(Debug)]
pub struct ClipBatch {
    /// (b, 2, 3, s, s) colours in [0, 1]
    pub clip: Tensor,
    /// (b, 2, g, g) maps that sum to one
    pub target: Tensor,
    /// Pixel of the label in a frame of side s; `None` outside the image.
    pub label: Vec<Option<[f64; 2]>>,
    /// Pixel of the tool point, from forward kinematics.
    pub tool: Vec<Option<[f64; 2]>>,
}

/// A clip of a training batch, before it is drawn.
#[derive(Clone, Debug)]
pub struct Pick {
    index: usize,
    /// The frame before; `None`: the current one is shown twice.
    previous: Option<usize>,
    frame: CubeFrame,
}

/// A data set ready for pre-training.
pub struct ClipSamples {
    dataset: Dataset,
    records: Vec<Record>,
    /// Observations by (task, kind).
    training: Vec<Vec<usize>>,
    validation: Vec<usize>,
}

impl ClipSamples {
    /// Reads all records and keeps whole scenes for validation, the same ones as the policy's for equal `holdout`.
    pub fn new(dataset: Dataset, holdout: f64) -> Result<Self> {
        if dataset.is_empty() {
            return Err(Error::Data("the data set is empty".into()));
        }
        let records = (0..dataset.len()).map(|i| Ok(dataset.record(i)?)).collect::<Result<Vec<Record>>>()?;
        let mut kinds: BTreeMap<(String, u32), Vec<usize>> = BTreeMap::new();
        let mut validation = Vec::new();
        for (i, record) in records.iter().enumerate() {
            if record.goals.is_empty() {
                return Err(Error::Data(format!("record {i} names no goal")));
            }
            if is_held_out(record.seed, holdout) {
                validation.push(i);
            } else {
                kinds.entry((record.task.clone(), record.kind)).or_default().push(i);
            }
        }
        if kinds.is_empty() {
            return Err(Error::Data(format!("every scene is held out (holdout = {holdout})")));
        }
        Ok(Self { dataset, records, training: kinds.into_values().collect(), validation })
    }

    /// Refuses data that were not made in the bounds in which a network works.
    pub(crate) fn check_fits(&self, config: &GazeConfig) -> Result<()> {
        check_made_for(&self.dataset, &config.bounds_m, None)
    }

    /// Number of observations.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True without observations; a set that could be opened has some.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Task and key-frame of an observation.
    pub fn name(&self, i: usize) -> Option<String> {
        self.records.get(i).map(|record| format!("{} {}", record.task, record.kind))
    }

    /// Observations of scenes kept for validation.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }

    /// Up to `most` observations of the training scenes, evenly spread.
    pub fn some_training(&self, most: usize) -> Vec<usize> {
        let all: Vec<usize> = self.training.iter().flatten().copied().collect();
        all.iter().copied().step_by(all.len().div_ceil(most.max(1)).max(1)).collect()
    }

    /// The observation before this one in its episode.
    pub fn previous(&self, i: usize) -> Option<usize> {
        previous(&self.records, i)
    }

    /// Chooses random observations, evenly by task and key-frame, and how each is augmented.
    pub fn draw(&self, config: &GazeTraining, rng: &mut Pcg64) -> Vec<Pick> {
        let mut pick = || {
            let kind = &self.training[rng.random_range(0..self.training.len())];
            let index = kind[rng.random_range(0..kind.len())];
            let yaw = rng.random_range(-1.0..1.0) * config.augment_yaw_deg.to_radians();
            let mut shift = || rng.random_range(-1.0..1.0) * config.augment_shift_m;
            let shift = Vector3::new(shift(), shift(), 0.0);
            let previous = self.previous(index).filter(|_| !rng.random_bool(config.still));
            Pick { index, previous, frame: CubeFrame::from_bounds(&config.gaze.bounds_m).moved(yaw, shift) }
        };
        (0..config.batch).map(|_| pick()).collect()
    }

    /// Clips of what was drawn.
    pub fn batch(&self, config: &GazeConfig, picks: &[Pick]) -> Result<ClipBatch> {
        let mut rows = Rows::new(config)?;
        for pick in picks {
            rows.push(self, pick.index, pick.previous, &pick.frame)?;
        }
        rows.finish()
    }

    /// Clips of given observations as they are.
    pub fn plain_batch(&self, config: &GazeConfig, indices: &[usize]) -> Result<ClipBatch> {
        let mut rows = Rows::new(config)?;
        let frame = CubeFrame::from_bounds(&config.bounds_m);
        for &index in indices {
            rows.push(self, index, self.previous(index), &frame)?;
        }
        rows.finish()
    }
}

/// Collects clips into the tensors of a batch.
struct Rows {
    config: GazeConfig,
    renderer: ClipRenderer,
    before: Cloud,
    now: Cloud,
    clip: Vec<f32>,
    target: Vec<f32>,
    label: Vec<Option<[f64; 2]>>,
    tool: Vec<Option<[f64; 2]>>,
}

impl Rows {
    fn new(config: &GazeConfig) -> Result<Self> {
        if config.frames != FRAMES {
            let (value, allowed) = (config.frames.to_string(), "2 in clips of a data set");
            return Err(Error::Config { key: "frames", value, allowed });
        }
        Ok(Self {
            config: config.clone(),
            renderer: ClipRenderer::new()?,
            before: Cloud::default(),
            now: Cloud::default(),
            clip: Vec::new(),
            target: Vec::new(),
            label: Vec::new(),
            tool: Vec::new(),
        })
    }

    fn push(&mut self, samples: &ClipSamples, index: usize, previous: Option<usize>, frame: &CubeFrame) -> Result<()> {
        let read = |i: usize, cloud: &mut Cloud| samples.dataset.cloud_into(i, &mut cloud.xyz_in_world, &mut cloud.rgb);
        read(index, &mut self.now)?;
        if let Some(previous) = previous {
            read(previous, &mut self.before)?;
        }
        let record = &samples.records[index];
        let GazeConfig { bounds_m, camera, image_px, .. } = &self.config;
        let view = camera.view(bounds_m, frame, &record.world_from_tool, *image_px as usize)?;
        let before = if previous.is_some() { &self.before } else { &self.now };
        self.renderer.append(&mut self.clip, &[before, &self.now], &view);
        // Each frame with the label of its own moment, in the pixels of the one camera.
        let map: PerspectiveView = view.with_side(self.config.map_px() as usize)?;
        for record in [previous.map_or(record, |i| &samples.records[i]), record] {
            append_map(&mut self.target, &map, &point(self.config.label, record), self.config.kernel_px);
        }
        self.label.push(view.pixel_in_image(&point(self.config.label, record)));
        self.tool.push(view.pixel_in_image(&record.world_from_tool.position()));
        Ok(())
    }

    fn finish(self) -> Result<ClipBatch> {
        let (b, s, g) = (self.label.len() as i64, self.config.image_px, self.config.map_px());
        Ok(ClipBatch {
            clip: Tensor::f_from_slice(&self.clip)?.f_view([b, FRAMES, 3, s, s])?,
            target: Tensor::f_from_slice(&self.target)?.f_view([b, FRAMES, g, g])?,
            label: self.label,
            tool: self.tool,
        })
    }
}

/// What the gaze should rest on, in the world. The network reads no words: of several goals the executed one counts.
fn point(label: Label, record: &Record) -> Vector3<f64> {
    match label {
        Label::Current => record.world_from_tool.position(),
        Label::NextKeyframe => record.goals[0].keyframe.world_from_tool.position(),
    }
}
