//! Where the node is connected to the rest of the program.

use std::{ops::Deref, sync::Arc};

use neuraxis_channel::{MailboxReader, RingReceiver, RingSender};
use neuraxis_core::{ArmState, Base, Clock, Observation, Pose, TaskOrder, TaskReport, World};

use crate::{RosConfig, RosError, config, looked::Looks, supervision::Supervision};

/// The node's ends of lock-free channels, and the names of what they carry.
///
/// `F` owns or shares an observation: `Box<Observation>`, `Arc<Observation>`, or `neuraxis_channel::Slot<Observation>`.
pub struct RosPorts<F: Deref<Target = Observation>> {
    /// The clock that stamps `states` and `frames`. Messages carry ROS time: now, less the age by this clock.
    pub clock: Arc<dyn Clock>,
    /// The arm's joints, in the order of [`ArmState::q`], as in the URDF.
    pub joint_names: Vec<String>,
    /// Link of the URDF that stands still, for tf.
    pub base_frame: String,
    /// X_WB: where it stands.
    pub world_from_base: Pose<World, Base>,
    /// The cameras for which topics are made, as in [`neuraxis_core::CameraView::name`].
    pub camera_names: Vec<String>,
    /// What the node leaves to others.
    pub others: Others,
    /// What the arm measures. Only fresh states are published: when the arm falls silent, so does the topic.
    pub states: MailboxReader<ArmState>,
    /// What the cameras see. The node takes the newest and drops the rest, so two places and
    /// [`RingSender::push_newest`] suit it.
    pub frames: RingReceiver<F>,
    /// What a brain plans, does and notices, a line each.
    pub events: RingReceiver<String>,
    /// What the policy looked at, prediction by prediction.
    pub looks: Looks,
    /// Instructions and goals that passed [`crate::instruction::accept`], and wishes to end a goal. Whoever carries them
    /// out takes them in order; the newest counts.
    pub orders: RingSender<TaskOrder>,
    /// What is said of goals, at 1 Hz or more while one runs: a goal of which nothing is heard is given up.
    /// [`RingSender::push_newest`] suits it.
    pub reports: RingReceiver<TaskReport>,
    /// Called at each stop request, on the node's thread, before it is answered. Must not block: raise a flag.
    pub stop: Box<dyn FnMut() + Send>,
    /// Called at each reset request, on the node's thread, before it is answered. Must not block: raise a flag.
    pub reset: Box<dyn FnMut() + Send>,
    /// Lifecycle, diagnostics, robot description and markers.
    pub supervision: Supervision,
}

/// What others publish already, and the node therefore does not: an arm with two voices is believed by nobody.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// `joint_states`: the arm's own controllers.
    pub publish_states: bool,
    /// Pictures with calibration and pose: the cameras' drivers. Their frames on `/tf` are ours in any case.
    pub publish_cameras: bool,
}

impl<F: Deref<Target = Observation>> RosPorts<F> {
    /// Names of joints and frames become parts of messages, those of cameras parts of topics.
    pub(crate) fn validate(&self, config: &RosConfig) -> Result<(), RosError> {
        check_joints(&self.joint_names)?;
        if self.joint_names.contains(&config.finger_joint) {
            let allowed = "a joint that is not one of the arm's";
            return Err(config::setting("finger_joint", &config.finger_joint, allowed));
        }
        self.supervision.validate()?;
        config::check_urdf_name("base_frame", &self.base_frame)?;
        if !self.world_from_base.is_valid() {
            return Err(config::setting(
                "world_from_base",
                format!("{:?}", self.world_from_base),
                "a pose of finite numbers",
            ));
        }
        for (i, name) in self.camera_names.iter().enumerate() {
            config::check_name("camera_names", name)?;
            if self.camera_names[..i].contains(name) {
                return Err(config::setting("camera_names", name, "each camera once"));
            }
        }
        Ok(())
    }
}

/// As in the URDF, each once.
pub(crate) fn check_joints(names: &[String]) -> Result<(), RosError> {
    if names.is_empty() {
        return Err(config::setting("joint_names", "empty", "at least one"));
    }
    for (i, name) in names.iter().enumerate() {
        config::check_urdf_name("joint_names", name)?;
        if names[..i].contains(name) {
            return Err(config::setting("joint_names", format!("{name:?}"), "each joint once"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_are_named_as_in_the_urdf_each_once() {
        let checked = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            check_joints(&names).map_err(|error| error.to_string())
        };
        assert_eq!(checked(&["left/a-1", "left/a-2", "7"]), Ok(()));
        for (names, part) in [
            (&["a", ""][..], "as in the URDF"),
            (&[], "at least one"),
            (&["a\0"], "as in the URDF"),
            (&["a", "b", "a"], "each joint once"),
        ] {
            let error = checked(names).unwrap_err();
            assert!(error.contains("joint_names") && error.contains(part), "{error}");
        }
    }
}
