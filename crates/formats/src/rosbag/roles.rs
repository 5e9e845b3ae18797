//! What the topics of a bag are to an episode.

use std::collections::BTreeMap;

use super::{
    messages::{CAMERA_INFO, COMPRESSED, IMAGE, JOINT_STATE, POSE, STRING, TF},
    options::{CameraTopics, Options},
};

/// What a topic is to the episode.
#[derive(Copy, Clone)]
pub(super) enum Role {
    Joints,
    Colours(usize),
    Depth(usize),
    Info(usize),
    CameraPose(usize),
    ToolPose,
    Tf,
    TfStatic,
    Instruction,
    Description,
}

impl Role {
    /// Types that a topic of this role may have.
    pub(super) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Joints => &[JOINT_STATE],
            Self::Colours(_) | Self::Depth(_) => &[IMAGE, COMPRESSED],
            Self::Info(_) => &[CAMERA_INFO],
            Self::CameraPose(_) | Self::ToolPose => &[POSE],
            Self::Tf | Self::TfStatic => &[TF],
            Self::Instruction | Self::Description => &[STRING],
        }
    }
}

/// Topics with what they are to the episode; an error names one that is not there or of another type.
pub(super) fn roles<'a>(
    topics: &'a BTreeMap<String, String>,
    cameras: &'a [CameraTopics],
    options: &'a Options,
) -> Result<BTreeMap<&'a str, Vec<Role>>, String> {
    let mut wanted: Vec<(&str, Role)> = Vec::new();
    for (c, camera) in cameras.iter().enumerate() {
        wanted.push((&camera.image, Role::Colours(c)));
        wanted.extend(camera.depth.as_deref().map(|topic| (topic, Role::Depth(c))));
        wanted.extend(camera.info.as_deref().map(|topic| (topic, Role::Info(c))));
        wanted.extend(camera.pose.as_deref().map(|topic| (topic, Role::CameraPose(c))));
    }
    wanted.extend(options.joints.as_deref().map(|topic| (topic, Role::Joints)));
    wanted.extend(options.tool_pose.as_deref().map(|topic| (topic, Role::ToolPose)));
    let ours = [
        ("/joint_states", Role::Joints, options.joints.is_none()),
        ("/tf", Role::Tf, true),
        ("/tf_static", Role::TfStatic, true),
        ("/instruction", Role::Instruction, options.instruction.is_none()),
        ("/robot_description", Role::Description, true),
    ];
    wanted.extend(
        ours.iter().filter(|(topic, _, is_wanted)| *is_wanted && topics.contains_key(*topic)).map(|(t, r, _)| (*t, *r)),
    );
    let mut roles: BTreeMap<&str, Vec<Role>> = BTreeMap::new();
    for (topic, role) in wanted {
        match topics.get(topic) {
            None => return Err(format!("no topic {topic}; there are {}", listed(topics))),
            Some(kind) if !role.kinds().contains(&kind.as_str()) => {
                return Err(format!("{topic} is {kind}, wanted: {}", role.kinds().join(" or ")));
            }
            Some(_) => roles.entry(topic).or_default().push(role),
        }
    }
    if cameras.is_empty() && !roles.values().flatten().any(|role| matches!(role, Role::Joints)) {
        let names = listed(topics);
        return Err(format!("no camera /NAME/image and no /joint_states; name yours; there are {names}"));
    }
    Ok(roles)
}

fn listed(topics: &BTreeMap<String, String>) -> String {
    let all: Vec<String> = topics.iter().take(50).map(|(topic, kind)| format!("{topic} ({kind})")).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}
