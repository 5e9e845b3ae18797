//! What was learned of one arm, in a file.

use std::{path::Path, sync::Arc};

use neuraxis_core::Joints;
use serde::{Deserialize, Serialize};

use crate::{
    Gravity, Robot,
    contact::{
        Cells, ContactError, Detector, FrictionNet, HORIZONS_SECS, Observer, Sample, Scales, Training, file, train,
    },
};

/// Filter of the observer [1/s].
const RATE_HZ: f64 = 50.0;
/// Steps further apart than this begin a new stretch [s].
const LONGEST_SECS: f64 = 0.1;
/// After a beginning the means settle [s].
const SETTLE_SECS: f64 = 1.5;
/// Peaks are taken over so long [s]: a tenth of such windows may hold contacts that were meant.
const WINDOW_SECS: f64 = 1.0;
/// Neighbours say the same: one step in so many is learned from.
const SAMPLE_EVERY: usize = 4;

/// What an arm measured.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Measured {
    /// When [s].
    pub secs: f64,
    /// Positions [rad].
    pub q: Joints,
    /// Velocities [rad/s].
    pub qd: Joints,
    /// Torques, without the arm's weight [N m].
    pub tau_nm: Joints,
}

/// Friction network and scales of one arm, from motion in which nothing went wrong: `configs/<robot>/contact.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactModel {
    /// Where it is from, for people.
    pub made: String,
    friction: FrictionNet,
    scales: Scales,
}

impl ContactModel {
    /// Learns from recordings: friction from every other one, scales from the rest, so that what the network has merely
    /// learned by heart counts as strange. Allocates; a minute for ten minutes of motion.
    ///
    /// # Errors
    /// Fewer than two recordings, or too little motion in them.
    pub fn learn(
        robot: &Arc<Robot>,
        recordings: &[Vec<Measured>],
        training: &Training,
        made: String,
    ) -> Result<Self, ContactError> {
        let too_few = ContactError::Shape { what: "recordings", given: recordings.len(), wanted: 2 };
        if recordings.len() < 2 {
            return Err(too_few);
        }
        let mut samples = Vec::new();
        for recording in recordings.iter().step_by(2) {
            let mut observer = Self::observer(robot)?;
            let mut last_secs = None;
            for (i, seen) in recording.iter().enumerate() {
                let Some(dt_secs) = interval_secs(&mut last_secs, seen.secs) else {
                    observer.reset();
                    continue;
                };
                if observer.step(&seen.q, &seen.qd, &seen.tau_nm, dt_secs).is_ok() && i % SAMPLE_EVERY == 0 {
                    samples.push(Sample { q: seen.q, qd: seen.qd, outside_nm: observer.at_once_nm() });
                }
            }
        }
        let friction = train(&samples, training)?;
        let ones = Scales::try_from([Joints::from_fn(robot.dof(), |_| 1.0); HORIZONS_SECS.len()])?;
        let mut model = Self { made, friction, scales: ones };
        let mut peaks = Vec::new();
        for recording in recordings.iter().skip(1).step_by(2) {
            model.peaks(robot, recording, &mut peaks)?;
        }
        model.scales = Scales::from_peaks(&peaks)?;
        Ok(model)
    }

    /// For the loop, at steps of any length up to a tenth of a second.
    pub fn detector(&self, robot: &Arc<Robot>) -> Result<Detector, ContactError> {
        Detector::new(Self::observer(robot)?, Some(self.friction.clone()), self.scales.clone())
    }

    /// Reads what [`ContactModel::write`] wrote; fails on wrong shapes and on numbers that are none.
    pub fn read(path: &Path) -> Result<Self, ContactError> {
        file::read(path)
    }

    /// Writes JSON.
    pub fn write(&self, path: &Path) -> Result<(), ContactError> {
        file::write(path, self)
    }

    fn observer(robot: &Arc<Robot>) -> Result<Observer, ContactError> {
        Observer::new(robot.clone(), RATE_HZ, Gravity::Compensated)
    }

    /// Greatest means of each window.
    fn peaks(&self, robot: &Arc<Robot>, recording: &[Measured], peaks: &mut Vec<Cells>) -> Result<(), ContactError> {
        let mut detector = self.detector(robot)?;
        let none = [Joints::zeros(robot.dof()); HORIZONS_SECS.len()];
        let (mut last_secs, mut began_secs, mut peak) = (None, f64::INFINITY, none);
        for seen in recording {
            let contact = interval_secs(&mut last_secs, seen.secs)
                .and_then(|dt_secs| detector.step(&seen.q, &seen.qd, &seen.tau_nm, dt_secs).ok());
            let Some(contact) = contact else {
                detector.reset();
                (began_secs, peak) = (seen.secs + SETTLE_SECS, none);
                continue;
            };
            if seen.secs < began_secs {
                continue;
            }
            for (peak, means) in peak.iter_mut().zip(&contact.means_nm) {
                for (peak, mean) in peak.iter_mut().zip(means.iter()) {
                    *peak = peak.max(mean.abs());
                }
            }
            if seen.secs >= began_secs + WINDOW_SECS {
                peaks.push(std::mem::replace(&mut peak, none));
                began_secs = seen.secs;
            }
        }
        Ok(())
    }
}

/// Time since the last step, if there was one, not long ago.
fn interval_secs(last_secs: &mut Option<f64>, now_secs: f64) -> Option<f64> {
    let before_secs = last_secs.replace(now_secs)?;
    Some(now_secs - before_secs).filter(|dt_secs| *dt_secs > 0.0 && *dt_secs <= LONGEST_SECS)
}
