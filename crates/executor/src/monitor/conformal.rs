//! Thresholds from nominal runs, without training and without guessing: split conformal prediction (Vovk, Gammerman and
//! Shafer 2005; Lei et al. 2018, section 2.2).
//!
//! With `n` scores of nominal runs the threshold is the `ceil((n + 1)(1 - alpha))`-th smallest. A further nominal run,
//! exchangeable with them, exceeds it with a probability of at most `alpha`. With `n < 1/alpha - 1` that place does not
//! exist: the monitor stays unarmed, and says how many runs it lacks.

use neuraxis_plan::Skill;

use super::{CHANNELS, Channel};
use crate::ExecutorError;

/// Scores kept for each skill and channel; the oldest go first.
const MOST_RUNS: usize = 1000;
const SKILLS: usize = Skill::ALL.len();

/// Runs without which there is no threshold at this rate of false alarms.
pub fn runs_needed(alpha: f64) -> Result<usize, ExecutorError> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(ExecutorError::Alpha(alpha));
    }
    // Tolerance: 1/0.01 - 1 is to be 99, whatever the rounding.
    Ok((1.0 / alpha - 1.0 - 1e-9).ceil().max(1.0) as usize)
}

/// The threshold that a further nominal score exceeds with a probability of at most `alpha`.
pub fn conformal_threshold(scores: &[f64], alpha: f64) -> Result<f64, ExecutorError> {
    let need = runs_needed(alpha)?;
    if let Some(wrong) = scores.iter().find(|score| !score.is_finite()) {
        return Err(ExecutorError::Score(*wrong));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((scores.len() + 1) as f64 * (1.0 - alpha) - 1e-9).ceil().max(1.0) as usize;
    let too_few = ExecutorError::TooFewRuns { have: scores.len(), need, alpha };
    sorted.get(place - 1).copied().ok_or(too_few)
}

/// Highest scores of nominal runs, by skill and channel ([`crate::What::Peak`]). Kept off the loop; allocates.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    scores: [[Vec<f64>; CHANNELS]; SKILLS],
}

impl Calibration {
    /// Adds a run.
    pub fn add(&mut self, skill: Skill, channel: Channel, peak: f64) -> Result<(), ExecutorError> {
        if !peak.is_finite() {
            return Err(ExecutorError::Score(peak));
        }
        if let Some(scores) = self.scores.get_mut(skill as usize).and_then(|of| of.get_mut(channel as usize)) {
            if scores.len() == MOST_RUNS {
                scores.remove(0);
            }
            scores.push(peak);
        }
        Ok(())
    }

    /// Its scores so far, oldest first.
    pub fn scores(&self, skill: Skill, channel: Channel) -> &[f64] {
        self.scores.get(skill as usize).and_then(|of| of.get(channel as usize)).map_or(&[], Vec::as_slice)
    }

    /// The threshold of one.
    pub fn threshold(&self, skill: Skill, channel: Channel, alpha: f64) -> Result<f64, ExecutorError> {
        conformal_threshold(self.scores(skill, channel), alpha)
    }

    /// Arms what has enough runs; what has not stays unarmed.
    pub fn thresholds(&self, alpha: f64) -> Result<Thresholds, ExecutorError> {
        runs_needed(alpha)?;
        let mut thresholds = Thresholds::default();
        for skill in Skill::ALL {
            for channel in Channel::ALL {
                if let Ok(threshold) = self.threshold(skill, channel, alpha) {
                    thresholds.arm(skill, channel, threshold)?;
                }
            }
        }
        Ok(thresholds)
    }
}

/// Thresholds of the channels by skill; `None`: not armed. Plain numbers, copied into the loop.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Thresholds([[Option<f64>; CHANNELS]; SKILLS]);

impl Thresholds {
    /// Sets one.
    pub fn arm(&mut self, skill: Skill, channel: Channel, threshold: f64) -> Result<(), ExecutorError> {
        if !threshold.is_finite() {
            return Err(ExecutorError::Score(threshold));
        }
        if let Some(slot) = self.0.get_mut(skill as usize).and_then(|of| of.get_mut(channel as usize)) {
            *slot = Some(threshold);
        }
        Ok(())
    }

    /// One of them; `None`: not armed.
    pub fn of(&self, skill: Skill, channel: Channel) -> Option<f64> {
        self.0.get(skill as usize)?.get(channel as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn the_place_is_the_one_of_the_formula() {
        let scores: Vec<f64> = (1..=99).rev().map(f64::from).collect();
        assert_eq!(conformal_threshold(&scores, 0.01), Ok(99.0));
        assert_eq!(conformal_threshold(&scores, 0.1), Ok(90.0));
        assert_eq!(conformal_threshold(&[4.0], 0.5), Ok(4.0));
    }

    #[test]
    fn too_few_runs_are_told_with_their_number_and_arm_nothing() {
        let scores = vec![1.0; 98];
        let error = conformal_threshold(&scores, 0.01).unwrap_err();
        assert_eq!(error, ExecutorError::TooFewRuns { have: 98, need: 99, alpha: 0.01 });
        assert_eq!(error.to_string(), "98 nominal runs, 99 are needed for a false alarm rate of 0.01");
        let mut calibration = Calibration::default();
        for _ in 0..98 {
            calibration.add(Skill::Grasp, Channel::Slip, 0.001).unwrap();
        }
        assert_eq!(calibration.thresholds(0.01).unwrap(), Thresholds::default());
        calibration.add(Skill::Grasp, Channel::Slip, 0.002).unwrap();
        assert_eq!(calibration.thresholds(0.01).unwrap().of(Skill::Grasp, Channel::Slip), Some(0.002));
        assert!(calibration.add(Skill::Grasp, Channel::Slip, f64::NAN).is_err());
        assert!(calibration.thresholds(0.0).is_err() && calibration.thresholds(f64::NAN).is_err());
    }

    #[test]
    fn need_and_place_agree_at_every_rate() {
        for alpha in [0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.3, 0.5, 0.9] {
            let need = runs_needed(alpha).unwrap();
            assert!(conformal_threshold(&vec![1.0; need], alpha).is_ok(), "{alpha}");
            assert!(conformal_threshold(&vec![1.0; need - 1], alpha).is_err(), "{alpha}");
        }
    }

    /// Ten thousand nominal runs, each against a threshold from 199 others: at most twice the rate are alarms.
    #[test]
    fn nominal_runs_exceed_the_threshold_no_more_often_than_promised() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(4);
        // Heavy tails, that no normal law would describe.
        let mut score = || 1.0 / (1.0 - rng.random::<f64>()).sqrt();
        let mut alarms = 0;
        for _ in 0..100 {
            let nominal: Vec<f64> = (0..199).map(|_| score()).collect();
            let threshold = conformal_threshold(&nominal, 0.01).unwrap();
            alarms += (0..100).filter(|_| score() > threshold).count();
        }
        assert!((40..=200).contains(&alarms), "{alarms} of 10000");
    }
}
