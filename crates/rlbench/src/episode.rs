//! One recorded episode.

use std::{
    fs,
    path::{Path, PathBuf},
};

use neuraxis_bridge::{
    Calibration,
    conversions::{camera_view, world_from_tool},
};
use neuraxis_core::{CameraView, Gripper, KeyFrame, Pose, Tool, World};

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
/// Time between two frames [s].
pub const FRAME_SECS: f64 = 0.05;

/// What the arm was doing at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// `X_WT`, our tool point.
    pub world_from_tool: Pose<World, Tool>,
    /// Commanded and done.
    pub gripper: Gripper,
    /// Distance between the fingers [m].
    pub gripper_width_m: f64,
    /// [rad/s]
    pub joint_velocities: [f64; 7],
    /// PerAct's flag of the motion under way; RLBench's own recordings have none.
    pub ignore_collisions: Option<bool>,
    /// Cameras whose calibration was recorded, by name.
    pub cameras: Vec<(&'static str, Calibration)>,
}

/// A recording from its first frame to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    folder: PathBuf,
    /// Task, by the name of its folder.
    pub task: String,
    /// Number, by the name of its folder.
    pub number: u64,
    /// Sentences that say what is done.
    pub descriptions: Vec<String>,
    /// 20 of them a second.
    pub frames: Vec<Frame>,
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
        Ok(Self { folder: folder.into(), task, number, descriptions, frames })
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

    /// The key-frame that a frame is. RLBench's own recordings do not say whether contact was intended; there it is taken
    /// to be, as RLBench's own arm mode does, which checks for no collisions unless told.
    pub fn keyframe(&self, t: usize) -> Option<KeyFrame> {
        self.frames.get(t).map(|frame| KeyFrame {
            world_from_tool: frame.world_from_tool,
            gripper: frame.gripper,
            ignore_collisions: frame.ignore_collisions.unwrap_or(true),
        })
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
    let flag = pickle.field(id, "ignore_collisions").filter(|id| *pickle.node(*id) != Node::None);
    let flag = flag.map(|id| numbers(pickle, id, "ignore_collisions")).transpose()?;
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
        joint_velocities,
        ignore_collisions: flag.map(|[flag]| flag > 0.5),
        cameras,
    })
}
