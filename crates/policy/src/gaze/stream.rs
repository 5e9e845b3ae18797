//! The frozen gaze at run time: observations in, features and saliency out, and what people want to see of it.

use std::{collections::VecDeque, path::Path, time::Instant};

use nalgebra::Vector3;
use neuraxis_core::{Camera, Nanos, Pose, Tool, World};
use neuraxis_vision::{Cloud, CubeFrame, VisionError};
use tch::{Device, Kind, Tensor};

use crate::{
    DeviceChoice, Result, Unusable,
    dynamic::{ClipRenderer, OLDEST_SECS},
    gaze::{FrozenGaze, GazeConfig, GazeNet, GazeOutput, Mode, checkpoint::About, evaluate::greatest},
};

/// Fewer points than this are not a scene.
const LEAST_POINTS: usize = 100;
/// The older frame of a clip is at least so old, once there is one: as in training, whose samples of an episode are half a
/// second apart in the mean where the scene stands still. What moves hardly differs between two ticks of a policy [s].
const CLIP_SECS: f64 = 0.5;

/// Where the dynamic stream looked, and at what.
#[derive(Debug)]
pub struct Gaze {
    /// Features and saliency of the clip (b = 1) on the stream's device, without gradient.
    pub output: GazeOutput,
    /// Saliency of the current frame, rows first, as the network gives it: probabilities.
    pub map: Vec<f32>,
    /// Side of the map [px].
    pub map_side: usize,
    /// Both frames of the clip, older first: (side, side, 3) colours.
    pub frames: [Vec<u8>; 2],
    /// Side of the frames [px].
    pub frame_side: usize,
    /// The saliency's peak, in pixels of a frame.
    pub peak: [f64; 2],
    /// Probability of the peak's pixel.
    pub peak_probability: f32,
    /// `X_WC` of the virtual camera: where the ray starts.
    pub world_from_camera: Pose<World, Camera>,
    /// Its horizontal field of view [rad].
    pub hfov_rad: f64,
    /// Direction of the ray through the peak, in the world, of length one.
    pub ray_in_world: Vector3<f64>,
    /// The point of the cloud seen at the peak, or closest to it in the image; `None` if the image is empty.
    pub point_in_world: Option<Vector3<f64>>,
    /// Capture stamp of the current frame.
    pub observed_at: Nanos,
    /// Age of the older frame at that time [s]; `None`: there was none, the current one is shown twice.
    pub previous_age_secs: Option<f64>,
    /// Time spent drawing [s].
    pub render_secs: f32,
    /// Time spent in the network, copies included [s].
    pub network_secs: f32,
}

struct Before {
    cloud: Cloud,
    stamp: Nanos,
}

impl Before {
    fn age_secs(&self, stamp: Nanos) -> f64 {
        stamp.secs_since(self.stamp)
    }
}

/// Frozen weights and the observations of the last half second, oldest first.
pub struct GazeStream {
    gaze: FrozenGaze,
    renderer: ClipRenderer,
    before: VecDeque<Before>,
    clip: Vec<f32>,
}

// SAFETY: tensors are reference-counted by atomics in LibTorch and this type is used from one thread at a time.
unsafe impl Send for GazeStream {}

impl GazeStream {
    /// Loads a checkpoint of `neuraxis train gaze`.
    pub fn load(path: &Path, device: DeviceChoice) -> Result<Self> {
        Self::new(FrozenGaze::load(path, device.resolve()?)?)
    }

    /// A stream that has seen nothing yet.
    pub fn new(gaze: FrozenGaze) -> Result<Self> {
        Ok(Self { gaze, renderer: ClipRenderer::new()?, before: VecDeque::new(), clip: Vec::new() })
    }

    /// What the weights are.
    pub fn about(&self) -> &About {
        self.gaze.about()
    }

    /// Shape of the network, its camera and its label.
    pub fn config(&self) -> &GazeConfig {
        self.gaze.config()
    }

    /// The network, for batches of clips; its weights take no gradient.
    pub fn net(&self) -> &GazeNet {
        self.gaze.net()
    }

    /// The weights.
    pub fn frozen(&self) -> &FrozenGaze {
        &self.gaze
    }

    /// Forgets the observations before: at the start of an episode.
    pub fn reset(&mut self) {
        self.before.clear();
    }

    /// Looks at the scene as it is now. An observation that is refused leaves the stream as it was.
    pub fn look(&mut self, cloud: &Cloud, world_from_tool: &Pose<World, Tool>, stamp: Nanos) -> Result<Gaze> {
        let _guard = tch::no_grad_guard();
        let started = Instant::now();
        if cloud.len() < LEAST_POINTS {
            return Err(VisionError::EmptyCloud { points: cloud.len(), least: LEAST_POINTS }.into());
        }
        let (side, map_side) = (self.config().image_px as usize, self.config().map_px() as usize);
        let frame = CubeFrame::from_bounds(&self.config().bounds_m);
        let view = self.config().camera.view(&self.config().bounds_m, &frame, world_from_tool, side)?;

        // Both frames with the camera of now; one that is too old, or of a later time, is none.
        let recent = || self.before.iter().filter(|before| (0.0..=OLDEST_SECS).contains(&before.age_secs(stamp)));
        let before = recent().rev().find(|before| before.age_secs(stamp) >= CLIP_SECS).or_else(|| recent().next());
        let previous_age_secs = before.map(|before| before.age_secs(stamp));
        self.clip.clear();
        self.renderer.append(&mut self.clip, &[before.map_or(cloud, |before| &before.cloud), cloud], &view);
        let render_secs = started.elapsed().as_secs_f32();

        let clock = Instant::now();
        let clip = Tensor::f_from_slice(&self.clip)?.f_view([1, 2, 3, side as i64, side as i64])?;
        let output = self.net().forward(&clip.f_to_device(self.gaze.device())?, Mode::Use)?;
        let saliency = output.saliency(map_side as i64)?;
        let map = Vec::<f32>::try_from(&saliency.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_view([-1])?)?;
        if !map.iter().all(|x| x.is_finite()) {
            return Err(Unusable::NotFinite("the gaze's saliency").into());
        }
        let network_secs = clock.elapsed().as_secs_f32();

        let best = greatest(&map);
        let scale = side as f64 / map_side as f64;
        let peak = [best % map_side, best / map_side].map(|x| (x as f64 + 0.5) * scale);
        let seen = self.renderer.point_near(peak[0] as usize, peak[1] as usize);
        let gaze = Gaze {
            output,
            peak_probability: map[best],
            map,
            map_side,
            frames: [self.colours(0, side), self.colours(1, side)],
            frame_side: side,
            peak,
            world_from_camera: view.world_from_camera(),
            hfov_rad: view.hfov_rad(),
            ray_in_world: view.ray_in_world(peak),
            point_in_world: seen.map(|i| Vector3::from(cloud.xyz_in_world[i]).cast()),
            observed_at: stamp,
            previous_age_secs,
            render_secs,
            network_secs,
        };
        self.keep(cloud, stamp);
        Ok(gaze)
    }

    /// (side, side, 3) colours of a frame of the clip.
    fn colours(&self, frame: usize, side: usize) -> Vec<u8> {
        let area = side * side;
        let planes = &self.clip[frame * 3 * area..(frame + 1) * 3 * area];
        (0..area).flat_map(|i| [0, 1, 2].map(|c| (planes[c * area + i] * 255.0).round() as u8)).collect()
    }

    /// Keeps this observation, and of those before it what a clip may still show.
    fn keep(&mut self, cloud: &Cloud, stamp: Nanos) {
        self.before.retain(|before| before.age_secs(stamp) > 0.0);
        let mut spare = Cloud::default();
        while self.before.get(1).is_some_and(|next| next.age_secs(stamp) >= CLIP_SECS) {
            spare = self.before.pop_front().map(|before| before.cloud).unwrap_or_default();
        }
        spare.xyz_in_world.clone_from(&cloud.xyz_in_world);
        spare.rgb.clone_from(&cloud.rgb);
        self.before.push_back(Before { cloud: spare, stamp });
    }
}
