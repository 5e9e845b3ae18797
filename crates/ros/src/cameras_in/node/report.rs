//! What became of what the cameras sent.

use std::sync::Arc;

use super::NAME;
use crate::cameras_in::{Tally, ViewRefusal};

/// One camera at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraReport {
    /// Its name.
    pub name: Arc<str>,
    /// It is in the sets, or at the start still waited for.
    pub is_in: bool,
    /// What became of its pictures.
    pub tally: Tally,
    /// Messages and views refused.
    pub refused: u64,
    /// Why the last time.
    pub last_refusal: Option<ViewRefusal>,
    /// Times that it was left out.
    pub lost: u64,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CamerasReport {
    /// In the order of the configuration.
    pub cameras: Vec<CameraReport>,
    /// Sets handed over.
    pub sets: u64,
    /// Sets replaced by newer ones before anybody read them.
    pub superseded: u64,
    /// Moments at which the cameras lay too far apart for a set.
    pub apart: u64,
    /// Times that ROS time could not be had.
    pub failed: u64,
    /// Pictures are larger than the shared memory through which they come [bytes, the largest].
    pub cramped: Option<usize>,
}

/// Counts, and logs ever more rarely: a flood of bad pictures must not become a flood of log lines.
pub(super) fn refuse(report: &mut CameraReport, refusal: ViewRefusal) {
    report.refused += 1;
    if report.refused.is_power_of_two() {
        r2r::log_warn!(NAME, "camera {}: {refusal} ({} refused so far)", report.name, report.refused);
    }
    report.last_refusal = Some(refusal);
}
