//! What the robot's cameras show, and where they are.

use std::ops::Deref;

use nalgebra::Vector3;
use neuraxis_core::{Camera, Observation, Pose, World};
use r2r::tf2_msgs::msg::TFMessage;

use super::{MOVED_M, PlantNode, SKEW};
use crate::{frames::transform, plant::Misbehaviour};

impl<F: Deref<Target = Observation> + Send> PlantNode<F> {
    pub(super) fn show(&mut self) {
        let Some(mut newest) = self.ports.frames.pop() else { return };
        while let Some(newer) = self.ports.frames.pop() {
            newest = newer;
        }
        if !self.does(Misbehaviour::CamerasFreeze) || self.shown.is_none() {
            let depth_at = if self.does(Misbehaviour::CameraSkew) { newest.stamp - SKEW } else { newest.stamp };
            let stamps = self.stamper.stamp(newest.stamp).zip(self.stamper.stamp(depth_at));
            self.shown = stamps.map(|(stamp, depth_stamp)| (newest, stamp, depth_stamp));
        }
        let Some((frame, stamp, depth_stamp)) = &self.shown else { return };
        for view in &frame.cameras {
            if let Some(camera) = self.cameras.iter().find(|camera| *camera.name == *view.name) {
                camera.publish_at(view, stamp, depth_stamp, &mut self.camera_stats);
            }
        }
        if self.does(Misbehaviour::TfSilent) {
            return;
        }
        let off_m = if self.does(Misbehaviour::CamerasMove) { MOVED_M } else { 0.0 };
        let transforms = frame.cameras.iter().map(|view| {
            let pose = &view.world_from_camera;
            let moved =
                Pose::<World, Camera>::from_parts(pose.position() + Vector3::new(off_m, 0.0, 0.0), pose.rotation());
            transform(stamp, "world", &format!("{}_seat", view.name), &moved)
        });
        let sent = self.tf.publish(&TFMessage { transforms: transforms.collect() }).is_ok();
        self.camera_stats.count_published(sent, |stats| &mut stats.frames);
    }
}
