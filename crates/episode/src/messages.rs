//! Core types to ROS 2 messages and back.

use nalgebra::Isometry3;
use neuraxis_core::{ArmState, CameraView, Intrinsics, Joints, Nanos};
use serde::{Deserialize, Serialize};

use crate::cdr::{CdrError, Decoder, Encoder};

/// What the arm was told, as far as `sensor_msgs/JointState` can say it (accelerations are in the tick records).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct CommandSample {
    /// When it was sent.
    pub stamp: Nanos,
    /// Joint positions [rad].
    pub q: Joints,
    /// Joint velocities [rad/s].
    pub qd: Joints,
    /// Distance between the finger pads [m].
    pub gripper_width_m: f64,
}

/// How depth images are stored.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthEncoding {
    /// 32FC1: metres, exactly as measured.
    #[default]
    Metres,
    /// 16UC1: whole millimetres, half the size before compression; up to 65.5 m, 0 for no reading.
    Millimetres,
}

/// One joint vector with the gripper spread evenly over its joints, as URDF viewers want it.
pub(crate) struct JointMessage<'a> {
    pub(crate) stamp: Nanos,
    pub(crate) joints: &'a [String],
    pub(crate) gripper_joints: &'a [String],
    pub(crate) position: &'a [f64],
    pub(crate) velocity: &'a [f64],
    pub(crate) effort: &'a [f64],
    pub(crate) gripper_width_m: f64,
    /// Written as the effort of the gripper's joints; NaN stands for a gripper that does not measure it.
    pub(crate) grip_force_n: Option<f64>,
}

pub(crate) fn encode_joints(buffer: Vec<u8>, message: &JointMessage<'_>) -> Vec<u8> {
    let fingers = message.gripper_joints.len();
    let mut out = Encoder::new(buffer);
    out.header(message.stamp, "");
    out.u32((message.joints.len() + fingers) as u32);
    for name in message.joints.iter().chain(message.gripper_joints) {
        out.string(name);
    }
    let padded = |out: &mut Encoder, values: &[f64], gripper: f64| {
        // An empty list is ROS's "not known".
        let count = if values.is_empty() { 0 } else { values.len() + fingers };
        out.u32(count as u32);
        values.iter().for_each(|value| out.f64(*value));
        (values.len()..count).for_each(|_| out.f64(gripper));
    };
    padded(&mut out, message.position, message.gripper_width_m / fingers as f64);
    padded(&mut out, message.velocity, 0.0);
    padded(&mut out, message.effort, message.grip_force_n.unwrap_or(f64::NAN));
    out.finish()
}

/// A decoded joint message: position, velocity, effort of the arm's joints and the gripper's width.
pub(crate) struct JointValues {
    position: Joints,
    velocity: Joints,
    effort: Joints,
    gripper_width_m: f64,
    grip_force_n: Option<f64>,
}

pub(crate) fn decode_joints(bytes: &[u8], joints: usize, gripper_joints: usize) -> Result<JointValues, CdrError> {
    let mut data = Decoder::new(bytes)?;
    data.header()?;
    let names = data.u32()? as usize;
    if names != joints + gripper_joints {
        return Err(data.error(format!("{names} joints, the recording's header names {}", joints + gripper_joints)));
    }
    for _ in 0..names {
        data.string()?;
    }
    let mut part = |may_be_empty: bool| -> Result<(Joints, f64), CdrError> {
        let values = data.f64s()?;
        if values.is_empty() && may_be_empty {
            return Ok((Joints::zeros(0), 0.0));
        }
        if values.len() != names {
            return Err(data.error(format!("{} values for {names} joints", values.len())));
        }
        let (arm, gripper) = values.split_at(joints);
        let arm = Joints::from_slice(arm).ok_or_else(|| data.error(format!("{joints} joints are too many")))?;
        Ok((arm, gripper.iter().sum()))
    };
    let (position, gripper_width_m) = part(false)?;
    let (velocity, _) = part(false)?;
    let (effort, grip_force_sum_n) = part(true)?;
    let grip_force_n = Some(grip_force_sum_n / gripper_joints as f64).filter(|force_n| force_n.is_finite());
    Ok(JointValues { position, velocity, effort, gripper_width_m, grip_force_n })
}

impl JointValues {
    pub(crate) fn into_state(self, stamp: Nanos) -> ArmState {
        ArmState {
            stamp,
            q: self.position,
            qd: self.velocity,
            tau_nm: self.effort,
            gripper_width_m: self.gripper_width_m,
            grip_force_n: self.grip_force_n,
        }
    }

    pub(crate) fn into_command(self, stamp: Nanos) -> CommandSample {
        CommandSample { stamp, q: self.position, qd: self.velocity, gripper_width_m: self.gripper_width_m }
    }
}

pub(crate) fn encode_rgb(buffer: Vec<u8>, stamp: Nanos, view: &CameraView, frame: &str) -> Vec<u8> {
    encode_image(buffer, stamp, frame, size(&view.intrinsics), "rgb8", 3, &view.rgb)
}

pub(crate) fn encode_depth(
    buffer: Vec<u8>,
    stamp: Nanos,
    view: &CameraView,
    frame: &str,
    encoding: DepthEncoding,
) -> Vec<u8> {
    match encoding {
        DepthEncoding::Metres => {
            let bytes: Vec<u8> = view.depth_m.iter().flat_map(|depth| depth.to_le_bytes()).collect();
            encode_image(buffer, stamp, frame, size(&view.intrinsics), "32FC1", 4, &bytes)
        }
        DepthEncoding::Millimetres => {
            // `as` saturates and turns NaN to 0; infinite is no reading either.
            let millimetres = |depth: &f32| if depth.is_finite() { (depth * 1000.0).round() as u16 } else { 0 };
            let bytes: Vec<u8> = view.depth_m.iter().flat_map(|depth| millimetres(depth).to_le_bytes()).collect();
            encode_image(buffer, stamp, frame, size(&view.intrinsics), "16UC1", 2, &bytes)
        }
    }
}

fn size(camera: &Intrinsics) -> [u32; 2] {
    [camera.width, camera.height]
}

pub(crate) fn encode_image(
    buffer: Vec<u8>,
    stamp: Nanos,
    frame: &str,
    [width, height]: [u32; 2],
    encoding: &str,
    pixel_bytes: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut out = Encoder::new(buffer);
    out.header(stamp, frame);
    out.u32(height);
    out.u32(width);
    out.string(encoding);
    out.u8(0);
    out.u32(width * pixel_bytes);
    out.bytes(data);
    out.finish()
}

/// A decoded image.
pub(crate) enum Image {
    Rgb(Vec<u8>),
    DepthM(Vec<f32>),
    /// Shares of the largest value, in 65535ths.
    Heat(Vec<u16>),
}

pub(crate) fn decode_image(bytes: &[u8]) -> Result<Image, CdrError> {
    let mut data = Decoder::new(bytes)?;
    data.header()?;
    let (height, width) = (u64::from(data.u32()?), u64::from(data.u32()?));
    let encoding = data.string()?;
    data.u8()?;
    data.u32()?;
    let pixels = data.bytes()?;
    let pixel_bytes = match encoding {
        "rgb8" => 3,
        "32FC1" => 4,
        "16UC1" | "mono16" => 2,
        other => return Err(data.error(format!("image encoding {other:?} is not one of rgb8, 32FC1, 16UC1, mono16"))),
    };
    if (height * width).checked_mul(pixel_bytes) != Some(pixels.len() as u64) {
        return Err(data.error(format!("{} bytes for {width} x {height} pixels of {encoding}", pixels.len())));
    }
    Ok(match encoding {
        "rgb8" => Image::Rgb(pixels.to_vec()),
        "32FC1" => Image::DepthM(pixels.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        "mono16" => Image::Heat(pixels.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).collect()),
        _ => {
            let millimetres = pixels.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
            Image::DepthM(millimetres.map(|depth| f32::from(depth) / 1000.0).collect())
        }
    })
}

/// Rectified pinhole: no distortion, K and P alike. ROS also puts (0, 0) at the centre of the first pixel.
pub(crate) fn encode_camera_info(buffer: Vec<u8>, stamp: Nanos, camera: &Intrinsics, frame: &str) -> Vec<u8> {
    let Intrinsics { width, height, fx, fy, cx, cy } = *camera;
    let mut out = Encoder::new(buffer);
    out.header(stamp, frame);
    out.u32(height);
    out.u32(width);
    out.string("plumb_bob");
    out.f64s(&[0.0; 5]);
    let k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0];
    let r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0];
    k.iter().chain(&r).chain(&p).for_each(|value| out.f64(*value));
    // Binning, then the region of interest: all zero means the whole image.
    (0..6).for_each(|_| out.u32(0));
    out.u8(0);
    out.finish()
}

/// Transforms of child frames in their parents, all of one moment.
pub(crate) fn encode_tf(buffer: Vec<u8>, stamp: Nanos, transforms: &[(&str, &str, Isometry3<f64>)]) -> Vec<u8> {
    let mut out = Encoder::new(buffer);
    out.u32(transforms.len() as u32);
    for (parent, child, iso) in transforms {
        out.header(stamp, parent);
        out.string(child);
        pose(&mut out, iso);
    }
    out.finish()
}

pub(crate) fn encode_pose(buffer: Vec<u8>, stamp: Nanos, frame: &str, iso: &Isometry3<f64>) -> Vec<u8> {
    let mut out = Encoder::new(buffer);
    out.header(stamp, frame);
    pose(&mut out, iso);
    out.finish()
}

fn pose(out: &mut Encoder, iso: &Isometry3<f64>) {
    let (p, q) = (iso.translation.vector, iso.rotation.quaternion());
    [p.x, p.y, p.z, q.i, q.j, q.k, q.w].iter().for_each(|value| out.f64(*value));
}

pub(crate) fn encode_string(buffer: Vec<u8>, text: &str) -> Vec<u8> {
    let mut out = Encoder::new(buffer);
    out.string(text);
    out.finish()
}

pub(crate) fn decode_string(bytes: &[u8]) -> Result<String, CdrError> {
    Ok(Decoder::new(bytes)?.string()?.to_owned())
}

/// What an observation says beside its images; written after them, so that a reader can put them together.
#[derive(Serialize, Deserialize)]
pub(crate) struct ObservationMeta {
    pub(crate) seq: u64,
    pub(crate) stamp: Nanos,
    pub(crate) cameras: Vec<CameraMeta>,
    pub(crate) q: Joints,
    pub(crate) world_from_tool: neuraxis_core::Pose<neuraxis_core::World, neuraxis_core::Tool>,
    pub(crate) gripper_width_m: f64,
    pub(crate) progress: neuraxis_core::Progress,
}

/// One camera of an observation.
#[derive(Serialize, Deserialize)]
pub(crate) struct CameraMeta {
    pub(crate) name: String,
    pub(crate) intrinsics: Intrinsics,
    pub(crate) world_from_camera: neuraxis_core::Pose<neuraxis_core::World, neuraxis_core::Camera>,
}
