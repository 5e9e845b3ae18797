//! What a policy may see.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Camera, Gripper, Joints, Nanos, Pose, Tool, World};

/// Pinhole intrinsics in pixels; the centre of the top left pixel is (0, 0).
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intrinsics {
    /// Image width [px].
    pub width: u32,
    /// Image height [px].
    pub height: u32,
    /// Focal length along x [px].
    pub fx: f64,
    /// Focal length along y [px].
    pub fy: f64,
    /// Principal point, x [px].
    pub cx: f64,
    /// Principal point, y [px].
    pub cy: f64,
}

/// One RGB-D image with its calibration at the moment of capture.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraView {
    /// Name of the camera, e.g. `front`.
    pub name: Arc<str>,
    /// Pinhole model.
    pub intrinsics: Intrinsics,
    /// `X_WC`, optical convention (x right, y down, z forward).
    pub world_from_camera: Pose<World, Camera>,
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
    /// (height, width) distance along the optical axis [m]; 0 or non-finite: no reading.
    pub depth_m: Vec<f32>,
}

/// Where the execution of the task stands, as the cerebellum reports it: part of what a policy sees.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The key-frame reached last; the start pose before the first.
    pub reached_world_from_tool: Pose<World, Tool>,
    /// Gripper state commanded last.
    pub gripper: Gripper,
    /// Key-frames reached so far. For counting and logs; policies do not see it (time leak, ARP#6).
    pub reached_count: u32,
}

/// Everything a policy sees at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Counts the observations of this run.
    pub seq: u64,
    /// Capture stamp.
    pub stamp: Nanos,
    /// Images; all of the same stamp.
    pub cameras: Vec<CameraView>,
    /// Joint positions [rad].
    pub q: Joints,
    /// `X_WT` at capture, from forward kinematics.
    pub world_from_tool: Pose<World, Tool>,
    /// Distance between the finger pads [m].
    pub gripper_width_m: f64,
    /// Key-frame progress at capture.
    pub progress: Progress,
}
