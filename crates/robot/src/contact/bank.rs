//! Averages over several horizons: short ones see a blow, long ones a weight.

use neuraxis_core::Joints;
use serde::{Deserialize, Serialize};

use crate::contact::{ContactError, ContactFault};

/// Time constants of the averages [s].
pub const HORIZONS_SECS: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
/// Nothing less is told from noise [N m].
const LEAST_NM: f64 = 1e-3;

/// A torque for each horizon and joint [N m].
pub type Cells = [Joints; HORIZONS_SECS.len()];

/// Exponentially weighted means of a torque per joint, one for each horizon (Roberts 1959).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Bank {
    means_nm: Cells,
}

impl Bank {
    /// All means at zero.
    pub fn new(joints: usize) -> Self {
        Self { means_nm: [Joints::zeros(joints); _] }
    }

    /// The means `dt_secs` after the last torque. Numbers that are none change nothing. No allocation.
    pub fn step(&mut self, torque_nm: &Joints, dt_secs: f64) -> Result<Cells, ContactFault> {
        if !torque_nm.is_finite() {
            return Err(ContactFault::NotFinite);
        }
        if !(dt_secs > 0.0 && dt_secs.is_finite()) {
            return Err(ContactFault::Period);
        }
        for (means, horizon_secs) in self.means_nm.iter_mut().zip(HORIZONS_SECS) {
            let share = 1.0 - (-dt_secs / horizon_secs).exp();
            for (mean, torque) in means.iter_mut().zip(torque_nm.iter()) {
                *mean += share * (torque - *mean);
            }
        }
        Ok(self.means_nm)
    }
}

/// The strangest of the means.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// The mean over its scale; around 1 at most when all is well [-].
    pub score: f64,
    /// Its joint, 0 at the base.
    pub joint: usize,
    /// Its horizon, an index of [`HORIZONS_SECS`].
    pub horizon: usize,
}

/// How far each mean strays when all is well [N m].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Cells", into = "Cells")]
pub struct Scales(Cells);

impl TryFrom<Cells> for Scales {
    type Error = ContactError;

    fn try_from(cells: Cells) -> Result<Self, ContactError> {
        let joints = cells.first().map_or(0, |of| of.len());
        for given in cells.iter().map(|of| of.len()) {
            if given != joints {
                return Err(ContactError::Shape { what: "scales: joints of a horizon", given, wanted: joints });
            }
        }
        match cells.iter().flat_map(|of| of.iter()).find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            Some(value) => Err(ContactError::Range { what: "a scale", value: *value, allowed: "finite, positive" }),
            None => Ok(Self(cells)),
        }
    }
}

impl From<Scales> for Cells {
    fn from(scales: Scales) -> Self {
        scales.0
    }
}

impl Scales {
    /// From the greatest means of each nominal run: of each cell the value that a tenth of the runs exceed. Allocates.
    pub fn from_peaks(peaks: &[Cells]) -> Result<Self, ContactError> {
        let too_few = ContactError::Shape { what: "nominal runs", given: peaks.len(), wanted: 1 };
        let mut cells = *peaks.first().ok_or(too_few)?;
        for (horizon, of) in cells.iter_mut().enumerate() {
            for (joint, cell) in of.iter_mut().enumerate() {
                let at = |run: &Cells| run.get(horizon).and_then(|of| of.get(joint)).map(|nm| nm.abs());
                let mut sorted: Vec<f64> = peaks.iter().filter_map(at).collect();
                sorted.sort_by(f64::total_cmp);
                let high = sorted.get((9 * sorted.len()).div_ceil(10).saturating_sub(1));
                *cell = high.copied().unwrap_or(f64::NAN).max(LEAST_NM);
            }
        }
        cells.try_into()
    }

    /// All of them by a factor, so that a score of 1 is the alarm.
    pub fn times(&self, factor: f64) -> Result<Self, ContactError> {
        self.0.map(|of| Joints::from_fn(of.len(), |i| factor * of.get(i).copied().unwrap_or(0.0))).try_into()
    }

    /// Number of joints.
    pub fn dof(&self) -> usize {
        self.0.first().map_or(0, |of| of.len())
    }

    /// The strangest of these means. No allocation.
    pub fn score(&self, means_nm: &Cells) -> Score {
        let mut most = Score::default();
        for (horizon, (means, scales)) in means_nm.iter().zip(&self.0).enumerate() {
            for (joint, (mean, scale)) in means.iter().zip(scales.iter()).enumerate() {
                let score = mean.abs() / scale;
                if score > most.score {
                    most = Score { score, joint, horizon };
                }
            }
        }
        most
    }
}
