//! Which topics mean what.

use std::{collections::BTreeMap, str::FromStr};

/// How to understand a bag. What is not given is looked for under the names that our own node uses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Cameras; empty: every NAME with a topic /NAME/image.
    pub cameras: Vec<CameraTopics>,
    /// Topic of joint states; `None`: /joint_states, if it is there.
    pub joints: Option<String>,
    /// Joints of a known arm, base to tool. If all are in the bag they are the arm's, in this order, and others are left out;
    /// otherwise, and if empty, all but the gripper's are, in the order of the messages.
    pub arm_joints: Vec<String>,
    /// Joints of the gripper; empty: those with "finger" or "gripper" in their names.
    pub gripper_joints: Vec<String>,
    /// Frame in which poses are given; `None`: `world`, or the root of tf if there is one only.
    pub world: Option<String>,
    /// Frame of the tool, which looks along its z; `None`: `tool`.
    pub tool: Option<String>,
    /// Topic of the tool's pose; `None`: from tf.
    pub tool_pose: Option<String>,
    /// What the arm was told; `None`: the first message on /instruction, if it is there.
    pub instruction: Option<String>,
}

/// Topics of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraTopics {
    /// What we call it.
    pub name: String,
    /// Colours: Image or CompressedImage.
    pub image: String,
    /// Depth: Image of 32FC1 or 16UC1, or CompressedImage.
    pub depth: Option<String>,
    /// CameraInfo.
    pub info: Option<String>,
    /// PoseStamped of the optical frame; `None`: from tf, by the name of the frame in its messages.
    pub pose: Option<String>,
}

impl FromStr for CameraTopics {
    type Err = String;

    /// `NAME=IMAGE[,DEPTH[,INFO[,POSE]]]`; an empty topic is one that is not there.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?}: wanted: NAME=IMAGE[,DEPTH[,INFO[,POSE]]]");
        let (name, topics) = text.split_once('=').ok_or_else(refuse)?;
        let mut topics = topics.split(',').map(|topic| (!topic.is_empty()).then(|| topic.to_string()));
        let image = topics.next().flatten().ok_or_else(refuse)?;
        let mut next = || topics.next().flatten();
        let camera = Self { name: name.into(), image, depth: next(), info: next(), pose: next() };
        let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word || topics.next().is_some() { Err(refuse()) } else { Ok(camera) }
    }
}

impl CameraTopics {
    /// Cameras by our own names: /NAME/image, with /NAME/depth and /NAME/camera_info where they are there.
    pub(super) fn ours(topics: &BTreeMap<String, String>) -> Vec<Self> {
        let one = |topic: &String| {
            let name = topic.strip_prefix('/')?.strip_suffix("/image").filter(|name| !name.contains('/'))?;
            let there = |part: &str| Some(format!("/{name}/{part}")).filter(|topic| topics.contains_key(topic));
            let (depth, info) = (there("depth"), there("camera_info"));
            Some(Self { name: name.into(), image: topic.clone(), depth, info, pose: None })
        };
        topics.keys().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_named_on_the_command_line() {
        let camera: CameraTopics = "front=/a,,/c".parse().unwrap();
        assert_eq!((camera.image.as_str(), camera.depth, camera.info.as_deref()), ("/a", None, Some("/c")));
        for text in ["front", "front=", "=/a", "a/b=/a", "front=/a,/b,/c,/d,/e"] {
            assert!(text.parse::<CameraTopics>().is_err(), "{text}");
        }
    }
}
