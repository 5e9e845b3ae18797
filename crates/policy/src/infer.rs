//! The trained policy as a [`Policy`]: one observation in, the key-frame to approach out.

use std::{path::Path, time::Instant};

use neuraxis_core::{Gripper, Instruction, KeyFrame, Observation, Policy, PolicyError, Pose, Prediction, StageTimes};
use tch::{Device, Kind, Tensor, nn};

use crate::{
    DeviceChoice, Error, PolicyConfig, Result, StaticStream,
    checkpoint::{About, Checkpoint},
    network::{StageInput, VIEW_CHANNELS},
    rotation::{angle_of_bin, refined_bin, rotation_from_angles},
    sample::{Body, Rows, to_device},
    train::parameters,
    views,
};

/// What the policy looked at and where it saw its answer, for people.
#[derive(Clone, Debug, Default)]
pub struct PredictionViews {
    /// Side of each view [px].
    pub side: usize,
    /// Coarse top, front, right, then fine top, front, right: (side, side, 3) colours.
    pub rgb: Vec<Vec<u8>>,
    /// For each of them the heatmap as probabilities, (side, side).
    pub heat: Vec<Vec<f32>>,
}

/// Weights on a device, ready to predict.
pub struct CorticalPolicy {
    about: About,
    hash: u64,
    net: StaticStream,
    device: Device,
    cloud: neuraxis_vision::Cloud,
    views: PredictionViews,
    seq: u64,
    _store: nn::VarStore,
}

// SAFETY: tensors are reference-counted by atomics in LibTorch and this type is used from one thread at a time.
unsafe impl Send for CorticalPolicy {}

impl CorticalPolicy {
    /// Loads weights; `text_encoder` must be the one they were trained with.
    pub fn load(path: &Path, device: DeviceChoice, text_encoder: &str) -> Result<Self> {
        let device = device.resolve()?;
        let checkpoint = Checkpoint::read(path)?;
        if checkpoint.about.text_encoder != text_encoder {
            return Err(Error::Checkpoint {
                path: path.into(),
                reason: format!(
                    "was trained with text encoder {:?}, this run uses {text_encoder:?}",
                    checkpoint.about.text_encoder
                ),
            });
        }
        let mut store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &checkpoint.about.config)?;
        checkpoint.load_into(path, &parameters(&store))?;
        if device != Device::Cpu {
            store.set_device(device);
        }
        Ok(Self {
            about: checkpoint.about,
            hash: checkpoint.hash,
            net,
            device,
            cloud: neuraxis_vision::Cloud::default(),
            views: PredictionViews::default(),
            seq: 0,
            _store: store,
        })
    }

    /// What the weights are.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Hash of the file of weights.
    pub fn hash(&self) -> u64 {
        self.hash
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

    fn infer(&mut self, observation: &Observation, instruction: &Instruction) -> Result<(KeyFrame, f32, StageTimes)> {
        let _guard = tch::no_grad_guard();
        let config = self.about.config.clone();
        let started = Instant::now();
        let mut times = StageTimes::default();
        let features =
            instruction.features.as_ref().ok_or_else(|| Error::Data("the instruction has no text features".into()))?;
        let progress = &observation.progress;
        let body = Body::new(
            observation.world_from_tool,
            progress.reached_world_from_tool,
            progress.gripper,
            observation.gripper_width_m,
        );
        views::fuse(observation, &config, &mut self.cloud)?;
        let coarse_frame = views::cube(&config);
        let mut rows = Rows::new(&config);
        rows.stage(0, &self.cloud, &coarse_frame, &body, features)?;
        let coarse_input = rows.input(0)?;
        times.render_secs = started.elapsed().as_secs_f32();

        let (coarse, moved) = self.timed(&coarse_input, |net, input| net.coarse.forward(input, Kind::Float))?;
        times.host_to_device_secs += moved.0;
        times.coarse_secs = moved.1;
        let clock = Instant::now();
        let coarse_heat = heat_values(&coarse.heat)?;
        let centre = views::arg_max(&coarse_heat, config.image_px)?;
        times.device_to_host_secs += clock.elapsed().as_secs_f32();

        let clock = Instant::now();
        let fine_frame = coarse_frame.zoomed(&centre, config.zoom);
        rows.stage(1, &self.cloud, &fine_frame, &body, features)?;
        let fine_input = rows.input(1)?;
        times.render_secs += clock.elapsed().as_secs_f32();
        let (fine, moved) = self.timed(&fine_input, |net, input| net.fine.forward(input, Kind::Float))?;
        times.host_to_device_secs += moved.0;
        times.fine_secs = moved.1;

        let clock = Instant::now();
        let fine_heat = heat_values(&fine.heat)?;
        let point = views::arg_max(&fine_heat, config.image_px)?;
        times.device_to_host_secs += clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let point_f32: Vec<f32> = point.iter().map(|&x| x as f32).collect();
        let point_tensor = Tensor::f_from_slice(&point_f32)?.f_view([1, 3])?.f_to_device(self.device)?;
        let proprio = fine_input.proprio.f_to_device(self.device)?;
        let heads = self.net.heads.forward(&fine, &proprio, &point_tensor, None)?;
        times.fine_secs += clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let mut angles = [0.0; 3];
        for (angle, logits) in angles.iter_mut().zip(&heads.angles) {
            let scores = Vec::<f32>::try_from(&logits.f_to_device(Device::Cpu)?.f_view([-1])?)?;
            *angle = angle_of_bin(refined_bin(&scores), config.rotation_bins);
        }
        let class = |t: &Tensor| -> Result<bool> { Ok(i64::try_from(t.f_argmax(1, false)?.f_view([])?)? == 1) };
        let keyframe = KeyFrame {
            world_from_tool: Pose::from_parts(fine_frame.world_from_cube(&point), rotation_from_angles(angles)),
            gripper: if class(&heads.gripper)? { Gripper::Open } else { Gripper::Closed },
            ignore_collisions: class(&heads.collision)?,
        };
        times.device_to_host_secs += clock.elapsed().as_secs_f32();

        let coarse_p = probabilities(&coarse.heat)?;
        let fine_p = probabilities(&fine.heat)?;
        let confidence =
            views::mass_at(&coarse_p, &centre, config.image_px).min(views::mass_at(&fine_p, &point, config.image_px));
        self.keep_views(&config, &coarse_input, &fine_input, coarse_p, fine_p)?;
        times.total_secs = started.elapsed().as_secs_f32();
        if !keyframe.world_from_tool.is_valid() {
            return Err(Error::Data("the networks gave a non-finite pose".into()));
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
        let input = to_device(input, self.device)?;
        let copied = clock.elapsed().as_secs_f32();
        let clock = Instant::now();
        let output = run(&self.net, &input)?;
        if let Device::Cuda(index) = self.device {
            tch::Cuda::synchronize(index as i64);
        }
        Ok((output, (copied, clock.elapsed().as_secs_f32())))
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
        self.views.rgb.clear();
        self.views.heat.clear();
        for (input, heat) in [(coarse, coarse_p), (fine, fine_p)] {
            let all = Vec::<f32>::try_from(&input.views.f_view([-1])?)?;
            for (view, heat) in all.chunks(VIEW_CHANNELS as usize * side * side).zip(heat.chunks(side * side)) {
                let plane = |c: usize, i: usize| (view[(3 + c) * side * side + i] * 255.0).clamp(0.0, 255.0) as u8;
                self.views.rgb.push((0..side * side).flat_map(|i| [plane(0, i), plane(1, i), plane(2, i)]).collect());
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
            Error::Data(reason) => PolicyError::Instruction { text: instruction.text.to_string(), reason },
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

/// (1, v, s, s) logits -> host values.
fn heat_values(heat: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::<f32>::try_from(&heat.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)?)
}

/// (1, v, s, s) logits -> host probabilities, each view summing to one.
fn probabilities(heat: &Tensor) -> Result<Vec<f32>> {
    let (_, v, h, w) = heat.size4()?;
    heat_values(&heat.f_view([v, h * w])?.f_softmax(1, Kind::Float)?)
}
