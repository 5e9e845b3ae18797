//! The outgoing side: joint states and cameras.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use neuraxis_channel::RingReceiver;
use neuraxis_core::{ArmState, CameraView, Clock, Nanos};
use r2r::{
    Node, Publisher, WrappedTypesupport,
    builtin_interfaces::msg::Time,
    geometry_msgs::msg::PoseStamped,
    sensor_msgs::msg::{CameraInfo, Image, JointState},
    std_msgs::msg::String as Text,
};

use crate::{RosConfig, RosError, RosStats, conversions, topics};

/// Makes messages' stamps out of ours.
pub(crate) struct Stamper {
    clock: Arc<dyn Clock>,
    ros_clock: Arc<Mutex<r2r::Clock>>,
}

impl Stamper {
    pub(crate) fn new(clock: Arc<dyn Clock>, node: &Node) -> Self {
        Self { clock, ros_clock: node.get_ros_clock() }
    }

    /// ROS time.
    pub(crate) fn now(&self) -> Option<Duration> {
        self.ros_clock.lock().ok()?.get_now().ok()
    }

    /// ROS time, as messages have it.
    pub(crate) fn time(&self) -> Option<Time> {
        Some(conversions::time_to_msg(self.now()?))
    }

    /// How long ago something was captured, by the clock that stamped it.
    pub(crate) fn age(&self, captured: Nanos) -> Duration {
        Duration::from_nanos((self.clock.now() - captured).0)
    }

    /// The moment of a capture, as messages have it.
    pub(crate) fn stamp(&self, captured: Nanos) -> Option<Time> {
        Some(conversions::time_to_msg(conversions::ros_time_of(self.now()?, self.clock.now(), captured)))
    }
}

/// Publishes what the arm measures.
pub(crate) struct ArmOut {
    joint_names: Vec<String>,
    finger_joint: String,
    publisher: Publisher<JointState>,
    previous: Option<ArmState>,
}

impl ArmOut {
    pub(crate) fn new(node: &mut Node, joint_names: Vec<String>, config: &RosConfig) -> Result<Self, RosError> {
        let publisher = publisher(node, topics::JOINT_STATES, topics::joint_states_qos())?;
        Ok(Self { joint_names, finger_joint: config.finger_joint.clone(), publisher, previous: None })
    }

    pub(crate) fn publish(&mut self, state: &ArmState, stamper: &Stamper, stats: &mut RosStats) {
        // A state that is incomplete or not finite must not look like a measurement.
        let is_whole = state.q.len() == self.joint_names.len() && state.qd.len() == state.q.len();
        let is_finite = state.q.is_finite() && state.qd.is_finite() && state.gripper_width_m.is_finite();
        if !(is_whole && is_finite) {
            stats.malformed += 1;
            return;
        }
        // The arm reports no finger velocity: it is the difference of what was published, and the finger moves half as
        // far as the pads part.
        let finger_velocity_m_s = self.previous.map_or(0.0, |previous| {
            let dt_secs = state.stamp.secs_since(previous.stamp);
            if dt_secs > 0.0 { 0.5 * (state.gripper_width_m - previous.gripper_width_m) / dt_secs } else { 0.0 }
        });
        self.previous = Some(*state);
        let sent = stamper.stamp(state.stamp).is_some_and(|stamp| {
            let header = conversions::header(&stamp, "");
            let names = (&self.joint_names, &self.finger_joint);
            let msg = conversions::joint_state_to_msg(header, names.0, names.1, state, finger_velocity_m_s);
            self.publisher.publish(&msg).is_ok()
        });
        stats.count_published(sent, |stats| &mut stats.joint_states);
    }
}

/// Publishes what a brain says.
pub(crate) struct EventsOut {
    lines: RingReceiver<String>,
    publisher: Publisher<Text>,
}

impl EventsOut {
    pub(crate) fn new(node: &mut Node, lines: RingReceiver<String>) -> Result<Self, RosError> {
        Ok(Self { lines, publisher: publisher(node, topics::BRAIN_EVENTS, topics::brain_events_qos())? })
    }

    pub(crate) fn publish(&mut self, stats: &mut RosStats) {
        while let Some(data) = self.lines.pop() {
            let sent = self.publisher.publish(&Text { data }).is_ok();
            stats.count_published(sent, |stats| &mut stats.events);
        }
    }
}

/// Publishes what one camera sees.
pub(crate) struct CameraOut {
    pub(crate) name: String,
    frame_id: String,
    world_frame: String,
    image: Publisher<Image>,
    depth: Publisher<Image>,
    info: Publisher<CameraInfo>,
    pose: Publisher<PoseStamped>,
}

impl CameraOut {
    pub(crate) fn new(node: &mut Node, name: &str, config: &RosConfig) -> Result<Self, RosError> {
        Ok(Self {
            name: name.into(),
            frame_id: topics::optical_frame(name),
            world_frame: config.world_frame.clone(),
            image: publisher(node, &topics::image(name), topics::camera_qos())?,
            depth: publisher(node, &topics::depth(name), topics::camera_qos())?,
            info: publisher(node, &topics::camera_info(name), topics::camera_qos())?,
            pose: publisher(node, &topics::pose(name), topics::camera_qos())?,
        })
    }

    /// Somebody takes its colour, depth, calibration and pose.
    pub(crate) fn is_heard(&self) -> bool {
        is_heard(&self.image) && is_heard(&self.depth) && is_heard(&self.info) && is_heard(&self.pose)
    }

    pub(crate) fn publish(&self, view: &CameraView, captured: Nanos, stamper: &Stamper, stats: &mut RosStats) {
        match stamper.stamp(captured) {
            Some(stamp) => self.publish_at(view, &stamp, &stamp, stats),
            None => stats.failed += 1,
        }
    }

    /// With stamps of the caller's, depth's apart from the others'.
    pub(crate) fn publish_at(&self, view: &CameraView, stamp: &Time, depth_stamp: &Time, stats: &mut RosStats) {
        if !(conversions::is_whole(view) && view.world_from_camera.is_valid()) {
            stats.malformed += 1;
            return;
        }
        let sent = self.send(view, stamp, depth_stamp).is_ok();
        stats.count_published(sent, |stats| &mut stats.images);
    }

    // Calibration goes before the pixels: who pairs them by stamp has it at hand when the image comes.
    fn send(&self, view: &CameraView, stamp: &Time, depth_stamp: &Time) -> r2r::Result<()> {
        let header = || conversions::header(stamp, &self.frame_id);
        let pose = conversions::pose_to_msg(&view.world_from_camera);
        self.pose.publish(&PoseStamped { header: conversions::header(stamp, &self.world_frame), pose })?;
        self.info.publish(&conversions::intrinsics_to_msg(header(), &view.intrinsics))?;
        // Pixels are copied only for somebody.
        if self.image.get_inter_process_subscription_count()? > 0 {
            self.image.publish(&conversions::rgb_to_msg(header(), view))?;
        }
        if self.depth.get_inter_process_subscription_count()? > 0 {
            let header = conversions::header(depth_stamp, &self.frame_id);
            self.depth.publish(&conversions::depth_to_msg(header, view))?;
        }
        Ok(())
    }
}

/// Somebody in another process takes what it publishes.
pub(crate) fn is_heard<T: WrappedTypesupport + 'static>(publisher: &Publisher<T>) -> bool {
    publisher.get_inter_process_subscription_count().is_ok_and(|count| count > 0)
}

/// A publisher of the node.
pub(crate) fn publisher<T: WrappedTypesupport + 'static>(
    node: &mut Node,
    topic: &str,
    qos: r2r::QosProfile,
) -> Result<Publisher<T>, RosError> {
    let made = node.create_publisher::<T>(topic, qos);
    made.map_err(|source| RosError::Make { what: format!("publisher {topic}"), source })
}
