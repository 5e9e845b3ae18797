//! The tensors that a step of training works on.

use tch::{Device, Tensor};

use crate::{Result, consistency::KeypointBatch, gaze::FrozenGaze, loss::Targets, network::StageInput};

/// Tensors of one batch.
#[derive(Debug)]
pub struct Batch {
    /// Input of the coarse stage.
    pub coarse: StageInput,
    /// Input of the fine stage.
    pub fine: StageInput,
    /// (b, 3) true way-point in the fine stage's cube
    pub point_in_fine: Tensor,
    /// (b, 3) rotation bins as they are told to the next head: the labels, or near them
    pub told_bins: Tensor,
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
            told_bins: to(&self.told_bins)?,
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
