//! Settings of the node.

use serde::{Deserialize, Serialize};

use crate::RosError;

/// Settings of the ROS 2 node. All but the node's name and namespace are ROS parameters too: `--ros-args -p
/// joint_states_hz:=50.0`, `--params-file`, `ros2 param`. Names are remapped the ROS way: `--ros-args -r
/// joint_states:=/arm/state`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RosConfig {
    /// Name of the node; services live below it. Default `neuraxis`.
    pub node_name: String,
    /// Namespace of the node and its topics, empty or starting with `/`. Default empty.
    pub namespace: String,
    /// Rate at which joint states are published [Hz], 1 to 1000. Default 100.
    pub joint_states_hz: f64,
    /// Longest instruction taken [characters], 1 to 4096. Default 256.
    pub instruction_max_chars: usize,
    /// Joint of one finger; its position is half the distance between the pads. Default `fr3_finger_joint1`, which the
    /// other finger mimics.
    pub finger_joint: String,
    /// `frame_id` of the frame W in which camera poses are given. Default `world`.
    pub world_frame: String,
    /// The node configures and activates itself at the start, or as soon as the policy in another process answers as it
    /// should; false: the arm holds until somebody else does. Default true.
    pub autostart: bool,
    /// Whether stamps follow topic `/clock`, as every node is asked; false is all that is allowed, and the default: a loop
    /// on the wall clock has no other time.
    pub use_sim_time: bool,
}

impl Default for RosConfig {
    fn default() -> Self {
        Self {
            node_name: "neuraxis".into(),
            namespace: String::new(),
            joint_states_hz: 100.0,
            instruction_max_chars: 256,
            finger_joint: "fr3_finger_joint1".into(),
            world_frame: "world".into(),
            autostart: true,
            use_sim_time: false,
        }
    }
}

impl RosConfig {
    /// Errors name the key and its allowed range.
    pub fn validate(&self) -> Result<(), RosError> {
        check_name("node_name", &self.node_name)?;
        if !self.namespace.is_empty() {
            let parts = self.namespace.strip_prefix('/').unwrap_or("");
            if !parts.split('/').all(is_name) {
                return Err(setting("namespace", &self.namespace, "empty, or /name, or /name/name"));
            }
        }
        if !(1.0..=1000.0).contains(&self.joint_states_hz) {
            return Err(setting("joint_states_hz", self.joint_states_hz, "1 to 1000"));
        }
        if !(1..=4096).contains(&self.instruction_max_chars) {
            return Err(setting("instruction_max_chars", self.instruction_max_chars, "1 to 4096"));
        }
        if self.use_sim_time {
            return Err(setting(
                "use_sim_time",
                true,
                "false: the loop runs by this machine's clock, and so do its stamps",
            ));
        }
        check_urdf_name("finger_joint", &self.finger_joint)?;
        check_name("world_frame", &self.world_frame)
    }
}

/// A name that ROS 2 takes as one part of a topic: a letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(crate) fn check_name(key: &str, name: &str) -> Result<(), RosError> {
    if is_name(name) {
        return Ok(());
    }
    Err(setting(key, format!("{name:?}"), "a letter or _, then letters, digits and _"))
}

/// Joints and links are no parts of topics: URDFs have names with dashes and slashes.
pub(crate) fn check_urdf_name(key: &str, name: &str) -> Result<(), RosError> {
    if !name.is_empty() && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(setting(key, format!("{name:?}"), "a name as in the URDF: not empty, without control characters"))
}

pub(crate) fn setting(key: &str, value: impl ToString, allowed: &str) -> RosError {
    RosError::Setting { key: key.into(), value: value.to_string(), allowed: allowed.into() }
}

/// Absolute, so that it means the same wherever the node is.
pub(crate) fn check_topic(key: &str, topic: &str) -> Result<(), RosError> {
    if topic.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_name)) {
        return Ok(());
    }
    Err(setting(key, format!("{topic:?}"), "/name or /name/name: letters, digits and _"))
}

/// NaN lies in no range.
pub(crate) fn check_range(key: &str, value: f64, low: f64, high: f64) -> Result<(), RosError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(setting(key, value, &format!("{low} to {high}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        RosConfig::default().validate().unwrap();
    }

    #[test]
    fn errors_name_key_value_and_range() {
        let refused = |change: fn(&mut RosConfig)| {
            let mut config = RosConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for (text, parts) in [
            (refused(|c| c.joint_states_hz = f64::NAN), ["joint_states_hz", "NaN", "1 to 1000"]),
            (refused(|c| c.joint_states_hz = 0.0), ["joint_states_hz", "0", "1 to 1000"]),
            (refused(|c| c.instruction_max_chars = 0), ["instruction_max_chars", "0", "1 to 4096"]),
            (refused(|c| c.node_name = "my node".into()), ["node_name", "my node", "letters"]),
            (refused(|c| c.namespace = "arm".into()), ["namespace", "arm", "/name"]),
            (refused(|c| c.use_sim_time = true), ["use_sim_time", "true", "this machine's clock"]),
            (refused(|c| c.world_frame = "w\0".into()), ["world_frame", "w\\0", "letters"]),
            (refused(|c| c.finger_joint = "f\0".into()), ["finger_joint", "f\\0", "as in the URDF"]),
        ] {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }
}
