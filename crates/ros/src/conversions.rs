//! Messages of ROS 2 to our types and back. The only place where the orders of numbers meet: quaternions go through named
//! accessors, matrices of `CameraInfo` are row-major, images are row-major with the top row first on both sides.

use std::time::Duration;

use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use neuraxis_core::{ArmState, CameraView, Frame, Intrinsics, Joints, Nanos, Pose};
use r2r::{
    builtin_interfaces::msg::Time,
    geometry_msgs::msg::{Point, Pose as PoseMsg, Quaternion as QuaternionMsg},
    sensor_msgs::msg::{CameraInfo, Image, JointState},
    std_msgs::msg::Header,
};

use crate::RosError;

/// ROS time since 1970 as a message.
pub fn time_to_msg(since_epoch: Duration) -> Time {
    r2r::Clock::to_builtin_time(&since_epoch)
}

/// ROS time at which something was captured: now, less its age by the clock that stamped it. A stamp from the future
/// counts as fresh.
pub fn ros_time_of(ros_now: Duration, clock_now: Nanos, captured: Nanos) -> Duration {
    let age = clock_now - captured;
    ros_now.saturating_sub(Duration::from_nanos(age.0))
}

/// A stamp in nanoseconds since 1970; nothing that a message can hold overflows it.
pub fn stamp_nanos(stamp: &Time) -> i128 {
    i128::from(stamp.sec) * 1_000_000_000 + i128::from(stamp.nanosec)
}

/// A stamp of ROS time in our clock, the inverse of [`ros_time_of`]: now, less its age by ROS time. Stamps from before our
/// clock's zero become zero; stamps that lie ahead stay ahead.
pub fn clock_time_of(ros_now: Duration, clock_now: Nanos, stamp: &Time) -> Nanos {
    let nanos = i128::from(clock_now.0) + stamp_nanos(stamp) - ros_now.as_nanos() as i128;
    Nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

/// Stamp and frame of a message.
pub fn header(stamp: &Time, frame_id: &str) -> Header {
    Header { stamp: stamp.clone(), frame_id: frame_id.into() }
}

/// `X_AB`; ROS orders quaternions x, y, z, w.
pub fn pose_to_msg<A: Frame, B: Frame>(a_from_b: &Pose<A, B>) -> PoseMsg {
    let (p, q) = (a_from_b.position(), a_from_b.rotation());
    PoseMsg {
        position: Point { x: p.x, y: p.y, z: p.z },
        orientation: QuaternionMsg { x: q.i, y: q.j, z: q.k, w: q.w },
    }
}

/// `X_AB`. Refuses numbers that are not finite and quaternions whose length is off 1 by more than 1e-3; normalizes the
/// rest.
pub fn pose_from_msg<A: Frame, B: Frame>(msg: &PoseMsg) -> Result<Pose<A, B>, RosError> {
    let (p, o) = (&msg.position, &msg.orientation);
    let position = Vector3::new(p.x, p.y, p.z);
    let quaternion = Quaternion::new(o.w, o.x, o.y, o.z);
    let length = quaternion.norm();
    if !position.iter().all(|x| x.is_finite()) {
        return Err(refused("geometry_msgs/Pose", format!("position {position:?} is not finite")));
    }
    // NaN lies in no range.
    if !(0.999..=1.001).contains(&length) {
        return Err(refused("geometry_msgs/Pose", format!("the quaternion's length is {length}, needed is 1")));
    }
    Ok(Pose::from_parts(position, UnitQuaternion::from_quaternion(quaternion)))
}

/// The arm's joints and one finger. `finger_velocity_m_s` belongs to the finger joint, which moves half as far as the
/// distance between the pads. Efforts stay empty: the arm reports none for the finger, and the message takes one for
/// every joint or none.
pub fn joint_state_to_msg(
    header: Header,
    joint_names: &[String],
    finger_joint: &str,
    state: &ArmState,
    finger_velocity_m_s: f64,
) -> JointState {
    let with_finger = |joints: &Joints, finger: f64| joints.iter().copied().chain([finger]).collect();
    JointState {
        header,
        name: joint_names.iter().cloned().chain([finger_joint.to_string()]).collect(),
        position: with_finger(&state.q, state.gripper_width_m / 2.0),
        velocity: with_finger(&state.qd, finger_velocity_m_s),
        effort: Vec::new(),
    }
}

/// The arm's joints in our order, wherever they stand in the message; `stamp` is ours, and so is what is known of the fingers.
/// Velocities and torques are zero where the message has none: drivers without them leave them out, or say NaN. Refuses a joint
/// whose position is missing or not finite.
pub fn joint_state_from_msg(
    msg: &JointState,
    joint_names: &[String],
    gripper_width_m: f64,
    stamp: Nanos,
) -> Result<ArmState, RosError> {
    const MESSAGE: &str = "sensor_msgs/JointState";
    let position = |joint: &String| {
        joint_position(msg, joint).ok_or_else(|| refused(MESSAGE, format!("no finite position of joint {joint}")))
    };
    let q = joint_names.iter().map(position).collect::<Result<Vec<f64>, _>>()?;
    let q = Joints::from_slice(&q).ok_or_else(|| refused(MESSAGE, format!("{} joints are too many", q.len())))?;
    let known = |values: &[f64]| Joints::from_fn(q.len(), |i| number(msg, values, &joint_names[i]).unwrap_or(0.0));
    let (qd, tau_nm) = (known(&msg.velocity), known(&msg.effort));
    Ok(ArmState { stamp, q, qd, tau_nm, gripper_width_m, grip_force_n: None })
}

/// Where a joint is, in its own unit; `None` if the message does not say so in a finite number.
pub fn joint_position(msg: &JointState, joint: &str) -> Option<f64> {
    number(msg, &msg.position, joint)
}

/// What one of the message's arrays says of a joint, if it is finite.
fn number(msg: &JointState, values: &[f64], joint: &str) -> Option<f64> {
    let at = msg.name.iter().position(|name| name == joint)?;
    values.get(at).copied().filter(|value| value.is_finite())
}

/// A pinhole without distortion. ROS, too, counts pixels from the centre of the top left one.
pub fn intrinsics_to_msg(header: Header, intrinsics: &Intrinsics) -> CameraInfo {
    let Intrinsics { width, height, fx, fy, cx, cy } = *intrinsics;
    CameraInfo {
        header,
        width,
        height,
        distortion_model: "plumb_bob".into(),
        d: vec![0.0; 5],
        k: vec![fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: vec![fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        ..Default::default()
    }
}

/// Refuses distortion and skew, which our cameras do not have, and focal lengths that are not positive.
pub fn intrinsics_from_msg(msg: &CameraInfo) -> Result<Intrinsics, RosError> {
    const MESSAGE: &str = "sensor_msgs/CameraInfo";
    let &[fx, skew, cx, zero_a, fy, cy, zero_b, zero_c, one] = msg.k.as_slice() else {
        return Err(refused(MESSAGE, format!("k has {} numbers, needed are 9", msg.k.len())));
    };
    if [skew, zero_a, zero_b, zero_c] != [0.0; 4] || one != 1.0 || msg.d.iter().any(|&d| d != 0.0) {
        return Err(refused(MESSAGE, "the image is skewed or distorted; rectify it first".into()));
    }
    if !(fx > 0.0 && fy > 0.0 && [fx, fy, cx, cy].iter().all(|x| x.is_finite())) {
        return Err(refused(MESSAGE, format!("fx {fx}, fy {fy}, cx {cx}, cy {cy}: not a camera")));
    }
    Ok(Intrinsics { width: msg.width, height: msg.height, fx, fy, cx, cy })
}

/// Of rectified pictures: matrix `p` is theirs, and what the lens did before is no matter. Refuses stereo baselines, skew
/// and focal lengths that are not positive.
pub fn rectified_intrinsics_from_msg(msg: &CameraInfo) -> Result<Intrinsics, RosError> {
    const MESSAGE: &str = "sensor_msgs/CameraInfo";
    let &[fx, skew, cx, tx, zero_a, fy, cy, ty, zero_b, zero_c, one, tz] = msg.p.as_slice() else {
        return Err(refused(MESSAGE, format!("p has {} numbers, needed are 12", msg.p.len())));
    };
    if [skew, tx, zero_a, ty, zero_b, zero_c, tz] != [0.0; 7] {
        return Err(refused(MESSAGE, "matrix p has skew or a baseline; take the camera that it is 0 for".into()));
    }
    let k = vec![fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, one];
    intrinsics_from_msg(&CameraInfo { width: msg.width, height: msg.height, k, ..Default::default() })
}

/// `rgb8`.
pub fn rgb_to_msg(header: Header, view: &CameraView) -> Image {
    image(header, view, "rgb8", 3, view.rgb.clone())
}

/// `32FC1` in metres, little-endian; 0 where there is no reading.
pub fn depth_to_msg(header: Header, view: &CameraView) -> Image {
    let reading = |&metres: &f32| if metres.is_finite() { metres } else { 0.0 };
    image(header, view, "32FC1", 4, view.depth_m.iter().flat_map(|d| reading(d).to_le_bytes()).collect())
}

/// (height, width, 3) row-major. Refuses other encodings and data of the wrong size; takes rows with padding.
pub fn rgb_from_msg(msg: &Image) -> Result<Vec<u8>, RosError> {
    pixels(msg, "rgb8", 3)
}

/// (height, width) in metres. Refuses other encodings and data of the wrong size; takes both byte orders and padding.
pub fn depth_from_msg(msg: &Image) -> Result<Vec<f32>, RosError> {
    let read = if msg.is_bigendian == 0 { f32::from_le_bytes } else { f32::from_be_bytes };
    Ok(pixels(msg, "32FC1", 4)?.chunks_exact(4).map(|b| read([b[0], b[1], b[2], b[3]])).collect())
}

/// True if both images have the size that the intrinsics say.
pub fn is_whole(view: &CameraView) -> bool {
    let pixels = view.intrinsics.width as usize * view.intrinsics.height as usize;
    view.rgb.len() == 3 * pixels && view.depth_m.len() == pixels
}

fn image(header: Header, view: &CameraView, encoding: &str, bytes_per_pixel: u32, data: Vec<u8>) -> Image {
    let Intrinsics { width, height, .. } = view.intrinsics;
    picture(header, [width, height], encoding, bytes_per_pixel, data)
}

/// Rows without padding, little-endian.
pub(crate) fn picture(
    header: Header,
    [width, height]: [u32; 2],
    encoding: &str,
    bytes_per_pixel: u32,
    data: Vec<u8>,
) -> Image {
    Image { header, height, width, encoding: encoding.into(), is_bigendian: 0, step: width * bytes_per_pixel, data }
}

// The rows without their padding.
pub(crate) fn pixels(msg: &Image, encoding: &str, bytes_per_pixel: usize) -> Result<Vec<u8>, RosError> {
    const MESSAGE: &str = "sensor_msgs/Image";
    if msg.encoding != encoding {
        return Err(refused(MESSAGE, format!("encoding is {:?}, needed is {encoding}", msg.encoding)));
    }
    let (row, step, height) = (msg.width as usize * bytes_per_pixel, msg.step as usize, msg.height as usize);
    if row == 0 || step < row || Some(msg.data.len()) != step.checked_mul(height) {
        let size = format!("{} x {}, step {step}, {} bytes do not agree", msg.width, msg.height, msg.data.len());
        return Err(refused(MESSAGE, size));
    }
    Ok(msg.data.chunks_exact(step).flat_map(|line| &line[..row]).copied().collect())
}

pub(crate) fn refused(message: &'static str, reason: String) -> RosError {
    RosError::Message { message, reason }
}

#[cfg(test)]
#[path = "conversions_tests.rs"]
mod tests;
