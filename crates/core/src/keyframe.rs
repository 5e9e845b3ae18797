//! The unit in which a policy thinks: reach this pose, then do this with the gripper.

use serde::{Deserialize, Serialize};

use crate::{JointPath, Nanos, Pose, Tool, World};

/// What the gripper is asked to be once the pose is reached.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gripper {
    /// Fingers fully apart.
    Open,
    /// Closed on whatever is between the fingers.
    Closed,
}

/// A goal of motion.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyFrame {
    /// `X_WT` to reach.
    pub world_from_tool: Pose<World, Tool>,
    /// Gripper state to take on after arrival.
    pub gripper: Gripper,
    /// True: contact is intended, go straight. False: go around what stands in the way.
    pub ignore_collisions: bool,
}

/// One answer of a policy: the key-frame to approach now.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Counts the answers of this source.
    pub seq: u64,
    /// Task instance it was made for; answers of older epochs are dropped.
    pub epoch: u32,
    /// Capture stamp of the observation it was made from.
    pub observed_at: Nanos,
    /// The key-frame.
    pub keyframe: KeyFrame,
    /// How sure the policy is, 0 to 1.
    pub confidence: f32,
    /// Time spent per stage.
    pub times: StageTimes,
    /// The way there around what stands in it, if somebody planned one for a free key-frame.
    #[serde(skip)]
    pub path: Option<JointPath>,
}

/// Where a policy tick's time went [s].
#[derive(Copy, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Cloud fusion and rendering of the virtual views.
    pub render_secs: f32,
    /// Copying tensors to the device.
    pub host_to_device_secs: f32,
    /// First pass over the whole scene.
    pub coarse_secs: f32,
    /// Second pass around the coarse answer.
    pub fine_secs: f32,
    /// Copying results back.
    pub device_to_host_secs: f32,
    /// The whole tick.
    pub total_secs: f32,
}
