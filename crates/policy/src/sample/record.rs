//! What a data set stores of an observation, and how observations belong together.

use neuraxis_core::{Gripper, KeyFrame, Pose, Tool, World};
use serde::{Deserialize, Serialize};

use super::Body;
use crate::dynamic::OLDEST_SECS;

/// Goals that ask for places closer than this ask for the same thing [m].
pub(crate) const SAME_M: f64 = 0.03;

/// What is stored beside each cloud of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Index of the key-frame being approached in the expert's script.
    pub kind: u32,
    /// Time since the episode began [s].
    pub secs: f64,
    /// Pose of the tool at capture.
    pub world_from_tool: Pose<World, Tool>,
    /// Key-frame reached last.
    pub reached_world_from_tool: Pose<World, Tool>,
    /// Gripper command at capture.
    pub gripper: Gripper,
    /// Width at capture [m].
    pub gripper_width_m: f64,
    /// Goals that are valid in this observation; the first is the one being executed. The others' scripts have been the
    /// same so far.
    pub goals: Vec<LabelledGoal>,
}

/// A sentence and the key-frame that it asks for in an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelledGoal {
    /// The sentence.
    pub instruction: String,
    /// The key-frame to approach.
    pub keyframe: KeyFrame,
    /// Position of the last key-frame of its script [m]; none in data sets from before there was an outlook.
    #[serde(default)]
    pub end_xyz_in_world: Option<[f64; 3]>,
}

impl Record {
    /// Does the sentence decide between places?
    pub fn is_choice(&self) -> bool {
        let place = |goal: &LabelledGoal| goal.keyframe.world_from_tool.position();
        self.goals.iter().skip(1).any(|other| (place(other) - place(&self.goals[0])).norm() > SAME_M)
    }

    /// The robot's own state at capture.
    pub fn body(&self) -> Body {
        Body::new(self.world_from_tool, self.reached_world_from_tool, self.gripper, self.gripper_width_m)
    }
}

/// The observation before this one in its episode, if it is not too old.
pub fn previous(records: &[Record], i: usize) -> Option<usize> {
    let before = i.checked_sub(1)?;
    let (a, b) = (records.get(before)?, records.get(i)?);
    let recent = (0.0..=OLDEST_SECS).contains(&(b.secs - a.secs));
    (a.task == b.task && a.seed == b.seed && a.kind <= b.kind && recent).then_some(before)
}

/// The part `holdout` of all scenes, chosen by a multiplicative hash of the seed, so that a scene is never split. Seed 0 is
/// always among them: who counts episodes instead begins with 1, and no number below 34 is in the default part.
pub(crate) fn is_held_out(seed: u64, holdout: f64) -> bool {
    let draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
    (draw as f64 / (1u64 << 53) as f64) < holdout
}
