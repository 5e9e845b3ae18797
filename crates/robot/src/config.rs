//! Which arm it is, where it stands, and the limits that URDF has no field for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::RobotError;

/// Limits of one joint.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointLimits {
    /// Smallest position [rad].
    pub lower_rad: f64,
    /// Largest position [rad].
    pub upper_rad: f64,
    /// Largest speed [rad/s].
    pub velocity_rad_s: f64,
    /// Largest acceleration [rad/s²].
    pub acceleration_rad_s2: f64,
    /// Largest jerk [rad/s³].
    pub jerk_rad_s3: f64,
    /// Largest torque [N m].
    pub effort_nm: f64,
}

/// `configs/<robot>/robot.yaml`. The default is the Franka Research 3 of the shipped rig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RobotConfig {
    /// The URDF, relative to the folder that holds `urdf/`.
    pub urdf: PathBuf,
    /// First link of the arm.
    pub base_link: String,
    /// Link that carries the tool frame: the hand.
    pub tool_link: String,
    /// Distance from the hand's origin to the tool frame, along the hand's z [m], -1 to 1.
    pub hand_from_tool_z_m: f64,
    /// Position of the base in the world [m].
    pub world_from_base_xyz_m: [f64; 3],
    /// Rotation of the base about the world's z [rad].
    pub world_from_base_yaw_rad: f64,
    /// Largest acceleration of each joint [rad/s²], > 0.
    pub acceleration_limits_rad_s2: Vec<f64>,
    /// Largest jerk of each joint [rad/s³], > 0.
    pub jerk_limits_rad_s3: Vec<f64>,
    /// Posture at rest, within the limits [rad].
    pub home_rad: Vec<f64>,
}

impl Default for RobotConfig {
    fn default() -> Self {
        Self {
            urdf: PathBuf::from("urdf/fr3.urdf"),
            base_link: "fr3_link0".into(),
            tool_link: "fr3_hand".into(),
            hand_from_tool_z_m: 0.1034,
            world_from_base_xyz_m: [-0.268, -0.0064, 0.75],
            world_from_base_yaw_rad: 0.0,
            acceleration_limits_rad_s2: vec![10.0; 7],
            jerk_limits_rad_s3: vec![5000.0; 7],
            home_rad: vec![0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, std::f64::consts::FRAC_PI_4],
        }
    }
}

impl RobotConfig {
    /// Checks what can be checked without the URDF.
    pub fn validate(&self) -> Result<(), RobotError> {
        let finite = |key, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(RobotError::Config { key, value, allowed: "a finite number" }),
        };
        if !(-1.0..=1.0).contains(&self.hand_from_tool_z_m) {
            let allowed = "-1 to 1 m";
            return Err(RobotError::Config { key: "hand_from_tool_z_m", value: self.hand_from_tool_z_m, allowed });
        }
        for value in self.world_from_base_xyz_m {
            finite("world_from_base_xyz_m", value)?;
        }
        finite("world_from_base_yaw_rad", self.world_from_base_yaw_rad)
    }
}
