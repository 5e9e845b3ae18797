//! An episode in RLBench's layout, which its own loader and PerAct's read.

use std::{
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use neuraxis_bridge::{
    Calibration, CameraImage,
    conversions::{DOF, camera_image, gripper_pose, q_to_rlbench},
};
use neuraxis_core::{CameraView, Gripper, Joints};
use neuraxis_episode::{EpisodeError, Moment, Recorded};

use crate::{
    images,
    pickler::{Value, pickle},
};

/// Cameras that RLBench's loader knows.
const CAMERAS: [&str; 5] = ["left_shoulder", "right_shoulder", "overhead", "wrist", "front"];
/// Depths that are written [m]: 0 stays "no reading", and a step is 0.6 micrometres.
const NEAR_FAR_M: [f64; 2] = [0.0, 10.0];

/// Writes TASK/all_variations/episodes/episodeN below a folder; returns that folder and the number of frames. N is the episode's
/// number, or the next one that is free: recordings without a seed all have the first. A recording is written once.
///
/// A frame is an observation, at whatever rate they were recorded: RLBench's frames have no time, and its own are 20 a second.
///
/// Masks are absent: nobody recorded which pixel is which thing. What else RLBench knows and we do not, such as touch
/// forces, the state of the task and the seed to restore it by, is `None`: the demonstration can be learned from, but
/// not be restored in the simulator.
///
/// # Errors
/// The recording is there already; no number is free; a frame lacks what RLBench's observation is made of (seven joints,
/// their velocities, the gripper, the tool's pose), or has no camera with depth, calibration and one of RLBench's names; or
/// the disk is full.
pub fn export(episode: &dyn Recorded, root: &Path) -> Result<(PathBuf, usize), EpisodeError> {
    let about = episode.about();
    let episodes = root.join(file_name(&about.task)).join("all_variations/episodes");
    let mut folders = (about.number..=u64::MAX).map(|number| episodes.join(format!("episode{number}")));
    let folder = folders.find(|folder| !folder.exists());
    let folder = folder.ok_or_else(|| EpisodeError::format(&episodes, "no number of an episode is free"))?;
    match fill(episode, &folder).and_then(|count| refuse_twin(&episodes, &folder).map(|()| count)) {
        Ok(count) => Ok((folder, count)),
        Err(error) => {
            // Half an episode is none, and so is one that is there already; the error is told, whether or not it goes.
            let _ = fs::remove_dir_all(&folder);
            Err(error)
        }
    }
}

/// An error where another one of these episodes is the same as that in `folder`.
fn refuse_twin(episodes: &Path, folder: &Path) -> Result<(), EpisodeError> {
    let io = |source| EpisodeError::Io { path: folder.to_path_buf(), action: "compare", source };
    for entry in fs::read_dir(episodes).map_err(io)? {
        let other = entry.map_err(io)?.path();
        if other != folder && is_same(folder, &other).map_err(io)? {
            return Err(EpisodeError::format(&other, "holds this recording already; a recording is written once"));
        }
    }
    Ok(())
}

/// Each file of a folder is in another one, too, byte by byte: the same motion may have been seen in other colours.
fn is_same(folder: &Path, other: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (ours, theirs) = (entry.path(), other.join(entry.file_name()));
        let is_same = match ours.is_dir() {
            true => is_same(&ours, &theirs)?,
            false => theirs.is_file() && fs::read(&ours)? == fs::read(&theirs)?,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes everything; returns the number of frames.
fn fill(episode: &dyn Recorded, folder: &Path) -> Result<usize, EpisodeError> {
    let about = episode.about();
    let Some(instruction) = &about.instruction else {
        return Err(EpisodeError::Format {
            path: folder.into(),
            reason: "no sentence was recorded that says what is done".into(),
        });
    };
    let moments = episode.moments();
    let frames: Vec<usize> = (0..moments.len()).collect();
    let mut observations = Vec::with_capacity(frames.len());
    for pictures in episode.pictures(&frames) {
        let (t, pictures) = pictures?;
        let refuse =
            |reason: String| EpisodeError::Format { path: folder.into(), reason: format!("frame {t}: {reason}") };
        let mut misc = Vec::new();
        for picture in pictures {
            let known = CAMERAS.contains(&&*picture.name) && picture.depth_m.is_some();
            let Some(view) = known.then(|| picture.into_view().ok()).flatten() else { continue };
            camera(folder, t, &view, &mut misc)?;
        }
        if misc.is_empty() {
            return Err(refuse(format!("no camera with depth and calibration that is named as one of {CAMERAS:?}")));
        }
        let moment = moments.get(t).ok_or_else(|| refuse("it is none of the episode's".into()))?;
        observations.push(observation(moment, misc).map_err(|what| refuse(format!("{what} was not recorded")))?);
    }
    let count = observations.len();
    let attributes = [
        ("_observations", Value::List(observations)),
        ("random_seed", Value::None),
        ("num_reset_attempts", Value::None),
        ("variation_number", Value::Int(0)),
    ];
    let demo = Value::Object("rlbench.demo", "Demo", named(attributes));
    let descriptions = Value::List(vec![Value::Text(instruction.clone())]);
    for (name, value) in
        [("low_dim_obs", demo), ("variation_number", Value::Int(0)), ("variation_descriptions", descriptions)]
    {
        write(&folder.join(format!("{name}.pkl")), &pickle(&value))?;
    }
    Ok(count)
}

/// A task's name as the name of a folder.
fn file_name(task: &str) -> String {
    let word: String =
        task.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
    if word.is_empty() { "task".into() } else { word }
}

fn named<const N: usize>(fields: [(&str, Value); N]) -> Vec<(String, Value)> {
    fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EpisodeError> {
    let io = |source| EpisodeError::Io { path: path.to_path_buf(), action: "write", source };
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(io)?;
    fs::write(path, bytes).map_err(io)
}

/// The pictures of one camera, and what RLBench keeps of its calibration.
fn camera(folder: &Path, t: usize, view: &CameraView, misc: &mut Vec<(String, Value)>) -> Result<(), EpisodeError> {
    let CameraImage { name, width, height, rgb, depth_m, calibration } = camera_image(view, NEAR_FAR_M);
    let Calibration { k, world_from_camera, near, far } = calibration;
    let coded: Vec<u8> = depth_m.iter().flat_map(|depth_m| images::code(*depth_m, [near, far])).collect();
    for (kind, pixels) in [("rgb", &rgb), ("depth", &coded)] {
        let path = folder.join(format!("{name}_{kind}")).join(format!("{t}.png"));
        let io = |source| EpisodeError::Io { path: path.clone(), action: "write", source };
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(io)?;
        let out = BufWriter::new(fs::File::create(&path).map_err(io)?);
        images::write(out, [width as u32, height as u32], pixels)
            .map_err(|e| EpisodeError::Format { path: path.clone(), reason: e.to_string() })?;
    }
    let key = |part: &str| format!("{name}_camera_{part}");
    misc.push((key("extrinsics"), Value::Array(vec![4, 4], world_from_camera.concat())));
    misc.push((key("intrinsics"), Value::Array(vec![3, 3], k.concat())));
    misc.push((key("near"), Value::Float(near)));
    misc.push((key("far"), Value::Float(far)));
    Ok(())
}

/// What is missing is named.
fn observation(moment: &Moment, misc: Vec<(String, Value)>) -> Result<Value, &'static str> {
    let whole = |joints: &Option<Joints>| joints.filter(|joints| joints.len() == DOF);
    let q = whole(&moment.q).ok_or("the position of seven joints")?;
    let qd = whole(&moment.qd).ok_or("the velocity of seven joints")?;
    let world_from_tool = moment.world_from_tool.ok_or("the tool's pose")?;
    let gripper = moment.gripper.ok_or("the gripper's width")?;
    let width_m = moment.gripper_width_m.ok_or("the gripper's width")?;
    let vector = |numbers: &[f64]| Value::Array(vec![numbers.len()], numbers.to_vec());
    let pose = gripper_pose(&world_from_tool);
    let matrix = nalgebra::Isometry3::from_parts(
        nalgebra::Translation3::new(pose[0], pose[1], pose[2]),
        nalgebra::UnitQuaternion::new_normalize(nalgebra::Quaternion::new(pose[6], pose[3], pose[4], pose[5])),
    )
    .to_homogeneous();
    let low_dim = [
        ("joint_velocities", vector(&qd)),
        ("joint_positions", vector(&q_to_rlbench(&q))),
        ("joint_forces", whole(&moment.tau_nm).map_or(Value::None, |tau_nm| vector(&tau_nm))),
        ("gripper_open", Value::Float(f64::from(u8::from(gripper == Gripper::Open)))),
        ("gripper_pose", vector(&pose)),
        // nalgebra's matrices are columns.
        ("gripper_matrix", Value::Array(vec![4, 4], matrix.transpose().as_slice().to_vec())),
        ("gripper_joint_positions", vector(&[width_m / 2.0; 2])),
        ("gripper_touch_forces", Value::None),
        ("task_low_dim_state", Value::None),
        ("ignore_collisions", moment.ignore_collisions.map_or(Value::None, Value::Bool)),
        ("misc", Value::Dict(misc)),
    ];
    let mut fields = Vec::new();
    for camera in CAMERAS {
        fields.extend(["rgb", "depth", "mask", "point_cloud"].map(|kind| (format!("{camera}_{kind}"), Value::None)));
    }
    fields.extend(named(low_dim));
    Ok(Value::Object("rlbench.backend.observation", "Observation", fields))
}
