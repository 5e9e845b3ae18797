//! A small policy that acts on what it sees, and refuses what it cannot trust: between two key-frames, for ever.

use neuraxis_core::{Clock, Instruction, KeyFrame, Observation, Policy, PolicyError, Prediction, StageTimes};

/// Older images are not acted on [s].
const OLDEST_SECS: f64 = 0.15;
/// Clocks of threads and cameras may differ by this [s].
const SKEW_SECS: f64 = 0.02;
/// Depths that a camera can measure [m].
const NEAREST_M: f32 = 0.05;
const FARTHEST_M: f32 = 10.0;

/// Answers with one of two key-frames by turns, if the observation is fresh, well formed and new.
pub struct EyedPolicy<C> {
    clock: C,
    keyframes: [KeyFrame; 2],
    seq: u64,
    epoch: u32,
    newest: Option<u64>,
}

impl<C: Clock> EyedPolicy<C> {
    /// `clock` is the one that stamps observations.
    pub fn new(clock: C, keyframes: [KeyFrame; 2]) -> Self {
        Self { clock, keyframes, seq: 0, epoch: 0, newest: None }
    }

    fn check(&self, observation: &Observation) -> Result<(), String> {
        if self.newest.is_some_and(|newest| observation.seq <= newest) {
            return Err(format!("seen already, or older than observation {}", self.newest.unwrap_or(0)));
        }
        let age_secs = self.clock.now().secs_since(observation.stamp);
        if age_secs > OLDEST_SECS {
            return Err(format!("{age_secs:.3} s old"));
        }
        if age_secs < -SKEW_SECS {
            return Err(format!("{:.3} s in the future", -age_secs));
        }
        if !observation.q.is_finite() || observation.cameras.is_empty() {
            return Err("no camera, or joints that are not finite".into());
        }
        for view in &observation.cameras {
            let pixels = view.intrinsics.width as usize * view.intrinsics.height as usize;
            if view.rgb.len() != 3 * pixels || view.depth_m.len() != pixels {
                return Err(format!("camera {}: {} depths for {pixels} pixels", view.name, view.depth_m.len()));
            }
            let seen = view.depth_m.iter().filter(|depth| (NEAREST_M..=FARTHEST_M).contains(*depth)).count();
            if 2 * seen < pixels {
                return Err(format!("camera {}: {seen} of {pixels} depths are measurements", view.name));
            }
        }
        Ok(())
    }
}

impl<C: Clock> Policy for EyedPolicy<C> {
    fn predict(&mut self, observation: &Observation, instruction: &Instruction) -> Result<Prediction, PolicyError> {
        if instruction.epoch != self.epoch {
            // A new task: a camera that was started again may count from zero.
            (self.epoch, self.newest) = (instruction.epoch, None);
        }
        self.check(observation).map_err(|reason| PolicyError::Observation { seq: observation.seq, reason })?;
        self.newest = Some(observation.seq);
        self.seq += 1;
        let index = observation.progress.reached_count as usize % self.keyframes.len();
        let keyframe = *self.keyframes.get(index).ok_or_else(|| PolicyError::Internal("no key-frame".into()))?;
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
