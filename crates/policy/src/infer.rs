//! The trained policy as a [`Policy`]: one observation in, the key-frame to approach out.

mod answer;
mod load;

use std::time::Instant;

use nalgebra::Vector3;
use neuraxis_core::{Gripper, Instruction, KeyFrame, Observation, Policy, PolicyError, Pose, Prediction, StageTimes};
use neuraxis_vision::{FrozenWatch, MaskedCamera};
use tch::{Device, Kind, Tensor, nn};

pub(crate) use self::answer::{colours, orientation, values};
use self::answer::{finite, inside, probabilities, words};
use crate::{
    Error, PolicyConfig, Result, StaticStream, Unusable,
    checkpoint::About,
    confidence,
    feed::Moment,
    gaze::GazeStream,
    look::DynamicLook,
    network::{DynamicInput, StageInput},
    sample::{Body, Rows},
    views,
};

/// What the policy looked at and where it saw its answer, for people.
#[derive(Clone, Debug, Default)]
pub struct PredictionViews {
    /// Side of each view [px].
    pub side: usize,
    /// Of a prediction coarse top, front, right, then fine top, front, right: (side, side, 3) colours.
    pub rgb: Vec<Vec<u8>>,
    /// For each of them the heatmap as probabilities, (side, side).
    pub heat: Vec<Vec<f32>>,
    /// Cameras that were left out of this prediction, and why; of a refused observation those that cannot be used.
    pub masked: Vec<MaskedCamera>,
    /// The dynamic stream's view, if there is one.
    pub dynamic: Option<DynamicLook>,
}

/// Weights on a device, ready to predict.
pub struct CorticalPolicy {
    about: About,
    hash: u64,
    /// Width of the blobs that it was trained on [px].
    sigma_px: f32,
    net: StaticStream,
    gaze: Option<GazeStream>,
    epoch: Option<u32>,
    device: Device,
    watch: FrozenWatch,
    cloud: neuraxis_vision::Cloud,
    views: PredictionViews,
    seq: u64,
    store: nn::VarStore,
}

// SAFETY: tensors are reference-counted by atomics in LibTorch and this type is used from one thread at a time.
unsafe impl Send for CorticalPolicy {}

impl CorticalPolicy {
    /// What the weights are.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Hash of the file of weights.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many numbers were learned, those of its gaze network aside.
    pub fn parameter_count(&self) -> usize {
        self.store.variables().values().map(Tensor::numel).sum()
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Views and heatmaps of the last prediction.
    pub fn views(&self) -> &PredictionViews {
        &self.views
    }

    /// The fused cloud of the last prediction.
    pub fn cloud(&self) -> &neuraxis_vision::Cloud {
        &self.cloud
    }

    /// As it was when it was loaded.
    pub(crate) fn forget(&mut self) {
        self.gaze.iter_mut().for_each(GazeStream::reset);
        (self.epoch, self.seq) = (None, 0);
        (self.watch, self.cloud, self.views) = Default::default();
    }

    pub(crate) fn infer(
        &mut self,
        observation: &Observation,
        instruction: &Instruction,
    ) -> Result<(KeyFrame, f32, StageTimes)> {
        let _guard = tch::no_grad_guard();
        let config = self.about.config.clone();
        self.views = PredictionViews::default();
        let started = Instant::now();
        let mut times = StageTimes::default();
        let features = words(instruction)?;
        let progress = &observation.progress;
        let poses = [&observation.world_from_tool, &progress.reached_world_from_tool];
        if !(poses.iter().all(|pose| pose.is_valid()) && observation.gripper_width_m.is_finite()) {
            return Err(Error::Input("the robot's own pose or gripper width is not finite".into()));
        }
        let body = Body::new(
            observation.world_from_tool,
            progress.reached_world_from_tool,
            progress.gripper,
            observation.gripper_width_m,
        );
        let (watch, cloud, masked) = (&mut self.watch, &mut self.cloud, &mut self.views.masked);
        views::fuse_usable(observation, &self.about.cameras, &config, watch, cloud, masked)?;
        let coarse_frame = views::cube(&config);
        let mut rows = Rows::new(&config, None)?;
        let moment = Moment { cloud: &self.cloud, before: None, body: &body };
        rows.stage(0, &moment, &coarse_frame, features)?;
        let mut coarse_input = rows.input(0)?;
        times.render_secs = started.elapsed().as_secs_f32();

        // Another instruction begins another episode: what was seen before it is not the frame before.
        let looked = match &mut self.gaze {
            Some(gaze) => {
                if self.epoch.replace(instruction.epoch) != Some(instruction.epoch) {
                    gaze.reset();
                }
                Some(gaze.look(&self.cloud, &body.world_from_tool, observation.stamp)?)
            }
            None => None,
        };
        let answer = match &looked {
            Some(gaze) => {
                let (features, heat) = (gaze.output.features.shallow_clone(), gaze.output.saliency(config.image_px)?);
                times.render_secs += gaze.render_secs;
                times.coarse_secs += gaze.network_secs;
                Some(DynamicInput::Gaze { features, heat })
            }
            None => None,
        };
        coarse_input.dynamic = coarse_input.dynamic.or_else(|| answer.as_ref().map(DynamicInput::shallow_clone));

        let (coarse, moved) = self.timed(&coarse_input, |net, input| net.coarse.forward(input, Kind::Float))?;
        times.host_to_device_secs += moved.0;
        times.coarse_secs += moved.1;
        let clock = Instant::now();
        let coarse_heat = finite(values(&coarse.heat)?, "the coarse heatmap")?;
        let centre = views::arg_max(&coarse_heat, config.image_px)?;
        times.device_to_host_secs += clock.elapsed().as_secs_f32();

        let clock = Instant::now();
        let fine_frame = views::fine(&coarse_frame, &centre, &config);
        rows.stage(1, &Moment { cloud: &self.cloud, before: None, body: &body }, &fine_frame, features)?;
        let mut fine_input = rows.input(1)?;
        fine_input.dynamic = fine_input.dynamic.or(answer);
        times.render_secs += clock.elapsed().as_secs_f32();
        let (fine, moved) = self.timed(&fine_input, |net, input| net.fine.forward(input, Kind::Float))?;
        times.host_to_device_secs += moved.0;
        times.fine_secs = moved.1;

        let clock = Instant::now();
        let fine_heat = finite(values(&fine.heat)?, "the fine heatmap")?;
        let point = views::arg_max(&fine_heat, config.image_px)?;
        times.device_to_host_secs += clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let point_f32: Vec<f32> = point.iter().map(|&x| x as f32).collect();
        let point_tensor = Tensor::f_from_slice(&point_f32)?.f_view([1, 3])?.f_to_device(self.device)?;
        let proprio = fine_input.proprio.f_to_device(self.device)?;
        let heads = self.net.heads.forward(&fine, &proprio, &point_tensor, None)?;
        self.wait();
        times.fine_secs += clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let rotation = orientation(&heads.rotation, config.rotation_bins)?;
        let switch = |logits: &Tensor, name| -> Result<bool> {
            let scores = finite(values(logits)?, name)?;
            Ok(matches!(scores[..], [no, yes] if yes > no))
        };
        let keyframe = KeyFrame {
            world_from_tool: Pose::from_parts(inside(fine_frame.world_from_cube(&point), &config)?, rotation),
            gripper: if switch(&heads.gripper, "the gripper's state")? { Gripper::Open } else { Gripper::Closed },
            ignore_collisions: switch(&heads.collision, "the collision flag")?,
        };
        times.device_to_host_secs += clock.elapsed().as_secs_f32();

        let coarse_p = probabilities(&coarse.heat)?;
        let fine_p = probabilities(&fine.heat)?;
        let side = config.image_px;
        let sure = |p: &[f32], point: &Vector3<f64>| confidence::of_stage(p, point, side, self.sigma_px);
        let confidence = sure(&coarse_p, &centre).min(sure(&fine_p, &point));
        self.keep_views(&config, &coarse_input, &fine_input, coarse_p, fine_p)?;
        self.views.dynamic = match (looked, rows.feed().cameras().first(), &fine.dynamic) {
            (Some(gaze), ..) => Some(DynamicLook::of_gaze(gaze)?),
            (None, Some(camera), Some(seen)) => {
                let view = fine_input.dynamic.as_ref().and_then(DynamicInput::view);
                view.map(|view| DynamicLook::of_view(camera, view, &seen.heat)).transpose()?
            }
            _ => None,
        };
        times.total_secs = started.elapsed().as_secs_f32();
        if !keyframe.world_from_tool.is_valid() || !confidence.is_finite() {
            return Err(Unusable::NotFinite("the key-frame").into());
        }
        Ok((keyframe, confidence, times))
    }

    /// Runs a stage on the device; returns its output and the seconds of (copy, compute).
    fn timed<T>(
        &self,
        input: &StageInput,
        run: impl FnOnce(&StaticStream, &StageInput) -> Result<T>,
    ) -> Result<(T, (f32, f32))> {
        let clock = Instant::now();
        let input = input.to_device(self.device)?;
        let copied = clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let output = run(&self.net, &input)?;
        self.wait();
        Ok((output, (copied, clock.elapsed().as_secs_f32())))
    }

    /// Until the device has computed what it was given.
    fn wait(&self) {
        if let Device::Cuda(index) = self.device {
            tch::Cuda::synchronize(index as i64);
        }
    }

    fn keep_views(
        &mut self,
        config: &PolicyConfig,
        coarse: &StageInput,
        fine: &StageInput,
        coarse_p: Vec<f32>,
        fine_p: Vec<f32>,
    ) -> Result<()> {
        let side = config.image_px as usize;
        self.views.side = side;
        for (input, heat) in [(coarse, coarse_p), (fine, fine_p)] {
            let all = Vec::<f32>::try_from(&input.views.f_view([-1])?)?;
            for (view, heat) in all.chunks(config.view_channels() as usize * side * side).zip(heat.chunks(side * side))
            {
                self.views.rgb.push(colours(view, side));
                self.views.heat.push(heat.to_vec());
            }
        }
        Ok(())
    }
}

impl Policy for CorticalPolicy {
    fn predict(
        &mut self,
        observation: &Observation,
        instruction: &Instruction,
    ) -> std::result::Result<Prediction, PolicyError> {
        let (keyframe, confidence, times) = self.infer(observation, instruction).map_err(|error| match error {
            Error::Vision(e) => PolicyError::Observation { seq: observation.seq, reason: e.to_string() },
            Error::Input(reason) => PolicyError::Observation { seq: observation.seq, reason },
            Error::Instruction(reason) | Error::Data(reason) => {
                PolicyError::Instruction { text: instruction.text.to_string(), reason }
            }
            Error::Answer(reason) => PolicyError::Answer(reason.to_string()),
            other => PolicyError::Internal(other.to_string()),
        })?;
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: instruction.epoch,
            observed_at: observation.stamp,
            keyframe,
            confidence,
            times,
            path: None,
        })
    }
}
