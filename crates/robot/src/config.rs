//! `robot.yaml`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the URDF does not say. Lists have one entry per joint, base to tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// The description, relative to the workspace.
    pub urdf: PathBuf,
    /// First link of the arm.
    pub base_link: String,
    /// Link that carries the tool.
    pub tool_link: String,
    /// From the tool link's origin to the tool point, along its z axis [m].
    pub hand_from_tool_z_m: f64,
    /// Base in the world [m].
    pub world_from_base_xyz_m: [f64; 3],
    /// Base turned about z [rad].
    pub world_from_base_yaw_rad: f64,
    /// [rad/s²]
    pub acceleration_limits_rad_s2: Vec<f64>,
    /// [rad/s³]
    pub jerk_limits_rad_s3: Vec<f64>,
    /// How fast the torque may change [N m/s]; empty: not limited.
    #[serde(default)]
    pub torque_rate_limits_nm_s: Vec<f64>,
    /// Joint positions to start from [rad].
    pub home_rad: Vec<f64>,
    /// Joints of the gripper as the URDF names them, for viewers; each moves by an equal part of the distance between the
    /// finger pads. Empty: the URDF has none.
    #[serde(default)]
    pub gripper_joints: Vec<String>,
    /// Bodies of the links, for self collision and workspace limits; empty: neither is checked.
    #[serde(default)]
    pub capsules: Vec<CapsuleConfig>,
    /// Pairs of links whose capsules are never checked against each other.
    #[serde(default)]
    pub may_touch: Vec<[String; 2]>,
}

/// All points within a radius of a line segment, fixed to a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapsuleConfig {
    /// The base link, a link moved by one of the arm's joints, or a link fixed to one of these.
    pub link: String,
    /// One end of the segment in the link's frame [m].
    pub from_xyz_m: [f64; 3],
    /// The other end [m]; equal ends make a sphere.
    pub to_xyz_m: [f64; 3],
    /// Greater than 0 [m].
    pub radius_m: f64,
}
