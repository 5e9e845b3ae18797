//! What may be tuned in the 200 Hz executor.

use neuraxis_motion::MotionConfig;
use serde::{Deserialize, Serialize};

use crate::{CerebellumError, CommitConfig};

/// Rules and tolerances of the cerebellum, `configs/<robot>/cerebellum.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CerebellumConfig {
    /// True: predictions change the motion under way, by the commit rule. False: one prediction per key-frame, taken
    /// after arrival; the policy may then be silent during motion.
    pub repredict: bool,
    /// When a prediction may change the motion under way.
    pub commit: CommitConfig,
    /// This close to the goal its pose is no longer moved, 0 to 0.2 [m]; but where fingers are to move, it is by more than this,
    /// aside, if several predictions agree.
    pub freeze_m: f64,
    /// Older observations are not acted on; at least two policy periods plus the policy's latency, 0.02 to 10 [s].
    pub prediction_lease_secs: f64,
    /// Silence of the policy during motion that leads to a stop, 0.05 to 60 [s]; absent: none does. Not used without
    /// `repredict`, where silence during motion is normal.
    pub policy_silence_stop_secs: Option<f64>,
    /// Waiting longer than this for a prediction that is wanted is reported as a fault, 0.1 to 600 [s].
    pub waiting_timeout_secs: f64,
    /// Lower corner of the box in which key-frames are accepted, world frame, -10 to 10 [m].
    pub workspace_min_xyz_m: [f64; 3],
    /// Upper corner.
    pub workspace_max_xyz_m: [f64; 3],
    /// The arm has arrived when each measured joint is this close, 1e-4 to 0.5 [rad].
    pub arrival_rad: f64,
    /// ... or after this time, as contact may keep it away, 0 to 5 [s].
    pub arrival_timeout_secs: f64,
    /// Finger distance commanded for an open gripper, 0.001 to 1 [m].
    pub open_width_m: f64,
    /// Finger distance commanded for a closed gripper, 0 to `open_width_m` [m].
    pub closed_width_m: f64,
    /// Force with which the fingers close unless they are told otherwise, 0.1 to 1000 [N].
    pub grip_force_n: f64,
    /// Something is held if the fingers squeeze with at least this (with less, in proportion, where they are told to squeeze
    /// with less than `grip_force_n`), and are further apart than closed by `held_width_m`, 0.05 to `grip_force_n` [N].
    pub held_force_n: f64,
    /// See `held_force_n`, 1e-4 to 0.05 [m].
    pub held_width_m: f64,
    /// The gripper has settled when its width stays within this, 1e-5 to 0.02 [m].
    pub gripper_settle_m: f64,
    /// ... for this long, 0.01 to 2 [s].
    pub gripper_settle_secs: f64,
    /// It takes at least this long to start moving, 0 to 2 [s].
    pub gripper_min_secs: f64,
    /// The gripper counts as done after this time whatever it does, 0.1 to 10 [s].
    pub gripper_timeout_secs: f64,
    /// Lease of a segment, 0.01 to 0.1 [s].
    pub segment_lease_secs: f64,
    /// A segment starts this long after it is made, so that it reaches the brainstem in time, 0 to 0.02 [s].
    pub segment_lead_secs: f64,
    /// The motion layer, `motion.yaml`.
    pub motion: MotionConfig,
}

impl Default for CerebellumConfig {
    fn default() -> Self {
        Self {
            repredict: true,
            commit: CommitConfig::default(),
            freeze_m: 0.01,
            prediction_lease_secs: 0.5,
            policy_silence_stop_secs: Some(1.0),
            waiting_timeout_secs: 10.0,
            workspace_min_xyz_m: [-0.3, -0.5, 0.6],
            workspace_max_xyz_m: [0.7, 0.5, 1.6],
            arrival_rad: 0.01,
            arrival_timeout_secs: 0.25,
            open_width_m: 0.08,
            closed_width_m: 0.0,
            grip_force_n: 35.0,
            held_force_n: 5.0,
            held_width_m: 0.002,
            gripper_settle_m: 0.0002,
            gripper_settle_secs: 0.1,
            gripper_min_secs: 0.2,
            gripper_timeout_secs: 1.0,
            segment_lease_secs: 0.02,
            segment_lead_secs: 0.005,
            motion: MotionConfig::default(),
        }
    }
}

impl CerebellumConfig {
    /// Checks every range except those of `motion`, which checks itself; the error names the key.
    pub fn validate(&self) -> Result<(), CerebellumError> {
        let ranges = [
            ("commit.gate_m", self.commit.gate_m, 0.0, 0.5, "0 to 0.5"),
            ("commit.gate_rad", self.commit.gate_rad, 0.0, 3.2, "0 to 3.2"),
            ("commit.dead_band_m", self.commit.dead_band_m, 0.0, self.commit.gate_m, "0 to commit.gate_m"),
            ("commit.dead_band_rad", self.commit.dead_band_rad, 0.0, self.commit.gate_rad, "0 to commit.gate_rad"),
            ("commit.least_gain", self.commit.least_gain, 0.05, 1.0, "0.05 to 1"),
            ("commit.agreeing", f64::from(self.commit.agreeing), 1.0, 100.0, "1 to 100"),
            ("freeze_m", self.freeze_m, 0.0, 0.2, "0 to 0.2"),
            ("prediction_lease_secs", self.prediction_lease_secs, 0.02, 10.0, "0.02 to 10"),
            (
                "policy_silence_stop_secs",
                self.policy_silence_stop_secs.unwrap_or(1.0),
                0.05,
                60.0,
                "0.05 to 60, or null",
            ),
            ("waiting_timeout_secs", self.waiting_timeout_secs, 0.1, 600.0, "0.1 to 600"),
            ("arrival_rad", self.arrival_rad, 1e-4, 0.5, "0.0001 to 0.5"),
            ("arrival_timeout_secs", self.arrival_timeout_secs, 0.0, 5.0, "0 to 5"),
            ("open_width_m", self.open_width_m, 0.001, 1.0, "0.001 to 1"),
            ("closed_width_m", self.closed_width_m, 0.0, self.open_width_m, "0 to open_width_m"),
            ("grip_force_n", self.grip_force_n, 0.1, 1000.0, "0.1 to 1000"),
            ("held_force_n", self.held_force_n, 0.05, self.grip_force_n, "0.05 to grip_force_n"),
            ("held_width_m", self.held_width_m, 1e-4, 0.05, "0.0001 to 0.05"),
            ("gripper_settle_m", self.gripper_settle_m, 1e-5, 0.02, "0.00001 to 0.02"),
            ("gripper_settle_secs", self.gripper_settle_secs, 0.01, 2.0, "0.01 to 2"),
            ("gripper_min_secs", self.gripper_min_secs, 0.0, 2.0, "0 to 2"),
            ("gripper_timeout_secs", self.gripper_timeout_secs, 0.1, 10.0, "0.1 to 10"),
            ("segment_lease_secs", self.segment_lease_secs, 0.01, 0.1, "0.01 to 0.1"),
            ("segment_lead_secs", self.segment_lead_secs, 0.0, 0.02, "0 to 0.02"),
        ];
        for (key, value, low, high, allowed) in ranges {
            // `contains` is false for NaN.
            if !(low..=high).contains(&value) {
                return Err(CerebellumError::Config { key, value, allowed });
            }
        }
        for (&low, &high) in self.workspace_min_xyz_m.iter().zip(&self.workspace_max_xyz_m) {
            if !(-10.0..=10.0).contains(&low) {
                return Err(CerebellumError::Config { key: "workspace_min_xyz_m", value: low, allowed: "-10 to 10" });
            }
            if !(high > low && high <= 10.0) {
                let allowed = "above workspace_min_xyz_m, to 10";
                return Err(CerebellumError::Config { key: "workspace_max_xyz_m", value: high, allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_key_value_and_range() {
        assert_eq!(CerebellumConfig::default().validate(), Ok(()));
        let mut config = CerebellumConfig { freeze_m: f64::NAN, ..Default::default() };
        assert!(config.validate().unwrap_err().to_string().contains("freeze_m = NaN, allowed: 0 to 0.2"));
        config = CerebellumConfig { workspace_max_xyz_m: [0.7, -0.6, 1.6], ..Default::default() };
        assert!(config.validate().unwrap_err().to_string().contains("workspace_max_xyz_m = -0.6"));
    }
}
