//! `configs/<robot>/monitors.yaml`: when a signal of the body is strange, from runs in which nothing went wrong.

use std::collections::BTreeMap;

use neuraxis_executor::{Calibration, Channel, Thresholds};
use neuraxis_plan::Skill;
use serde::{Deserialize, Serialize};

use crate::BrainError;

/// Whoever does not come nearer for so long will not arrive, where no runs say better [s].
const STALL_SECS: f64 = 3.0;

/// Thresholds of M1 by skill and channel. Made by `neuraxis calibrate`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorConfig {
    /// A nominal run of a skill exceeds one of its thresholds at most this often, above 0 to 1 (split conformal).
    pub alpha: f64,
    /// By names of skill and channel.
    pub thresholds: BTreeMap<String, BTreeMap<String, Threshold>>,
}

/// One of them.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// A score above this is strange, in the unit of [`Channel`].
    pub above: f64,
    /// Nominal runs behind it.
    pub runs: usize,
}

/// The highest score of a channel in a run of a skill in which nothing went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Which skill.
    pub skill: String,
    /// Which channel.
    pub channel: String,
    /// In the channel's unit.
    pub value: f64,
}

impl MonitorConfig {
    /// From peaks; what has too few runs for this rate stays out.
    pub fn calibrated(peaks: &[Peak], alpha: f64) -> Result<Self, BrainError> {
        let mut calibration = Calibration::default();
        for peak in peaks {
            calibration.add(skill(&peak.skill)?, channel(&peak.skill, &peak.channel)?, peak.value)?;
        }
        let armed = calibration.thresholds(alpha)?;
        let mut thresholds: BTreeMap<String, BTreeMap<String, Threshold>> = BTreeMap::new();
        for skill in Skill::ALL {
            for channel in Channel::ALL {
                let Some(above) = armed.of(skill, channel) else { continue };
                let runs = calibration.scores(skill, channel).len();
                let of_skill = thresholds.entry(skill.name().into()).or_default();
                of_skill.insert(channel.name().into(), Threshold { above, runs });
            }
        }
        Ok(Self { alpha, thresholds })
    }

    /// For the executor. Skills that move stall after three seconds unless the file says otherwise.
    pub fn armed(&self) -> Result<Thresholds, BrainError> {
        let mut armed = Thresholds::default();
        for skill in Skill::ALL.into_iter().filter(|skill| skill.moves() && *skill != Skill::Policy) {
            armed.arm(skill, Channel::Stall, STALL_SECS)?;
        }
        for (name, channels) in &self.thresholds {
            for (channel_name, threshold) in channels {
                if !(threshold.above.is_finite() && threshold.above > 0.0) {
                    let key = format!("thresholds.{name}.{channel_name}.above");
                    return Err(BrainError::Monitor {
                        key,
                        value: threshold.above.to_string(),
                        allowed: "finite, positive",
                    });
                }
                armed.arm(skill(name)?, channel(name, channel_name)?, threshold.above)?;
            }
        }
        Ok(armed)
    }
}

fn skill(name: &str) -> Result<Skill, BrainError> {
    let unknown = || BrainError::Monitor {
        key: "thresholds".into(),
        value: name.into(),
        allowed: "reach, grasp, place, push, pull, look, hold, policy",
    };
    Skill::ALL.into_iter().find(|skill| skill.name() == name).ok_or_else(unknown)
}

fn channel(skill: &str, name: &str) -> Result<Channel, BrainError> {
    let unknown = || BrainError::Monitor {
        key: format!("thresholds.{skill}"),
        value: name.into(),
        allowed: "tracking, model, residual, contact, slip, stall, duration",
    };
    Channel::ALL.into_iter().find(|channel| channel.name() == name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(skill: &str, channel: &str, value: f64) -> Peak {
        Peak { skill: skill.into(), channel: channel.into(), value }
    }

    #[test]
    fn nominal_runs_arm_what_they_are_enough_for() {
        let mut peaks: Vec<Peak> = (1..=99).map(|i| peak("grasp", "slip", f64::from(i))).collect();
        peaks.push(peak("place", "slip", 3.0));
        let config = MonitorConfig::calibrated(&peaks, 0.01).unwrap();
        assert_eq!(config.thresholds["grasp"]["slip"], Threshold { above: 99.0, runs: 99 });
        assert!(!config.thresholds.contains_key("place"), "one run is not enough");
        let armed = config.armed().unwrap();
        assert_eq!(armed.of(Skill::Grasp, Channel::Slip), Some(99.0));
        assert_eq!(armed.of(Skill::Place, Channel::Stall), Some(STALL_SECS));
        assert_eq!(armed.of(Skill::Policy, Channel::Stall), None);
    }

    #[test]
    fn mistakes_are_named() {
        let text = MonitorConfig::calibrated(&[peak("juggle", "slip", 1.0)], 0.1).unwrap_err().to_string();
        assert!(text.contains("thresholds = juggle, allowed: reach, grasp"), "{text}");
        let text = MonitorConfig::calibrated(&[peak("grasp", "smell", 1.0)], 0.1).unwrap_err().to_string();
        assert!(text.contains("thresholds.grasp = smell, allowed: tracking"), "{text}");
        let mut config = MonitorConfig::calibrated(&[peak("grasp", "slip", 1.0)], 0.5).unwrap();
        config.thresholds.get_mut("grasp").unwrap().get_mut("slip").unwrap().above = f64::NAN;
        let text = config.armed().unwrap_err().to_string();
        assert!(text.contains("thresholds.grasp.slip.above = NaN"), "{text}");
    }
}
