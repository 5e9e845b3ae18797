//! The first predictions, before anybody acts on one: LibTorch plans its memory and picks its kernels in them, which takes
//! several times as long as a tick, and networks that answer no numbers are found here.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    CameraView, Gripper, Instruction, Intrinsics, Joints, Nanos, Observation, Pose, Progress, TextFeatures,
};

use crate::{CorticalPolicy, Error, PolicyConfig, Result, Unusable};

/// A moment apart: the gaze stream compares each look with the one before.
const PERIOD: Nanos = Nanos::from_millis(100);
/// The made-up pictures' side [px], and how far they look down from [m].
const SIDE: u32 = 48;
const ABOVE_M: f64 = 0.8;

impl CorticalPolicy {
    /// Looks `times` times at a made-up ground in the middle of its bounds, with cameras of the names that it was trained
    /// with, and forgets it. Call it where it will infer, before its answers count. Where the answer points does not matter;
    /// an answer that is not finite, and whatever else will always fail, is the error.
    pub fn warm_up(&mut self, times: u32) -> Result<()> {
        let config = self.about().config.clone();
        let instruction = sentence(&config);
        let mut outcome = Ok(());
        for look in 0..times {
            let seen = ground(&config, &self.about().cameras, Nanos(PERIOD.0 * u64::from(look)));
            outcome = match self.infer(&seen, &instruction) {
                Ok(_) | Err(Error::Answer(Unusable::OutOfBounds { .. })) => Ok(()),
                Err(error) => Err(error),
            };
        }
        self.forget();
        outcome
    }
}

/// The cameras side by side above the middle of the bounds, straight down on a floor; the hand between.
fn ground(config: &PolicyConfig, cameras: &[String], stamp: Nanos) -> Observation {
    let [low, high] = [&config.bounds_m[..3], &config.bounds_m[3..]].map(Vector3::from_column_slice);
    let middle = (low + high) / 2.0;
    let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    let (focal, centre, pixels) = (f64::from(SIDE), f64::from(SIDE - 1) / 2.0, (SIDE * SIDE) as usize);
    let view = |name: &String| CameraView {
        name: name.as_str().into(),
        intrinsics: Intrinsics { width: SIDE, height: SIDE, fx: focal, fy: focal, cx: centre, cy: centre },
        world_from_camera: Pose::from_parts(middle + Vector3::z() * ABOVE_M, down),
        rgb: (0..3 * pixels).map(|i| (i % 251) as u8).collect(),
        depth_m: vec![ABOVE_M as f32; pixels],
    };
    let tool = Pose::from_parts(middle, down);
    Observation {
        seq: 0,
        stamp,
        cameras: cameras.iter().map(view).collect(),
        q: Joints::zeros(0),
        world_from_tool: tool,
        gripper_width_m: 0.0,
        progress: Progress { reached_world_from_tool: tool, gripper: Gripper::Open, reached_count: 0 },
    }
}

/// As long a sentence as the network reads, of no meaning.
fn sentence(config: &PolicyConfig) -> Instruction {
    let (tokens, width) = (config.text_len as usize, config.text_dim as usize);
    let values = (0..tokens * width).map(|i| (i as f32).sin()).collect();
    Instruction { text: "warm up".into(), epoch: 0, features: Some(TextFeatures { tokens, width, values }) }
}
