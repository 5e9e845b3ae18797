//! What a recording's window is: names, robot, cameras, and how it ended.

use std::path::{Path, PathBuf};

use neuraxis_core::Nanos;
use neuraxis_viz::VizConfig;

use super::Recording;
use crate::recorder;

/// The window of a recording; with a place it stands beside others.
pub fn config(root: &Path, recording: &Recording, place: Option<usize>) -> VizConfig {
    let Recording { reader, glance } = recording;
    let header = reader.header();
    let run = &header.meta["run"];
    let told = glance.instruction.as_deref().unwrap_or("no instruction");
    let stem = reader.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let actor = recorder::actor(run).unwrap_or(stem);
    let name = place.map_or_else(String::new, |place| format!("{} {actor}", place + 1));
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    VizConfig {
        urdf: description(root, &header.meta["configuration"]["robot"]["urdf"]),
        robot_description: Some(header.robot_description.clone()),
        world_from_base: header.world_from_base,
        joint_names: header.joint_names.clone(),
        gripper_joint_names: header
            .gripper_joint_names
            .iter()
            .filter(|name| *name != recorder::GRIPPER)
            .cloned()
            .collect(),
        cameras: glance.cameras(),
        virtual_views: glance.views(),
        brain: glance.has_brain(),
        title: place.map_or_else(|| told.to_string(), |_| format!("{name}: {told}")),
        subtitle: recorder::subtitle(run),
        root: if word.is_empty() { String::new() } else { format!("/{word}") },
        name,
        place: place.unwrap_or(0),
        zero: Nanos(glance.zero_nanos),
        ..VizConfig::default()
    }
}

/// The line below the instruction, once it is known how the run ended.
pub fn subtitle(Recording { reader, glance }: &Recording, outcome: &str) -> String {
    let ran = recorder::subtitle(&reader.header().meta["run"]);
    let between = if ran.is_empty() { "" } else { ": " };
    format!("{ran}{between}{outcome}, {:.1} s, `{}`", glance.duration_secs, reader.path().display())
}

/// Where the robot's meshes lie: beside its description as recorded, or beside the one of that name in this workspace.
fn description(root: &Path, recorded: &serde_json::Value) -> PathBuf {
    let recorded = PathBuf::from(recorded.as_str().unwrap_or("urdf/fr3.urdf"));
    let here = root.join("urdf").join(recorded.file_name().unwrap_or_default());
    if recorded.exists() { recorded } else { here }
}
