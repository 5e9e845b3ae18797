//! What may be tuned in the 1 kHz loop.

use neuraxis_robot::Shares;
use serde::{Deserialize, Serialize};

use crate::{BrainstemError, ToolBoxConfig, WallConfig};

/// Limits and tolerances of the brainstem, `configs/<robot>/brainstem.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrainstemConfig {
    /// Kept free at both ends of each joint's range, 0 to 0.5 [rad].
    pub position_margin_rad: f64,
    /// Share of each joint's velocity limit that may be used, 0.01 to 1.
    pub velocity_scale: f64,
    /// Share of each joint's acceleration limit that may be used, by motion and by stops, 0.01 to 1.
    pub acceleration_scale: f64,
    /// Share of each joint's jerk limit that may be used, by motion and by stops, 0.01 to 1.
    pub jerk_scale: f64,
    /// A segment must meet the commanded position within this, 1e-4 to 0.2 [rad].
    pub jump_rad: f64,
    /// A segment must meet the commanded velocity within this, 1e-3 to 2 [rad/s].
    pub jump_rad_s: f64,
    /// Longest lease that a segment may ask for, 0.005 to 1 [s].
    pub lease_max_secs: f64,
    /// A segment may start at most this far in the future, 0 to 0.1 [s].
    pub lead_max_secs: f64,
    /// Measured and commanded joint position may differ by this, 0.005 to 1 [rad].
    pub tracking_error_rad: f64,
    /// ... for this long before the loop latches, 0 to 2 [s].
    pub tracking_error_secs: f64,
    /// The arm's state stamp must advance within this time, 0.005 to 10 [s].
    pub state_timeout_secs: f64,
    /// Measured joint speed under which the arm counts as still for a reset, 1e-4 to 0.5 [rad/s].
    pub still_rad_s: f64,
    /// Widest distance between the finger pads that may be commanded, 0.001 to 1 [m].
    pub gripper_width_max_m: f64,
    /// Most that the finger pads may be told to squeeze with, 0.1 to 1000 [N].
    pub grip_force_max_n: f64,
    /// The tool point stays in this box, also on the way of a stop from wherever it is; null: no box.
    pub tool_box: Option<ToolBoxConfig>,
    /// Planes that the links stay in front of, also on the way of a stop from wherever they are.
    pub walls: Vec<WallConfig>,
    /// Distance kept from walls, from the faces of the box and between links, 0 to 0.2 [m].
    pub clearance_margin_m: f64,
    /// Motion slows down within this distance of the margin, 0.001 to 1 [m].
    pub slow_within_m: f64,
    /// ... and within this of a joint's end stop, 0.001 to 1 [rad].
    pub slow_within_rad: f64,
    /// ... to this share of its speed, 0.05 to 1.
    pub slowest_scale: f64,
    /// Missed periods, less one for every four periods on time, that lead to a stop; 1 to 1000000.
    pub overrun_budget: u32,
    /// Drive a real arm although a privilege below was refused. A simulated arm is driven in any case.
    pub arm_when_degraded: bool,
    /// What the loop's thread asks of the operating system.
    pub privileges: PrivilegeConfig,
}

/// Real-time privileges to ask for; what was granted is in [`crate::RealtimeReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivilegeConfig {
    /// SCHED_FIFO priority, 1 to 98; 0: do not ask.
    pub fifo_priority: u8,
    /// Lock the memory that the process touches.
    pub lock_memory: bool,
    /// Pin the loop's thread to this CPU.
    pub cpu: Option<usize>,
}

impl Default for BrainstemConfig {
    fn default() -> Self {
        Self {
            position_margin_rad: 0.005,
            velocity_scale: 1.0,
            acceleration_scale: 1.0,
            jerk_scale: 1.0,
            jump_rad: 0.02,
            jump_rad_s: 0.5,
            lease_max_secs: 0.1,
            lead_max_secs: 0.02,
            tracking_error_rad: 0.2,
            tracking_error_secs: 0.1,
            state_timeout_secs: 0.25,
            still_rad_s: 0.02,
            gripper_width_max_m: 0.08,
            grip_force_max_n: 70.0,
            tool_box: None,
            walls: Vec::new(),
            clearance_margin_m: 0.005,
            slow_within_m: 0.04,
            slow_within_rad: 0.05,
            slowest_scale: 0.25,
            overrun_budget: 250,
            arm_when_degraded: false,
            privileges: PrivilegeConfig::default(),
        }
    }
}

impl Default for PrivilegeConfig {
    fn default() -> Self {
        Self { fifo_priority: 80, lock_memory: true, cpu: None }
    }
}

impl BrainstemConfig {
    /// What whoever moves the arm may use of its limits.
    pub fn shares(&self) -> Shares {
        Shares { velocity: self.velocity_scale, acceleration: self.acceleration_scale, jerk: self.jerk_scale }
    }

    /// Checks every range; the error names the key.
    pub fn validate(&self) -> Result<(), BrainstemError> {
        let ranges = [
            ("position_margin_rad", self.position_margin_rad, 0.0, 0.5, "0 to 0.5"),
            ("velocity_scale", self.velocity_scale, 0.01, 1.0, "0.01 to 1"),
            ("acceleration_scale", self.acceleration_scale, 0.01, 1.0, "0.01 to 1"),
            ("jerk_scale", self.jerk_scale, 0.01, 1.0, "0.01 to 1"),
            ("jump_rad", self.jump_rad, 1e-4, 0.2, "0.0001 to 0.2"),
            ("jump_rad_s", self.jump_rad_s, 1e-3, 2.0, "0.001 to 2"),
            ("lease_max_secs", self.lease_max_secs, 0.005, 1.0, "0.005 to 1"),
            ("lead_max_secs", self.lead_max_secs, 0.0, 0.1, "0 to 0.1"),
            ("tracking_error_rad", self.tracking_error_rad, 0.005, 1.0, "0.005 to 1"),
            ("tracking_error_secs", self.tracking_error_secs, 0.0, 2.0, "0 to 2"),
            ("state_timeout_secs", self.state_timeout_secs, 0.005, 10.0, "0.005 to 10"),
            ("still_rad_s", self.still_rad_s, 1e-4, 0.5, "0.0001 to 0.5"),
            ("gripper_width_max_m", self.gripper_width_max_m, 0.001, 1.0, "0.001 to 1"),
            ("grip_force_max_n", self.grip_force_max_n, 0.1, 1000.0, "0.1 to 1000"),
            ("clearance_margin_m", self.clearance_margin_m, 0.0, 0.2, "0 to 0.2"),
            ("slow_within_m", self.slow_within_m, 0.001, 1.0, "0.001 to 1"),
            ("slow_within_rad", self.slow_within_rad, 0.001, 1.0, "0.001 to 1"),
            ("slowest_scale", self.slowest_scale, 0.05, 1.0, "0.05 to 1"),
            ("overrun_budget", f64::from(self.overrun_budget), 1.0, 1e6, "1 to 1000000"),
            ("privileges.fifo_priority", f64::from(self.privileges.fifo_priority), 0.0, 98.0, "0 to 98"),
        ];
        for (key, value, low, high, allowed) in ranges {
            // `contains` is false for NaN.
            if !(low..=high).contains(&value) {
                return Err(BrainstemError::Config { key, value, allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_key_value_and_range_and_nan_is_refused() {
        assert_eq!(BrainstemConfig::default().validate(), Ok(()));
        let error = BrainstemConfig { jump_rad: 3.0, ..Default::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "brainstem configuration: jump_rad = 3, allowed: 0.0001 to 0.2");
        assert!(BrainstemConfig { velocity_scale: f64::NAN, ..Default::default() }.validate().is_err());
    }
}
