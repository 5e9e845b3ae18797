//! A scripted list of key-frames as a policy: experts, and plan files later.

use neuraxis_core::{Instruction, KeyFrame, Observation, Policy, PolicyError, Prediction, StageTimes};

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
}

impl Policy for Script {
    fn predict(&mut self, observation: &Observation, instruction: &Instruction) -> Result<Prediction, PolicyError> {
        let index = observation.progress.reached_count as usize;
        let keyframe =
            *self.keyframes.get(index).or(self.keyframes.last()).ok_or_else(|| PolicyError::Instruction {
                text: instruction.text.to_string(),
                reason: "the script has no key-frames".into(),
            })?;
        self.seq += 1;
        Ok(Prediction {
            seq: self.seq,
            epoch: instruction.epoch,
            observed_at: observation.stamp,
            keyframe,
            confidence: 1.0,
            times: StageTimes::default(),
        })
    }
}
