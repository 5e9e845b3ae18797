//! Between RLBench's conventions and ours: cameras, the tool, joint 4, actions. The only place where they meet.
//!
//! - Cameras: RLBench's frame is x left, y up, z forward and its focal lengths are negative; ours is x right, y down.
//!   Both measure depth along the optical axis, and both count whole pixels from 0.
//! - Tool: RLBench's tip lies 0.110 m before the hand's origin and is turned by half a turn about the approach direction
//!   against it; our tool point lies 0.1034 m before it, unturned (`X_TP`, [`tool_from_tip`]).
//! - Joint 4 of RLBench's Panda counts from 4 degrees further on. So poses cross the bridge, and joints only through
//!   [`q_from_rlbench`].

use nalgebra::{Matrix3, Matrix4, Quaternion, Rotation3, UnitQuaternion, Vector3, Vector4};
use neuraxis_core::{Camera, CameraView, Frame, Gripper, Intrinsics, Joints, KeyFrame, Pose, Tool, World};

use crate::{ACTION_LEN, ActionError, Calibration, CameraImage, MessageError};

/// RLBench's tip, between the fingers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Tip;

impl Frame for Tip {
    const MONOGRAM: &'static str = "P";
}

/// From the hand's origin to RLBench's tip, and to our tool point (configs/fr3/robot.yaml) [m].
const HAND_TO_TIP_M: f64 = 0.110;
const HAND_TO_TOOL_M: f64 = 0.1034;
/// What our joint 4 reads more than RLBench's [rad].
const JOINT_4_OFFSET_RAD: f64 = 4.0 * std::f64::consts::PI / 180.0;
const JOINT_4: usize = 3;
/// Joints of the arm that the contract is about.
pub const DOF: usize = 7;
/// A quaternion's norm may differ from 1 by this.
const NORM_TOLERANCE: f64 = 1e-5;
/// A rotation matrix may be this far from orthonormal: matrices come rounded to single precision.
const ORTHONORMAL_TOLERANCE: f64 = 1e-4;

/// `X_TP`.
pub fn tool_from_tip() -> Pose<Tool, Tip> {
    let half_turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::PI);
    Pose::from_parts(Vector3::new(0.0, 0.0, HAND_TO_TIP_M - HAND_TO_TOOL_M), half_turn)
}

/// Our tool's pose from RLBench's `gripper_pose`: x y z [m], qx qy qz qw.
///
/// # Errors
/// Not finite, or no unit quaternion.
pub fn world_from_tool(gripper_pose: &[f64; 7]) -> Result<Pose<World, Tool>, MessageError> {
    let refuse = |reason: String| MessageError::Pose { name: "gripper_pose", reason };
    let [x, y, z, qx, qy, qz, qw] = *gripper_pose;
    let quaternion = Quaternion::new(qw, qx, qy, qz);
    let is_unit = (quaternion.norm() - 1.0).abs() <= NORM_TOLERANCE;
    if !(is_unit && [x, y, z].iter().all(|x| x.is_finite())) {
        return Err(refuse(format!("{gripper_pose:?}: three finite numbers and a unit quaternion are wanted")));
    }
    let world_from_tip: Pose<World, Tip> =
        Pose::from_parts(Vector3::new(x, y, z), UnitQuaternion::from_quaternion(quaternion));
    Ok(world_from_tip * tool_from_tip().inverse())
}

/// RLBench's `gripper_pose` from our tool's pose.
pub fn gripper_pose(world_from_tool: &Pose<World, Tool>) -> [f64; 7] {
    let world_from_tip = *world_from_tool * tool_from_tip();
    let (p, q) = (world_from_tip.position(), world_from_tip.rotation());
    [p.x, p.y, p.z, q.i, q.j, q.k, q.w]
}

/// The action that asks for a key-frame.
pub fn action(keyframe: &KeyFrame) -> [f64; ACTION_LEN] {
    let [x, y, z, qx, qy, qz, qw] = gripper_pose(&keyframe.world_from_tool);
    let switch = |on: bool| if on { 1.0 } else { 0.0 };
    [x, y, z, qx, qy, qz, qw, switch(keyframe.gripper == Gripper::Open), switch(keyframe.ignore_collisions)]
}

/// The key-frame that an action asks for.
///
/// # Errors
/// [`ActionError::Invalid`] if its rotation is no unit quaternion or a number is not finite.
pub fn keyframe(action: &[f64; ACTION_LEN]) -> Result<KeyFrame, ActionError> {
    let [x, y, z, qx, qy, qz, qw, gripper, ignore_collisions] = *action;
    if !(gripper.is_finite() && ignore_collisions.is_finite()) {
        return Err(ActionError::Invalid);
    }
    Ok(KeyFrame {
        world_from_tool: world_from_tool(&[x, y, z, qx, qy, qz, qw]).map_err(|_| ActionError::Invalid)?,
        gripper: if gripper > 0.5 { Gripper::Open } else { Gripper::Closed },
        ignore_collisions: ignore_collisions >= 0.5,
    })
}

/// Our joint angles from RLBench's [rad].
///
/// # Errors
/// Other than seven numbers.
pub fn q_from_rlbench(joint_positions: &[f64]) -> Result<Joints, MessageError> {
    let q = Joints::from_slice(joint_positions).filter(|q| q.len() == DOF);
    let mut q = q.ok_or_else(|| MessageError::Array {
        name: "joint_positions".into(),
        dtype: "<f8",
        shape: vec![joint_positions.len()],
        wanted: format!("<f8 [{DOF}]"),
    })?;
    if let Some(angle) = q.get_mut(JOINT_4) {
        *angle += JOINT_4_OFFSET_RAD;
    }
    Ok(q)
}

/// RLBench's joint angles from ours [rad].
pub fn q_to_rlbench(q: &Joints) -> Vec<f64> {
    q.iter().enumerate().map(|(i, angle)| if i == JOINT_4 { angle - JOINT_4_OFFSET_RAD } else { *angle }).collect()
}

/// Our view of RLBench's image.
///
/// # Errors
/// A calibration that no camera has.
pub fn camera_view(image: CameraImage) -> Result<CameraView, MessageError> {
    let Calibration { k, world_from_camera, near, far } = image.calibration;
    let refuse = |reason: String| MessageError::Camera { camera: image.name.clone(), reason };
    let [[fx, skew, cx], [zero_a, fy, cy], [zero_b, zero_c, one]] = k;
    let is_pinhole = [skew, zero_a, zero_b, zero_c] == [0.0; 4] && one == 1.0;
    if !(is_pinhole && fx < 0.0 && fy < 0.0 && [fx, fy, cx, cy].iter().all(|x| x.is_finite())) {
        return Err(refuse(format!("K is {k:?}, wanted: [[-fx, 0, cx], [0, -fy, cy], [0, 0, 1]]")));
    }
    if !(near >= 0.0 && far > near && far.is_finite()) {
        return Err(refuse(format!("near {near} m and far {far} m, wanted: 0 <= near < far")));
    }
    let pose = rigid(&world_from_camera).ok_or_else(|| {
        refuse(format!("T_world_cam is {world_from_camera:?}, wanted: a rotation, a place and the row 0 0 0 1"))
    })?;
    let (width, height) = (image.width as u32, image.height as u32);
    Ok(CameraView {
        intrinsics: Intrinsics { width, height, fx: -fx, fy: -fy, cx, cy },
        world_from_camera: pose,
        name: image.name.into(),
        rgb: image.rgb,
        depth_m: image.depth_m,
    })
}

/// RLBench's image of our view, with the depths that its camera can measure [m].
pub fn camera_image(view: &CameraView, [near, far]: [f64; 2]) -> CameraImage {
    let i = &view.intrinsics;
    let left_up_forward = Matrix4::from_diagonal(&Vector4::new(-1.0, -1.0, 1.0, 1.0));
    let matrix = view.world_from_camera.iso.to_homogeneous() * left_up_forward;
    CameraImage {
        name: view.name.to_string(),
        width: i.width as usize,
        height: i.height as usize,
        rgb: view.rgb.clone(),
        depth_m: view.depth_m.iter().map(|z| if z.is_finite() { *z } else { 0.0 }).collect(),
        calibration: Calibration {
            k: [[-i.fx, 0.0, i.cx], [0.0, -i.fy, i.cy], [0.0, 0.0, 1.0]],
            // nalgebra's arrays are columns.
            world_from_camera: matrix.transpose().into(),
            near,
            far,
        },
    }
}

/// Our camera's pose from RLBench's matrix, if that is a rigid motion.
fn rigid(rows: &[[f64; 4]; 4]) -> Option<Pose<World, Camera>> {
    let matrix = Matrix4::from(*rows).transpose();
    let turn: Matrix3<f64> = matrix.fixed_view::<3, 3>(0, 0).into_owned();
    let last = matrix.row(3);
    let is_finite = matrix.iter().all(|x| x.is_finite());
    let is_orthonormal = (turn * turn.transpose() - Matrix3::identity()).abs().max() <= ORTHONORMAL_TOLERANCE;
    if !(is_finite && is_orthonormal && turn.determinant() > 0.0) || last.iter().ne([0.0, 0.0, 0.0, 1.0].iter()) {
        return None;
    }
    let optical = turn * Matrix3::from_diagonal(&Vector3::new(-1.0, -1.0, 1.0));
    let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(optical));
    Some(Pose::from_parts(matrix.fixed_view::<3, 1>(0, 3).into_owned(), rotation))
}
