//! A scripted list of key-frames as a policy: experts, and plan files later.

use nalgebra::Vector3;
use neuraxis_core::{Instruction, KeyFrame, Observation, Policy, PolicyError, Pose, Prediction, StageTimes};
use neuraxis_sim::{Goal, Plant, Setup};

use crate::lockstep::Pilot;

/// Gives the key-frame after the ones already reached; acts through the same body as any policy.
pub struct Script {
    keyframes: Vec<KeyFrame>,
    /// Key-frames reached before the first of these.
    from: u32,
    seq: u64,
}

impl Script {
    /// In the order in which they are to be reached.
    pub fn new(keyframes: Vec<KeyFrame>) -> Self {
        Self { keyframes, from: 0, seq: 0 }
    }

    /// How many of its key-frames are still ahead.
    fn ahead(&self, seen: &Observation) -> usize {
        self.keyframes.len().saturating_sub((seen.progress.reached_count - self.from) as usize)
    }
}

impl Policy for Script {
    fn predict(&mut self, observation: &Observation, instruction: &Instruction) -> Result<Prediction, PolicyError> {
        let index = self.keyframes.len() - self.ahead(observation);
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
            path: None,
        })
    }
}

/// The expert of a task in lockstep: follows a scene that moves, and goes on where a script ends before the goal is met.
pub struct Expert<'a> {
    setup: &'a Setup,
    goal: Goal,
    script: Script,
    /// How far the scene had been displaced when the script was made [m].
    shift_m: [f64; 2],
}

impl<'a> Expert<'a> {
    /// Begins with these key-frames.
    pub fn new(setup: &'a Setup, goal: Goal, keyframes: Vec<KeyFrame>) -> Self {
        Self { setup, goal, script: Script::new(keyframes), shift_m: [0.0; 2] }
    }
}

impl Pilot for Expert<'_> {
    fn looks(&self) -> bool {
        false
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        if self.script.ahead(seen) == 0 {
            let more = self.setup.more_keyframes(&self.goal, plant);
            let more = more.map_err(|error| PolicyError::Internal(error.to_string()))?;
            if !more.is_empty() {
                (self.script.keyframes, self.script.from) = (more, seen.progress.reached_count);
                self.shift_m = plant.shift_m();
            }
        }
        let mut prediction = self.script.predict(seen, words)?;
        let [x, y] = plant.shift_m();
        let pose = prediction.keyframe.world_from_tool;
        let shifted = pose.position() + Vector3::new(x - self.shift_m[0], y - self.shift_m[1], 0.0);
        prediction.keyframe.world_from_tool = Pose::from_parts(shifted, pose.rotation());
        Ok(Some(prediction))
    }
}
