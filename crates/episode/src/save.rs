//! Any recorded episode as a recording of ours, which `neuraxis replay` shows.

use std::path::Path;

use neuraxis_core::{ArmState, Base, Gripper, Joints, Observation, Pose, Progress, World};
use serde_json::Value;

use crate::{
    About, CommandSample, DepthEncoding, EpisodeError, EpisodeWriter, Header, Level, Moment, PredictionDetail,
    Recorded, VirtualView,
};

/// The body that moves in the episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Its URDF.
    pub robot_description: String,
    /// Name of the URDF's root link.
    pub base_frame: String,
    /// `X_WB`
    pub world_from_base: Pose<World, Base>,
    /// Joints of its gripper; at least one.
    pub gripper_joint_names: Vec<String>,
}

impl Body {
    /// A body without a shape: all that is known of the arm are the names of its joints.
    pub fn without_shape(about: &About) -> Self {
        let mut gripper_joint_names = about.gripper_joint_names.clone();
        if gripper_joint_names.is_empty() {
            gripper_joint_names.push("gripper".into());
        }
        let mut text = String::from("<robot name=\"unknown\"><link name=\"base\"/>");
        for (i, name) in about.joint_names.iter().chain(&gripper_joint_names).enumerate() {
            let parent = if i == 0 { "base".to_string() } else { format!("link{i}") };
            text += &format!(
                "<link name=\"link{child}\"/><joint name=\"{}\" type=\"continuous\"><parent link=\"{parent}\"/>\
                 <child link=\"link{child}\"/><axis xyz=\"0 0 1\"/></joint>",
                escaped(name),
                child = i + 1
            );
        }
        text += "</robot>";
        Self {
            robot_description: text,
            base_frame: "base".into(),
            world_from_base: about.world_from_base.unwrap_or_else(Pose::identity),
            gripper_joint_names,
        }
    }
}

/// Text inside of XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Writes an episode to `out`; returns the number of its frames. A camera with calibration becomes part of an
/// observation if the tool's pose is known too; any other picture is shown as a view of its own, so that no calibration
/// is made up.
///
/// # Errors
/// `out` exists and is not to be replaced, the episode has no joints, its pictures cannot be read, or the disk is full.
pub fn save(episode: &dyn Recorded, body: &Body, meta: &Value, out: &Path, force: bool) -> Result<usize, EpisodeError> {
    if !force && out.exists() {
        return Err(EpisodeError::Exists { path: out.to_path_buf() });
    }
    fill(episode, body, meta, out).inspect_err(|_| {
        // Half a recording is none; what it failed with is told, whether or not it goes.
        let _ = std::fs::remove_file(out);
    })
}

fn fill(episode: &dyn Recorded, body: &Body, meta: &Value, out: &Path) -> Result<usize, EpisodeError> {
    let about = episode.about();
    let mut writer = EpisodeWriter::create(
        out,
        &Header {
            joint_names: about.joint_names.clone(),
            gripper_joint_names: body.gripper_joint_names.clone(),
            robot_description: body.robot_description.clone(),
            base_frame: body.base_frame.clone(),
            world_from_base: body.world_from_base,
            depth: DepthEncoding::Metres,
            meta: meta.clone(),
        },
    )?;
    let moments = episode.moments();
    let start = moments.first().map(|moment| moment.stamp).unwrap_or_default();
    writer.instruction(start, 0, about.instruction.as_deref().unwrap_or_default())?;
    for note in about.notes.iter().cloned().chain(zeroed(moments)) {
        writer.event(start, Level::Warning, &note)?;
    }
    let frames: Vec<usize> = (0..moments.len()).collect();
    let mut reached: Option<Progress> = None;
    for pictures in episode.pictures(&frames) {
        let (t, pictures) = pictures?;
        let Some(moment) = moments.get(t) else { continue };
        joints(&mut writer, moment)?;
        let (mut cameras, mut views) = (Vec::new(), Vec::new());
        for picture in pictures {
            match (moment.world_from_tool, picture.into_view()) {
                (Some(_), Ok(view)) => cameras.push(view),
                (None, Ok(view)) => {
                    views.push(shown(&view.name, [view.intrinsics.width, view.intrinsics.height], view.rgb))
                }
                (_, Err(picture)) => views.push(shown(&picture.name, picture.size, picture.rgb)),
            }
        }
        if let Some(world_from_tool) = moment.world_from_tool {
            let gripper = moment.gripper.unwrap_or(Gripper::Open);
            let at = Progress { reached_world_from_tool: world_from_tool, gripper, reached_count: 0 };
            writer.observation(&Observation {
                seq: t as u64,
                stamp: moment.stamp,
                cameras,
                q: moment.q.unwrap_or(Joints::zeros(0)),
                world_from_tool,
                gripper_width_m: moment.gripper_width_m.unwrap_or(0.0),
                // Nobody followed key-frames here: the start counts as reached all the time.
                progress: *reached.get_or_insert(at),
            })?;
        }
        if !views.is_empty() {
            writer.detail(moment.stamp, &PredictionDetail { views, gaze: None })?;
        }
    }
    writer.finish()?;
    Ok(moments.len())
}

/// What a recording must say and the episode does not.
fn zeroed(moments: &[Moment]) -> Vec<String> {
    let mut notes = Vec::new();
    if moments.iter().any(|moment| moment.q.is_some() && moment.qd.is_none()) {
        notes.push("joint velocities were not recorded: they stand as 0 here".to_string());
    }
    if moments.iter().any(|moment| moment.gripper_width_m.is_none()) {
        notes.push("the gripper's width was not recorded: it stands as 0 here".to_string());
    }
    notes
}

fn joints(writer: &mut EpisodeWriter, moment: &Moment) -> Result<(), EpisodeError> {
    let stamp = moment.stamp;
    if let Some(q) = moment.q {
        let zero = Joints::zeros(q.len());
        writer.state(&ArmState {
            stamp,
            q,
            qd: moment.qd.unwrap_or(zero),
            tau_nm: moment.tau_nm.unwrap_or(Joints::zeros(0)),
            gripper_width_m: moment.gripper_width_m.unwrap_or(0.0),
            grip_force_n: None,
        })?;
        if let Some(q) = moment.q_command {
            let gripper_width_m = moment.gripper_command_m.unwrap_or(0.0);
            writer.command(&CommandSample { stamp, q, qd: zero, gripper_width_m })?;
        }
    }
    Ok(())
}

/// A name that is part of a topic, and its picture.
fn shown(name: &str, size: [u32; 2], rgb: Vec<u8>) -> VirtualView {
    VirtualView { name: name.replace(['/', '.'], "_"), size, rgb, heat: Vec::new() }
}
