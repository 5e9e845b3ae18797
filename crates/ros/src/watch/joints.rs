//! What a robot says of its joints, for whoever only shows them: more is forgiven than where an arm is driven.

use neuraxis_core::{ArmState, Nanos};
use r2r::sensor_msgs::msg::JointState;

use crate::{
    RosError,
    config::{check_urdf_name, setting},
    control::{ControlConfig, LengthUnit},
    conversions::{joint_position, joint_state_from_msg},
    ports::check_joints,
    topics,
};

/// Which joints are shown, and where their states come.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedJoints {
    names: Vec<String>,
    /// The joint that tells of the fingers, if anybody names it.
    finger: (String, LengthUnit),
    topics: Vec<String>,
    /// Distance of the pads as it was told last; before that they are shown closed [m].
    width_m: f64,
}

impl WatchedJoints {
    /// As our own nodes publish them, and many robots: named as in the URDF, on topic `joint_states`. The finger's position is
    /// half the distance between the pads. Errors: a name that is none, or a joint that is there twice.
    pub fn ours(names: Vec<String>, finger_joint: &str) -> Result<Self, RosError> {
        check_joints(&names)?;
        check_urdf_name("finger_joint", finger_joint)?;
        let finger = (finger_joint.into(), LengthUnit::FingerM);
        Ok(Self { names, finger, topics: vec![topics::JOINT_STATES.into()], width_m: 0.0 })
    }

    /// As a robot behind ros2_control publishes them by its file, where that names them. Errors: another number of joints.
    pub fn behind(self, control: &ControlConfig) -> Result<Self, RosError> {
        let (own, given) = (self.names.len(), &control.joint_names);
        if !given.is_empty() && given.len() != own {
            let allowed = format!("{own}, one for each joint of the robot");
            return Err(setting("joint_names", format!("{} names", given.len()), &allowed));
        }
        let gripper = &control.gripper;
        Ok(Self {
            names: if given.is_empty() { self.names } else { given.clone() },
            finger: gripper.joint.clone().map_or(self.finger, |joint| (joint, gripper.joint_unit)),
            topics: control.state_topics().cloned().collect(),
            width_m: self.width_m,
        })
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(String::as_str)
    }

    /// What a message says of the arm; `None` if it is about other joints. `stamp` is ours.
    pub(super) fn take(&mut self, msg: &JointState, stamp: Nanos) -> Option<Result<ArmState, RosError>> {
        let (finger, unit) = &self.finger;
        if let Some(position) = joint_position(msg, finger) {
            self.width_m = unit.to_width(position);
        }
        let is_ours = msg.name.iter().any(|name| self.names.contains(name));
        is_ours.then(|| joint_state_from_msg(msg, &self.names, self.width_m, stamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GripperConfig;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn joints() -> WatchedJoints {
        WatchedJoints::ours(names(&["a", "b"]), "f").unwrap()
    }

    fn message(names: &[&str], position: &[f64]) -> JointState {
        let nothing = vec![f64::NAN; names.len()];
        let (velocity, effort) = (nothing.clone(), nothing);
        JointState { name: self::names(names), position: position.to_vec(), velocity, effort, ..Default::default() }
    }

    /// As a `joint_state_broadcaster` says it of joints without interfaces for velocity and effort.
    #[test]
    fn a_robot_that_tells_of_positions_alone_is_shown() {
        let mut joints = joints();
        let state = joints.take(&message(&["b", "x", "a"], &[0.2, 9.0, 0.1]), Nanos(7)).unwrap().unwrap();
        assert_eq!((state.stamp, &*state.q, &*state.qd), (Nanos(7), &[0.1, 0.2][..], &[0.0, 0.0][..]));
        assert_eq!((&*state.tau_nm, state.gripper_width_m), (&[0.0, 0.0][..], 0.0));
        // Told of the fingers, together with the arm or apart, it goes on showing them there.
        let state = joints.take(&message(&["a", "b", "f"], &[0.1, 0.2, 0.03]), Nanos(8)).unwrap().unwrap();
        assert_eq!(state.gripper_width_m, 0.06);
        assert!(joints.take(&message(&["f"], &[0.02]), Nanos(9)).is_none());
        let state = joints.take(&message(&["a", "b"], &[0.1, 0.2]), Nanos(10)).unwrap().unwrap();
        assert_eq!(state.gripper_width_m, 0.04);
    }

    #[test]
    fn joints_of_others_are_no_matter_and_ours_must_all_be_there() {
        assert!(joints().take(&message(&["x", "y"], &[0.1, 0.2]), Nanos(0)).is_none());
        for msg in [message(&["a", "x"], &[0.1, 0.2]), message(&["a", "b"], &[0.1, f64::NAN])] {
            let error = joints().take(&msg, Nanos(0)).unwrap().unwrap_err().to_string();
            assert!(error.contains("joint b"), "{error}");
        }
    }

    #[test]
    fn the_arms_file_says_how_its_joints_are_named_and_where_they_are_told_of() {
        let gripper = GripperConfig {
            joint: Some("left/jaw".into()),
            joint_unit: LengthUnit::WidthM,
            states_topic: Some("/left/hand".into()),
            ..GripperConfig::default()
        };
        let mut control = ControlConfig {
            joint_names: names(&["left/a", "left/b"]),
            states_topic: "/left/states".into(),
            gripper,
            ..ControlConfig::default()
        };
        let mut left = joints().behind(&control).unwrap();
        assert_eq!(left.topics().collect::<Vec<_>>(), ["/left/states", "/left/hand"]);
        let msg = message(&["left/jaw", "left/b", "left/a"], &[0.05, 0.2, 0.1]);
        let state = left.take(&msg, Nanos(0)).unwrap().unwrap();
        assert_eq!((&*state.q, state.gripper_width_m), (&[0.1, 0.2][..], 0.05));
        // What it leaves out is as ever.
        let same = joints().behind(&ControlConfig::default()).unwrap();
        assert_eq!((same.names, same.finger), (names(&["a", "b"]), ("f".into(), LengthUnit::FingerM)));
        control.joint_names.pop();
        let error = joints().behind(&control).unwrap_err().to_string();
        assert!(error.contains("joint_names") && error.contains("2, one for each joint"), "{error}");
    }
}
