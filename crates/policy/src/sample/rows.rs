//! Samples collected into the tensors of a batch.

use nalgebra::UnitQuaternion;
use neuraxis_core::{Gripper, KeyFrame, TextFeatures};
use neuraxis_vision::{CubeFrame, Keypoints, Renderer};
use tch::Tensor;

use super::Batch;
use crate::{
    Error, PolicyConfig, Result, TrainConfig,
    consistency::KeypointBatch,
    feed::{Feed, Moment},
    gaze::GazeConfig,
    loss::Targets,
    network::{PROPRIO, StageInput, VIEWS},
    rotation::{angles_from_rotation, bin_of_angle, row_major},
    views,
};

/// Collects samples into the tensors of a batch.
pub struct Rows {
    config: PolicyConfig,
    pub(super) renderer: Renderer,
    feed: Feed,
    pub(super) keypoints: [Vec<Keypoints>; 2],
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
    told_bins: Vec<i64>,
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
            told_bins: Vec::new(),
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
            let used = text.tokens;
            if used > len {
                return Err(Error::Instruction(format!(
                    "it has {used} tokens, this policy reads {len} (policy.text_len)"
                )));
            }
            self.longest = self.longest.max(used);
            self.text.extend_from_slice(&text.values[..used * dim]);
            self.text.resize(self.text.len() + (len - used) * dim, 0.0);
            self.text_keep.extend((0..len).map(|i| i < used));
        }
        Ok(())
    }

    /// Adds the maps of where the script ends, zero if that is not known.
    pub(super) fn outlook(&mut self, coarse: &CubeFrame, end: Option<[f64; 3]>) {
        let side = self.config.finest_side();
        match end {
            // An augmentation may move it out of the cube: then the views that it falls out of learn nothing of it.
            Some(end) => drop(views::append_target(&mut self.outlook, &coarse.cube_from_world(&end.into()), side, 1.0)),
            None => self.outlook.resize(self.outlook.len() + (VIEWS * side * side) as usize, 0.0),
        }
    }

    /// Adds the labels of both stages: `rotation` is the key-frame's in the coarse frame; its bins are told `off` by so much.
    pub(super) fn target(
        &mut self,
        coarse: &CubeFrame,
        fine: &CubeFrame,
        keyframe: &KeyFrame,
        rotation: &UnitQuaternion<f64>,
        off: [i64; 3],
        config: &TrainConfig,
    ) -> Result<()> {
        let world = keyframe.world_from_tool.position();
        for (stage, frame) in [coarse, fine].into_iter().enumerate() {
            let point = frame.cube_from_world(&world);
            if !views::append_target(&mut self.heat[stage], &point, self.config.image_px, config.target_sigma_px) {
                let stage = ["coarse", "fine"][stage];
                let reason = format!("the key-frame at {:.3?} m is outside the {stage} stage's cube", world.as_slice());
                return Err(Error::Data(reason));
            }
        }
        self.feed.target(&world, config.target_sigma_px);
        self.point.extend(fine.cube_from_world(&world).iter().map(|&x| x as f32));
        let bins = angles_from_rotation(rotation).map(|a| bin_of_angle(a, self.config.rotation_bins));
        self.bins.extend(bins);
        self.told_bins.extend(bins.iter().zip(off).map(|(bin, off)| (bin + off).rem_euclid(self.config.rotation_bins)));
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

    /// The batch.
    pub(super) fn finish(self) -> Result<Batch> {
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
            told_bins: Tensor::f_from_slice(&self.told_bins)?.f_view([b, 3])?,
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
