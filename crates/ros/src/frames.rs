//! Frames for tf: where the cameras are, and where the arm stands. The arm's links are `robot_state_publisher`'s, which
//! makes them of `joint_states` and the robot's description.

use neuraxis_core::{Base, CameraView, Frame, Observation, Pose, World};
use r2r::{
    Node, Publisher,
    builtin_interfaces::msg::Time,
    geometry_msgs::msg::{Transform, TransformStamped, Vector3},
    tf2_msgs::msg::TFMessage,
};

use crate::{RosConfig, RosError, RosStats, conversions, publish::Stamper, topics};

/// Publishes `world -> <camera>_optical_frame` with each observation, and once `world -> base`.
pub(crate) struct FramesOut {
    world_frame: String,
    moving: Publisher<TFMessage>,
}

impl FramesOut {
    /// Says where the base stands, to all who will ever ask.
    pub(crate) fn new(
        node: &mut Node,
        config: &RosConfig,
        base_frame: &str,
        world_from_base: &Pose<World, Base>,
        stamper: &Stamper,
    ) -> Result<Self, RosError> {
        let failed = |topic: &str| {
            let what = format!("publisher {topic}");
            move |source| RosError::Make { what, source }
        };
        let moving = node.create_publisher(topics::TF, topics::tf_qos()).map_err(failed(topics::TF))?;
        let fixed = node.create_publisher::<TFMessage>(topics::TF_STATIC, topics::tf_static_qos());
        let fixed = fixed.map_err(failed(topics::TF_STATIC))?;
        // No clock, no time: a static transform holds at any.
        let base = transform(&stamper.time().unwrap_or_default(), &config.world_frame, base_frame, world_from_base);
        fixed.publish(&TFMessage { transforms: vec![base] }).map_err(failed(topics::TF_STATIC))?;
        Ok(Self { world_frame: config.world_frame.clone(), moving })
    }

    /// Where the cameras were when they saw this. Frames of cameras without topics, and poses that are none, stay away.
    pub(crate) fn publish(
        &self,
        seen: &Observation,
        is_known: impl Fn(&CameraView) -> bool,
        stamper: &Stamper,
        stats: &mut RosStats,
    ) {
        let Some(stamp) = stamper.stamp(seen.stamp) else {
            stats.failed += 1;
            return;
        };
        let views = seen.cameras.iter().filter(|view| is_known(view) && view.world_from_camera.is_valid());
        let transforms: Vec<_> = views
            .map(|view| {
                let frame = topics::optical_frame(&view.name);
                transform(&stamp, &self.world_frame, &frame, &view.world_from_camera)
            })
            .collect();
        if !transforms.is_empty() {
            let sent = self.moving.publish(&TFMessage { transforms }).is_ok();
            stats.count_published(sent, |stats| &mut stats.frames);
        }
    }
}

/// `X_AB`: the pose of frame `b` in frame `a`, which is b's parent.
pub(crate) fn transform<A: Frame, B: Frame>(stamp: &Time, a: &str, b: &str, a_from_b: &Pose<A, B>) -> TransformStamped {
    let pose = conversions::pose_to_msg(a_from_b);
    let translation = Vector3 { x: pose.position.x, y: pose.position.y, z: pose.position.z };
    TransformStamped {
        header: conversions::header(stamp, a),
        child_frame_id: b.into(),
        transform: Transform { translation, rotation: pose.orientation },
    }
}
