//! The robot's own state as an input of the networks.

use nalgebra::Vector3;
use neuraxis_core::{Gripper, Pose, Tool, World};
use neuraxis_vision::CubeFrame;

use crate::{network::PROPRIO, views};

/// The robot's own state as the networks see it.
#[derive(Copy, Clone, Debug)]
pub struct Body {
    /// Tool now.
    pub world_from_tool: Pose<World, Tool>,
    /// Key-frame reached last.
    pub reached: Pose<World, Tool>,
    /// Gripper command.
    pub gripper: Gripper,
    /// Distance of the finger pads [m].
    pub width_m: f64,
}

impl Body {
    /// All fields.
    pub fn new(world_from_tool: Pose<World, Tool>, reached: Pose<World, Tool>, gripper: Gripper, width_m: f64) -> Self {
        Self { world_from_tool, reached, gripper, width_m }
    }

    /// Gripper command, width, last key-frame (3), tool (3), approach direction (3), way since the last key-frame.
    /// Positions are in the stage's cube, clipped to ±2. No time step (ARP#6).
    pub fn proprio(&self, frame: &CubeFrame) -> [f32; PROPRIO as usize] {
        let clip = |p: Vector3<f64>| p.map(|x| x.clamp(-2.0, 2.0) as f32);
        let reached = clip(frame.cube_from_world(&self.reached.position()));
        let tool = clip(frame.cube_from_world(&self.world_from_tool.position()));
        let rotation = views::rotation_in(frame, &self.world_from_tool.rotation());
        let approach = (rotation * Vector3::z()).map(|x| x as f32);
        let way = (self.world_from_tool.position() - self.reached.position()).norm() * 5.0;
        let gripper = if self.gripper == Gripper::Open { 1.0 } else { -1.0 };
        [
            gripper,
            (self.width_m / 0.04 - 1.0) as f32,
            reached.x,
            reached.y,
            reached.z,
            tool.x,
            tool.y,
            tool.z,
            approach.x,
            approach.y,
            approach.z,
            way.min(3.0) as f32,
        ]
    }
}
