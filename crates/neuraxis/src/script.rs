//! A scripted list of key-frames as a policy: experts, and plan files later.

use nalgebra::Vector3;
use neuraxis_core::{Instruction, KeyFrame, Observation, Policy, PolicyError, Pose, Prediction, StageTimes};
use neuraxis_sim::Plant;

use crate::lockstep::Pilot;

/// Gives the key-frame after the ones already reached; acts through the same body as any policy.
pub struct Script {
    keyframes: Vec<KeyFrame>,
    seq: u64,
}

impl Script {
    /// In the order in which they are to be reached.
    pub fn new(keyframes: Vec<KeyFrame>) -> Self {
        Self { keyframes, seq: 0 }
    }

    fn next(&mut self, seen: &Observation, words: &Instruction, shift_m: [f64; 2]) -> Result<Prediction, PolicyError> {
        let index = seen.progress.reached_count as usize;
        let keyframe = *self.keyframes.get(index).or(self.keyframes.last()).ok_or_else(|| {
            PolicyError::Instruction { text: words.text.to_string(), reason: "the script has no key-frames".into() }
        })?;
        let pose = keyframe.world_from_tool;
        let shifted = pose.position() + Vector3::new(shift_m[0], shift_m[1], 0.0);
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: words.epoch,
            observed_at: seen.stamp,
            keyframe: KeyFrame { world_from_tool: Pose::from_parts(shifted, pose.rotation()), ..keyframe },
            confidence: 1.0,
            times: StageTimes::default(),
        })
    }
}

/// On the wall clock nobody tells a script that the scene has moved.
impl Policy for Script {
    fn predict(&mut self, observation: &Observation, instruction: &Instruction) -> Result<Prediction, PolicyError> {
        self.next(observation, instruction, [0.0; 2])
    }
}

/// In lockstep the script follows a scene that moves.
impl Pilot for Script {
    fn looks(&self) -> bool {
        false
    }

    fn predict(&mut self, seen: &Observation, words: &Instruction, plant: &Plant) -> Result<Prediction, PolicyError> {
        self.next(seen, words, plant.shift_m())
    }
}
