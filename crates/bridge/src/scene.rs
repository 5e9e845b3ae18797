//! What a simulator shows after a reset or an action, as RLBench's `Observation` has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Array, Dtype, Frame, MessageError,
    message::{object, parsed},
};

const RGB: &str = "_rgb";
const DEPTH: &str = "_depth_m";

/// What is seen and felt, and how the episode stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneView {
    /// Sentences that say what is to be done; the first is used.
    pub descriptions: Vec<String>,
    /// Above zero: the goal is met.
    pub reward: f64,
    /// The episode has ended.
    pub done: bool,
    /// Why the last action could not be carried out; it ended the episode.
    pub error: Option<ActionError>,
    /// 1 for open, 0 for closed.
    pub gripper_open: f64,
    /// Of the last action, where the simulator keeps it.
    pub ignore_collisions: Option<bool>,
    /// Time simulated in this episode, where the simulator tells [s].
    pub secs: Option<f64>,
    /// Images.
    pub cameras: Vec<CameraImage>,
    /// RLBench's joint angles: see [`crate::conversions::q_from_rlbench`] [rad].
    pub joint_positions: Vec<f64>,
    /// [rad/s]
    pub joint_velocities: Option<Vec<f64>>,
    /// [N m]
    pub joint_forces: Option<Vec<f64>>,
    /// RLBench's tip in the world: x y z [m], qx qy qz qw.
    pub gripper_pose: [f64; 7],
    /// How far each finger is from the middle [m].
    pub gripper_joint_positions: [f64; 2],
    /// [N]
    pub gripper_touch_forces: Option<Vec<f64>>,
    /// Whatever the task says of itself; policies do not see it.
    pub task_low_dim_state: Option<Vec<f64>>,
}

/// Why an action could not be carried out, by the names of RLBench's exceptions.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionError {
    /// No unit quaternion, or outside the workspace.
    #[serde(rename = "InvalidActionError")]
    Invalid,
    /// No joint angles reach the pose.
    #[serde(rename = "IKError")]
    Unreachable,
    /// No path leads there, or it could not be followed.
    #[serde(rename = "ConfigurationPathError")]
    NoPath,
}

/// One camera's image.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraImage {
    /// Name, e.g. `front`.
    pub name: String,
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// (height, width, 3), top row first.
    pub rgb: Vec<u8>,
    /// (height, width) along the optical axis; 0: no reading [m].
    pub depth_m: Vec<f32>,
    /// Where and how it looks.
    pub calibration: Calibration,
}

/// A camera as RLBench describes it: x left, y up, z forward, so the focal lengths are negative.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Rows of the matrix of intrinsics [px].
    #[serde(rename = "K")]
    pub k: [[f64; 3]; 3],
    /// Rows of the homogeneous matrix from camera to world [m].
    #[serde(rename = "T_world_cam")]
    pub world_from_camera: [[f64; 4]; 4],
    /// Nearest depth that it measures [m].
    pub near: f64,
    /// Furthest [m].
    pub far: f64,
}

/// The header of an observation.
#[derive(Deserialize)]
struct Header {
    descriptions: Vec<String>,
    reward: f64,
    done: bool,
    error: Option<ActionError>,
    gripper_open: f64,
    ignore_collisions: Option<bool>,
    cal: BTreeMap<String, Calibration>,
    secs: Option<f64>,
}

impl SceneView {
    pub(crate) fn to_frame(&self) -> Result<Frame, MessageError> {
        let finite = |name: &str, values: &[f64]| match values.iter().position(|x| !x.is_finite()) {
            Some(index) => {
                let value = values.get(index).copied().unwrap_or(f64::NAN);
                Err(MessageError::NotFinite { name: name.into(), index, value })
            }
            None => Ok(()),
        };
        finite("reward", &[self.reward])?;
        finite("gripper_open", &[self.gripper_open])?;
        finite("secs", self.secs.as_slice())?;
        let mut cal: BTreeMap<&str, Value> = BTreeMap::new();
        let mut arrays = Vec::new();
        for camera in &self.cameras {
            let Calibration { k, world_from_camera, near, far } = camera.calibration;
            let numbers = k.iter().flatten().chain(world_from_camera.iter().flatten());
            finite("cal", &numbers.copied().chain([near, far]).collect::<Vec<_>>())?;
            cal.insert(&camera.name, json!({"K": k, "T_world_cam": world_from_camera, "far": far, "near": near}));
            let shape = [camera.height, camera.width];
            let rgb = Array::u8(&format!("{}{RGB}", camera.name), &[shape[0], shape[1], 3], camera.rgb.clone());
            let depth = Array::f32(&format!("{}{DEPTH}", camera.name), &shape, &camera.depth_m);
            depth.to_f32()?;
            arrays.extend([rgb, depth]);
        }
        let vectors = [
            ("joint_positions", Some(self.joint_positions.as_slice())),
            ("joint_velocities", self.joint_velocities.as_deref()),
            ("joint_forces", self.joint_forces.as_deref()),
            ("gripper_pose", Some(&self.gripper_pose[..])),
            ("gripper_joint_positions", Some(&self.gripper_joint_positions[..])),
            ("gripper_touch_forces", self.gripper_touch_forces.as_deref()),
            ("task_low_dim_state", self.task_low_dim_state.as_deref()),
        ];
        for (name, values) in vectors.into_iter().filter_map(|(name, values)| Some((name, values?))) {
            finite(name, values)?;
            arrays.push(Array::f64(name, values));
        }
        let mut header = object(json!({
            "cal": cal, "descriptions": self.descriptions, "done": self.done, "error": self.error,
            "gripper_open": self.gripper_open, "ignore_collisions": self.ignore_collisions, "kind": "obs",
            "reward": self.reward,
        }));
        if let Some(secs) = self.secs {
            header.insert("secs".into(), json!(secs));
        }
        Ok(Frame { header, arrays })
    }

    pub(crate) fn from_frame(frame: Frame) -> Result<Self, MessageError> {
        let header: Header = parsed(frame.header)?;
        // Cameras in the order in which their colours came.
        let names: Vec<String> =
            frame.arrays.iter().filter_map(|array| array.name().strip_suffix(RGB).map(String::from)).collect();
        let mut arrays: BTreeMap<String, Array> =
            frame.arrays.into_iter().map(|array| (array.name().to_string(), array)).collect();
        let mut cal = header.cal;
        let mut cameras = Vec::with_capacity(names.len());
        for name in names {
            let calibration = cal.remove(&name).ok_or_else(|| MessageError::Camera {
                camera: name.clone(),
                reason: "header.cal has no calibration for it".into(),
            })?;
            cameras.push(CameraImage::take(name, calibration, &mut arrays)?);
        }
        if let Some((camera, _)) = cal.pop_first() {
            let reason = "header.cal has it, but there is no image of it".into();
            return Err(MessageError::Camera { camera, reason });
        }
        let mut take = |name: &str| arrays.remove(name).map(|array| array.to_f64()).transpose();
        let joint_positions = take("joint_positions")?.ok_or_else(|| missing("joint_positions"))?;
        let joint_velocities = take("joint_velocities")?;
        let joint_forces = take("joint_forces")?;
        let gripper_touch_forces = take("gripper_touch_forces")?;
        let task_low_dim_state = take("task_low_dim_state")?;
        let gripper_pose = take_exactly(&mut arrays, "gripper_pose")?;
        let gripper_joint_positions = take_exactly(&mut arrays, "gripper_joint_positions")?;
        if let Some((name, _)) = arrays.pop_first() {
            return Err(MessageError::Unknown(name));
        }
        if header.descriptions.is_empty() {
            return Err(MessageError::Field {
                field: "descriptions",
                reason: "[], allowed: one sentence or more".into(),
            });
        }
        Ok(Self {
            descriptions: header.descriptions,
            reward: header.reward,
            done: header.done,
            error: header.error,
            gripper_open: header.gripper_open,
            ignore_collisions: header.ignore_collisions,
            secs: header.secs,
            cameras,
            joint_positions,
            joint_velocities,
            joint_forces,
            gripper_pose,
            gripper_joint_positions,
            gripper_touch_forces,
            task_low_dim_state,
        })
    }

    /// Names of its cameras, to compare with what is needed.
    pub fn camera_names(&self) -> BTreeSet<&str> {
        self.cameras.iter().map(|camera| camera.name.as_str()).collect()
    }
}

impl CameraImage {
    /// Colours and depth of a camera, which must be of one size.
    fn take(
        name: String,
        calibration: Calibration,
        arrays: &mut BTreeMap<String, Array>,
    ) -> Result<Self, MessageError> {
        let mut take = |suffix: &str| {
            let name = format!("{name}{suffix}");
            arrays.remove(&name).ok_or(MessageError::Missing(name))
        };
        let (rgb, depth) = (take(RGB)?, take(DEPTH)?);
        let (height, width) = match (rgb.dtype(), rgb.shape()) {
            (Dtype::U8, [height, width, 3]) if *height > 0 && *width > 0 => (*height, *width),
            _ => return Err(rgb.wrong("|u1 [height, width, 3]".into())),
        };
        if (depth.dtype(), depth.shape()) != (Dtype::F32, &[height, width]) {
            return Err(depth.wrong(format!("<f4 [{height}, {width}], as the colours")));
        }
        let depth_m = depth.to_f32()?;
        Ok(Self { name, width, height, rgb: rgb.into_bytes(), depth_m, calibration })
    }
}

fn missing(name: &str) -> MessageError {
    MessageError::Missing(name.into())
}

fn take_exactly<const N: usize>(arrays: &mut BTreeMap<String, Array>, name: &str) -> Result<[f64; N], MessageError> {
    let array = arrays.remove(name).ok_or_else(|| missing(name))?;
    <[f64; N]>::try_from(array.to_f64()?).map_err(|_| array.wrong(format!("<f8 [{N}]")))
}
