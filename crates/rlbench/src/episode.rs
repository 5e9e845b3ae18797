//! One recorded episode.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_bridge::{
    Calibration,
    conversions::{DOF, camera_view, q_from_rlbench, world_from_tool},
};
use neuraxis_core::{CameraView, Gripper, Joints, Nanos, Pose, Tool, World};
use neuraxis_episode::{About, EpisodeError, Moment, Pictures, Recorded};

use crate::{
    RecordingError, array, images,
    pickle::{Id, MOST_BYTES, Node, Pickle},
};

/// Cameras of RLBench in the order of our observations; `overhead` is not one of ours.
const CAMERAS: [&str; 4] = ["front", "left_shoulder", "right_shoulder", "wrist"];
/// Deepest folder under the given one that holds an episode.
const DEPTH: usize = 5;
/// Most frames of an episode: a quarter of an hour.
const MOST_FRAMES: usize = 20_000;
/// Time between two frames: 20 a second.
const FRAME: Nanos = Nanos::from_millis(50);
/// Where the arm's base stands in RLBench's world [m], measured on its recordings.
const BASE_IN_WORLD: [f64; 3] = [-0.268, -0.0064, 0.75];

/// What the arm was doing at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// `X_WT`, our tool point.
    pub world_from_tool: Pose<World, Tool>,
    /// Commanded and done.
    pub gripper: Gripper,
    /// Distance between the fingers [m].
    pub gripper_width_m: f64,
    /// Of our convention [rad].
    pub q: Option<Joints>,
    /// [rad/s]
    pub joint_velocities: [f64; DOF],
    /// [N m]
    pub joint_forces: Option<[f64; DOF]>,
    /// PerAct's flag of the motion under way; RLBench's own recordings have none.
    pub ignore_collisions: Option<bool>,
    /// Cameras whose calibration was recorded, by name.
    pub cameras: Vec<(&'static str, Calibration)>,
}

/// A recording from its first frame to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    folder: PathBuf,
    /// Sentences that say what is done; the first is the instruction.
    pub descriptions: Vec<String>,
    /// 20 of them a second.
    pub frames: Vec<Frame>,
    about: About,
    moments: Vec<Moment>,
}

/// Folders of all episodes at or below a folder, in order of their names.
///
/// # Errors
/// A folder that cannot be read, or none with an episode.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let mut found = Vec::new();
    search(folder, DEPTH, &mut found)?;
    // By number, not by text: episode2 before episode10.
    found.sort_by_key(|path: &PathBuf| (path.parent().map(Path::to_path_buf), number(path)));
    if found.is_empty() { Err(RecordingError::Nothing { path: folder.into() }) } else { Ok(found) }
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    if folder.join("low_dim_obs.pkl").exists() {
        found.push(folder.into());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(RecordingError::io(folder))? {
        let entry = entry.map_err(RecordingError::io(folder))?;
        // Links are not followed: a circle of them would never end.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn number(path: &Path) -> Option<u64> {
    name(path).strip_prefix("episode")?.parse().ok()
}

impl Episode {
    /// Reads everything but the pictures.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let refuse = |reason: &str| RecordingError::format(folder, reason);
        let number = number(folder).ok_or_else(|| refuse("not named episodeN"))?;
        let variation =
            folder.parent().and_then(Path::parent).ok_or_else(|| refuse("no TASK/VARIATION/episodes above it"))?;
        let task = variation.parent().map(name).filter(|task| !task.is_empty());
        let task = task.ok_or_else(|| refuse("no TASK/VARIATION/episodes above it"))?.to_string();
        let own = folder.join("variation_descriptions.pkl");
        let sentences = if own.exists() { own } else { variation.join("variation_descriptions.pkl") };
        let bytes = bytes(&sentences)?;
        let descriptions = descriptions(&bytes).map_err(|reason| RecordingError::format(&sentences, reason))?;
        let path = folder.join("low_dim_obs.pkl");
        let frames = frames(&self::bytes(&path)?).map_err(|reason| RecordingError::format(&path, reason))?;
        let base = Pose::from_parts(Vector3::from(BASE_IN_WORLD), UnitQuaternion::identity());
        let seen = |camera: &&&str| folder.join(format!("{camera}_rgb")).exists();
        let about = About {
            source: "RLBench",
            task,
            number,
            instruction: descriptions.first().cloned(),
            // With joint 4 moved, RLBench's Panda has the FR3's kinematics.
            joint_names: (1..=DOF).map(|i| format!("fr3_joint{i}")).collect(),
            gripper_joint_names: vec!["fr3_finger_joint1".into(), "fr3_finger_joint2".into()],
            cameras: CAMERAS.iter().filter(seen).map(ToString::to_string).collect(),
            robot_description: None,
            world_from_base: Some(base),
            notes: Vec::new(),
        };
        let moments = frames.iter().enumerate().map(|(t, frame)| frame.moment(Nanos(t as u64 * FRAME.0))).collect();
        Ok(Self { folder: folder.into(), descriptions, frames, about, moments })
    }

    /// What the cameras saw at a frame.
    ///
    /// # Errors
    /// The picture that is missing or damaged, or the calibration that no camera has.
    pub fn cameras(&self, t: usize) -> Result<Vec<CameraView>, RecordingError> {
        let mut views = Vec::with_capacity(CAMERAS.len());
        for (camera, calibration) in self.frames.get(t).map(|frame| frame.cameras.as_slice()).unwrap_or_default() {
            if let Some(image) = images::read(&self.folder, camera, t, *calibration)? {
                let path = self.folder.join("low_dim_obs.pkl");
                views.push(camera_view(image).map_err(|e| RecordingError::format(&path, format!("frame {t}: {e}")))?);
            }
        }
        Ok(views)
    }
}

impl Frame {
    fn moment(&self, stamp: Nanos) -> Moment {
        Moment {
            stamp,
            q: self.q,
            qd: Joints::from_slice(&self.joint_velocities),
            tau_nm: self.joint_forces.and_then(|forces| Joints::from_slice(&forces)),
            q_command: None,
            gripper_width_m: Some(self.gripper_width_m),
            gripper_command_m: None,
            gripper: Some(self.gripper),
            world_from_tool: Some(self.world_from_tool),
            ignore_collisions: self.ignore_collisions,
        }
    }
}

impl Recorded for Episode {
    fn about(&self) -> &About {
        &self.about
    }

    fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a> {
        let mut is_damaged = false;
        Box::new(frames.iter().map_while(move |t| {
            let seen = (!is_damaged).then(|| self.cameras(*t))?;
            is_damaged = seen.is_err();
            let pictures = seen.map(|views| (*t, views.into_iter().map(Into::into).collect()));
            Some(pictures.map_err(EpisodeError::from))
        }))
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, RecordingError> {
    let len = fs::metadata(path).map_err(RecordingError::io(path))?.len();
    if len > MOST_BYTES {
        return Err(RecordingError::format(path, format!("{len} bytes, allowed: {MOST_BYTES}")));
    }
    fs::read(path).map_err(RecordingError::io(path))
}

fn descriptions(bytes: &[u8]) -> Result<Vec<String>, String> {
    let pickle = Pickle::parse(bytes)?;
    let text = |id: &Id| match pickle.node(*id) {
        Node::Text(text) if !text.trim().is_empty() => Some(text.to_string()),
        _ => None,
    };
    let found: Option<Vec<String>> = pickle.items(pickle.root()).and_then(|items| items.iter().map(text).collect());
    found.filter(|found| !found.is_empty()).ok_or_else(|| "no list of sentences".into())
}

/// The observations of a pickled `rlbench.demo.Demo`.
///
/// # Errors
/// In words, with the frame and the field.
pub fn frames(bytes: &[u8]) -> Result<Vec<Frame>, String> {
    let pickle = Pickle::parse(bytes)?;
    if pickle.class(pickle.root()) != Some(("rlbench.demo", "Demo")) {
        return Err("no rlbench.demo.Demo".into());
    }
    let listed = pickle.field(pickle.root(), "_observations").and_then(|list| pickle.items(list));
    let listed = listed.filter(|list| !list.is_empty()).ok_or("a demo without observations")?;
    if listed.len() > MOST_FRAMES {
        return Err(format!("{} frames, allowed: {MOST_FRAMES}", listed.len()));
    }
    let read = |(t, id): (usize, &Id)| frame(&pickle, *id).map_err(|reason| format!("frame {t}: {reason}"));
    listed.iter().enumerate().map(read).collect()
}

fn frame(pickle: &Pickle<'_>, id: Id) -> Result<Frame, String> {
    if pickle.class(id) != Some(("rlbench.backend.observation", "Observation")) {
        return Err("no rlbench.backend.observation.Observation".into());
    }
    let field = |name: &str| pickle.field(id, name).ok_or_else(|| format!("no {name}"));
    fn numbers<const N: usize>(pickle: &Pickle<'_>, id: Id, name: &str) -> Result<[f64; N], String> {
        array::exactly(pickle, id).map_err(|reason| format!("{name}: {reason}"))
    }
    let gripper_pose = numbers(pickle, field("gripper_pose")?, "gripper_pose")?;
    let [open] = numbers(pickle, field("gripper_open")?, "gripper_open")?;
    let fingers: [f64; 2] = numbers(pickle, field("gripper_joint_positions")?, "gripper_joint_positions")?;
    let joint_velocities = numbers(pickle, field("joint_velocities")?, "joint_velocities")?;
    let whole = |name: &str| pickle.field(id, name).filter(|id| *pickle.node(*id) != Node::None);
    let positions: Option<[f64; DOF]> =
        whole("joint_positions").map(|id| numbers(pickle, id, "joint_positions")).transpose()?;
    let q = positions.map(|positions| q_from_rlbench(&positions)).transpose().map_err(|e| e.to_string())?;
    let joint_forces = whole("joint_forces").map(|id| numbers(pickle, id, "joint_forces")).transpose()?;
    let flag = whole("ignore_collisions").map(|id| numbers(pickle, id, "ignore_collisions")).transpose()?;
    let misc = field("misc")?;
    let mut cameras = Vec::new();
    for camera in CAMERAS {
        let entry = |end: &str| pickle.field(misc, &format!("{camera}_camera_{end}"));
        let (Some(k), Some(pose), Some(near), Some(far)) =
            (entry("intrinsics"), entry("extrinsics"), entry("near"), entry("far"))
        else {
            continue;
        };
        let k: [f64; 9] = numbers(pickle, k, camera)?;
        let pose: [f64; 16] = numbers(pickle, pose, camera)?;
        let ([near], [far]) = (numbers(pickle, near, camera)?, numbers(pickle, far, camera)?);
        let (Ok(k), Ok(world_from_camera)) = (k.as_chunks::<3>().0.try_into(), pose.as_chunks::<4>().0.try_into())
        else {
            return Err(format!("{camera}: no calibration"));
        };
        cameras.push((camera, Calibration { k, world_from_camera, near, far }));
    }
    Ok(Frame {
        world_from_tool: world_from_tool(&gripper_pose).map_err(|e| e.to_string())?,
        gripper: if open > 0.5 { Gripper::Open } else { Gripper::Closed },
        gripper_width_m: fingers.iter().map(|finger| finger.clamp(0.0, 0.04)).sum(),
        q,
        joint_velocities,
        joint_forces,
        ignore_collisions: flag.map(|[flag]| flag > 0.5),
        cameras,
    })
}
