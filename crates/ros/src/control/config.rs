//! Settings of an arm behind ros2_control.

use neuraxis_core::MAX_JOINTS;
use neuraxis_robot::JointLimits;
use serde::{Deserialize, Serialize};

use crate::{
    RosError,
    config::{check_range, check_topic, setting},
};

/// What the controller on the other side takes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandInterface {
    /// Positions [rad], `std_msgs/Float64MultiArray`, one for each joint: a `forward_command_controller`.
    #[default]
    ForwardPosition,
    /// Velocities [rad/s], `std_msgs/Float64MultiArray`, one for each joint.
    ForwardVelocity,
    /// `trajectory_msgs/JointTrajectory`: where to be next, and the way to rest from there.
    JointTrajectory,
}

impl CommandInterface {
    const ALL: [Self; 3] = [Self::ForwardPosition, Self::ForwardVelocity, Self::JointTrajectory];

    /// Where a controller of this kind listens, as ros2_control names it.
    pub fn usual_topic(self) -> &'static str {
        match self {
            Self::ForwardPosition => "/forward_position_controller/commands",
            Self::ForwardVelocity => "/forward_velocity_controller/commands",
            Self::JointTrajectory => "/joint_trajectory_controller/joint_trajectory",
        }
    }
}

/// What the gripper takes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GripperKind {
    /// Nothing: it is not moved.
    #[default]
    None,
    /// `std_msgs/Float64`.
    Float64,
    /// `std_msgs/Float64MultiArray` with one number.
    Float64Array,
    /// The action `control_msgs/GripperCommand`: a `gripper_action_controller`. It says how a command ended, and a gripper that
    /// refuses, gives up, jams or does not answer stops the arm.
    Action,
}

impl GripperKind {
    /// Where a controller of this kind listens, as ros2_control names it. It has none that takes a `Float64`: for that it is a
    /// plain topic, of which there is no usual name.
    pub fn usual_topic(self) -> &'static str {
        match self {
            Self::Action => "/gripper_controller/gripper_cmd",
            Self::Float64 => "/gripper/command",
            Self::None | Self::Float64Array => "/gripper_controller/commands",
        }
    }
}

/// What a length of the gripper means.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Distance between the pads [m].
    #[default]
    WidthM,
    /// Travel of one of two equal fingers, half of that [m].
    FingerM,
}

impl LengthUnit {
    pub(crate) fn of_width(self, width_m: f64) -> f64 {
        if self == Self::FingerM { width_m / 2.0 } else { width_m }
    }

    pub(crate) fn to_width(self, length_m: f64) -> f64 {
        if self == Self::FingerM { length_m * 2.0 } else { length_m }
    }
}

/// The gripper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GripperConfig {
    /// What it takes. Default `none`.
    pub kind: GripperKind,
    /// Topic or name of the action, absolute. Default empty: [`GripperKind::usual_topic`].
    pub topic: String,
    /// With `action`: a command that has not ended after this time has failed, 0.5 to 60 [s]. Default 10.
    pub goal_timeout_secs: f64,
    /// What the numbers sent mean: `width_m` or `finger_m`. Default `width_m`.
    pub unit: LengthUnit,
    /// Distance between the pads when open, 0.001 to 1 [m]. Default 0.08.
    pub open_m: f64,
    /// Distance between the pads when closed, 0 to less than `open_m` [m]. Default 0.
    pub closed_m: f64,
    /// Joint whose position says how far it is open. `null`: nobody says; it counts as where it was told to be last, before that
    /// as all but open, and as open where nobody tells it anything. Name it where something may be held when the program
    /// starts: then that is known.
    pub joint: Option<String>,
    /// What that position means. Default `finger_m`.
    pub joint_unit: LengthUnit,
    /// Where that joint's states come, if not with the arm's; absolute. Default `null`.
    pub states_topic: Option<String>,
}

impl Default for GripperConfig {
    fn default() -> Self {
        Self {
            kind: GripperKind::None,
            topic: String::new(),
            goal_timeout_secs: 10.0,
            unit: LengthUnit::WidthM,
            open_m: 0.08,
            closed_m: 0.0,
            joint: None,
            joint_unit: LengthUnit::FingerM,
            states_topic: None,
        }
    }
}

/// An arm behind ros2_control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// Names of the joints in its messages, in the order of the robot's URDF, which must be the controller's too. Default
    /// empty: the URDF's own names. A name of the URDF may stand at its own place only. With a forward controller the order
    /// counts, for its commands are numbers without names: where the controller's node serves its parameter `joints`, as those
    /// of ros2_controllers do, another order there is refused; where it does not, nobody sees it, so compare by hand.
    pub joint_names: Vec<String>,
    /// Where joint states come, absolute. Default `/joint_states`.
    pub states_topic: String,
    /// What the controller takes. Default `forward_position`.
    pub interface: CommandInterface,
    /// Where it takes it, absolute. Default empty: [`CommandInterface::usual_topic`].
    pub command_topic: String,
    /// Rate of commands, 50 to 1000 [Hz]. Default none: 500, and 100 for trajectories, of which each leads by two periods: where
    /// the next comes later than that the arm brakes and catches up.
    pub publish_hz: Option<f64>,
    /// A state older than this, by its stamp, is none, 0.01 to 1 [s]. Default 0.1.
    pub state_timeout_secs: f64,
    /// The loop is silent after this long without a command, and the node brakes, 0.005 to 0.5 [s]. Default 0.02.
    pub silence_secs: f64,
    /// With velocities: how hard a joint is pulled to where it should be, 0 to 20 [1/s]. Default 2.
    pub velocity_gain_per_sec: f64,
    /// The gripper.
    pub gripper: GripperConfig,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            joint_names: Vec::new(),
            states_topic: "/joint_states".into(),
            interface: CommandInterface::ForwardPosition,
            command_topic: String::new(),
            publish_hz: None,
            state_timeout_secs: 0.1,
            silence_secs: 0.02,
            velocity_gain_per_sec: 2.0,
            gripper: GripperConfig::default(),
        }
    }
}

impl ControlConfig {
    /// Rate of commands [Hz].
    pub fn rate_hz(&self) -> f64 {
        let usual = if self.interface == CommandInterface::JointTrajectory { 100.0 } else { 500.0 };
        self.publish_hz.unwrap_or(usual)
    }

    /// Where states come, of the arm and of the gripper; each once, for what is heard twice is refused the second time.
    pub(crate) fn state_topics(&self) -> impl Iterator<Item = &String> {
        let gripper = self.gripper.states_topic.iter().filter(move |topic| **topic != self.states_topic);
        [&self.states_topic].into_iter().chain(gripper)
    }

    /// Errors name the key and its allowed range.
    pub fn validate(&self) -> Result<(), RosError> {
        for (i, name) in self.joint_names.iter().enumerate() {
            // Joints are not parts of topics: URDFs have names with dashes and slashes.
            if name.is_empty() || self.joint_names[..i].contains(name) {
                return Err(setting("joint_names", format!("{name:?}"), "each joint once, none empty"));
            }
        }
        check_topic("states_topic", &self.states_topic)?;
        if !self.command_topic.is_empty() {
            check_topic("command_topic", &self.command_topic)?;
        }
        // Positions and velocities have one type: a controller would take the ones for the others.
        let is_others =
            |other: &CommandInterface| *other != self.interface && other.usual_topic() == self.command_topic;
        if CommandInterface::ALL.iter().any(is_others) {
            let allowed = format!("the topic of a controller for {:?}", self.interface);
            return Err(setting("command_topic", &self.command_topic, &allowed));
        }
        check_range("publish_hz", self.rate_hz(), 50.0, 1000.0)?;
        check_range("state_timeout_secs", self.state_timeout_secs, 0.01, 1.0)?;
        check_range("silence_secs", self.silence_secs, 0.005, 0.5)?;
        check_range("velocity_gain_per_sec", self.velocity_gain_per_sec, 0.0, 20.0)?;
        self.gripper.validate(self)
    }

    /// Fills in the robot's names and compares the rest with the robot.
    pub(crate) fn complete(&mut self, joint_names: &[String], limits: &[JointLimits]) -> Result<(), RosError> {
        if self.joint_names.is_empty() {
            self.joint_names = joint_names.to_vec();
        }
        if self.command_topic.is_empty() {
            self.command_topic = self.interface.usual_topic().into();
        }
        if self.gripper.topic.is_empty() {
            self.gripper.topic = self.gripper.kind.usual_topic().into();
        }
        self.validate()?;
        let dof = joint_names.len();
        if self.joint_names.len() != dof || limits.len() != dof || !(1..=MAX_JOINTS).contains(&dof) {
            let allowed = format!("{dof}, one for each joint of the robot, at most {MAX_JOINTS}");
            return Err(setting("joint_names", format!("{} names", self.joint_names.len()), &allowed));
        }
        // Names may differ from the URDF's (a prefix); the URDF's own at other places are an arm with its joints mixed up.
        let is_moved = |(given, own): &(&String, &String)| given != own && joint_names.contains(given);
        if let Some((given, own)) = self.joint_names.iter().zip(joint_names).find(is_moved) {
            let allowed = format!("the order of the robot's URDF: {}", joint_names.join(", "));
            return Err(setting("joint_names", format!("{given:?} in the place of {own:?}"), &allowed));
        }
        Ok(())
    }
}

impl GripperConfig {
    fn validate(&self, arm: &ControlConfig) -> Result<(), RosError> {
        if !self.topic.is_empty() {
            check_topic("gripper.topic", &self.topic)?;
        }
        check_range("gripper.goal_timeout_secs", self.goal_timeout_secs, 0.5, 60.0)?;
        check_range("gripper.open_m", self.open_m, 0.001, 1.0)?;
        if !(0.0..self.open_m).contains(&self.closed_m) {
            return Err(setting("gripper.closed_m", self.closed_m, "0 to less than gripper.open_m"));
        }
        // Two empty ones are not the same: each is its kind's usual one.
        if self.kind != GripperKind::None && !self.topic.is_empty() && self.topic == arm.command_topic {
            return Err(setting("gripper.topic", &self.topic, "another topic than command_topic"));
        }
        if let Some(joint) = &self.joint
            && (joint.is_empty() || arm.joint_names.contains(joint))
        {
            return Err(setting("gripper.joint", format!("{joint:?}"), "a joint that is not one of the arm's"));
        }
        match &self.states_topic {
            Some(topic) => check_topic("gripper.states_topic", topic),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JointLimits = JointLimits {
        lower_rad: -1.0,
        upper_rad: 1.0,
        velocity_rad_s: 1.0,
        acceleration_rad_s2: 5.0,
        jerk_rad_s3: 100.0,
        effort_nm: 10.0,
    };

    #[test]
    fn the_default_takes_the_robots_names() {
        let mut config = ControlConfig::default();
        let names = ["a".to_string(), "b".to_string()];
        config.complete(&names, &[LIMITS; 2]).unwrap();
        assert_eq!(
            (&config.joint_names[..], &*config.command_topic),
            (&names[..], "/forward_position_controller/commands")
        );
        let error = config.complete(&names[..1], &[LIMITS]).unwrap_err().to_string();
        assert!(error.contains("2 names") && error.contains("allowed is 1,"), "{error}");
    }

    #[test]
    fn the_robots_own_names_stand_at_their_own_places_and_others_may_stand_anywhere() {
        let names = ["a", "b", "c"].map(String::from);
        let complete = |given: [&str; 3]| {
            let mut config =
                ControlConfig { joint_names: given.map(String::from).to_vec(), ..ControlConfig::default() };
            config.complete(&names, &[LIMITS; 3]).map_err(|error| error.to_string())
        };
        let error = complete(["a", "c", "b"]).unwrap_err();
        assert!(error.contains("joint_names") && error.contains("\"c\" in the place of \"b\""), "{error}");
        assert!(error.contains("a, b, c"), "{error}");
        assert!(complete(["x", "a", "c"]).unwrap_err().contains("\"a\" in the place of \"b\""));
        assert_eq!(complete(["left/a", "left/b", "left/c"]), Ok(()));
        assert_eq!(complete(["a", "b", "c"]), Ok(()));
    }

    #[test]
    fn errors_name_key_value_and_range() {
        let refused = |change: fn(&mut ControlConfig)| {
            let mut config = ControlConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for (text, parts) in [
            (refused(|c| c.publish_hz = Some(20.0)), ["publish_hz", "20", "50 to 1000"]),
            (refused(|c| c.state_timeout_secs = f64::NAN), ["state_timeout_secs", "NaN", "0.01 to 1"]),
            (refused(|c| c.command_topic = "commands".into()), ["command_topic", "commands", "/name"]),
            (
                refused(|c| {
                    c.interface = CommandInterface::ForwardVelocity;
                    c.command_topic = CommandInterface::ForwardPosition.usual_topic().into();
                }),
                ["command_topic", "/forward_position_controller/commands", "ForwardVelocity"],
            ),
            (refused(|c| c.joint_names = vec!["a".into(); 2]), ["joint_names", "\"a\"", "once"]),
            (refused(|c| c.gripper.goal_timeout_secs = 0.0), ["gripper.goal_timeout_secs", "0", "0.5 to 60"]),
            (refused(|c| c.gripper.closed_m = 0.09), ["gripper.closed_m", "0.09", "open_m"]),
            (refused(|c| c.gripper.joint = Some(String::new())), ["gripper.joint", "\"\"", "arm's"]),
        ] {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }

    #[test]
    fn no_topic_of_states_is_listened_to_twice() {
        let topics = |of_gripper: Option<&str>| -> Vec<String> {
            let gripper = GripperConfig { states_topic: of_gripper.map(String::from), ..GripperConfig::default() };
            ControlConfig { gripper, ..ControlConfig::default() }.state_topics().cloned().collect()
        };
        assert_eq!(topics(None), ["/joint_states"]);
        assert_eq!(topics(Some("/joint_states")), ["/joint_states"]);
        assert_eq!(topics(Some("/hand/joint_states")), ["/joint_states", "/hand/joint_states"]);
    }

    #[test]
    fn the_kind_of_the_gripper_says_where_it_listens() {
        for (kind, topic) in [
            ("action", "/gripper_controller/gripper_cmd"),
            ("float64_array", "/gripper_controller/commands"),
            // Not the controller's: the same name with another type would be heard by nobody.
            ("float64", "/gripper/command"),
        ] {
            let gripper = serde_yaml::from_str(&format!("kind: {kind}")).unwrap();
            let mut config = ControlConfig { gripper, ..ControlConfig::default() };
            // As a file is checked before the robot is known.
            config.validate().unwrap();
            config.complete(&["a".to_string()], &[LIMITS]).unwrap();
            assert_eq!(config.gripper.topic, topic);
        }
    }

    #[test]
    fn lengths_are_widths_or_fingers() {
        assert_eq!((LengthUnit::FingerM.of_width(0.08), LengthUnit::FingerM.to_width(0.04)), (0.04, 0.08));
        assert_eq!((LengthUnit::WidthM.of_width(0.08), LengthUnit::WidthM.to_width(0.08)), (0.08, 0.08));
    }
}
