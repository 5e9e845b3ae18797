//! The immutable model.

use std::path::Path;

use nalgebra::{IsometryMatrix3, UnitQuaternion, Vector3};
use neuraxis_core::{Base, Joints, Pose, Tool, World};

use crate::{
    RobotConfig, RobotError,
    chain::{Chain, Joint},
    collision::Shape,
    frames::along_z,
    ik::USUAL_MARGIN_RAD,
    inertia::{self, Inertia},
};

/// What a joint may do.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct JointLimits {
    /// [rad]
    pub lower_rad: f64,
    /// [rad]
    pub upper_rad: f64,
    /// [rad/s]
    pub velocity_rad_s: f64,
    /// [rad/s²]
    pub acceleration_rad_s2: f64,
    /// [rad/s³]
    pub jerk_rad_s3: f64,
    /// [N m]
    pub effort_nm: f64,
}

impl JointLimits {
    /// Leaves these shares of the limits of velocity, acceleration and jerk.
    pub fn slow(&mut self, shares: &Shares) {
        self.velocity_rad_s *= shares.velocity;
        self.acceleration_rad_s2 *= shares.acceleration;
        self.jerk_rad_s3 *= shares.jerk;
    }
}

/// Shares of the joints' limits that may be used, each above 0 to 1.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Shares {
    /// Of the velocity limits.
    pub velocity: f64,
    /// Of the acceleration limits.
    pub acceleration: f64,
    /// Of the jerk limits.
    pub jerk: f64,
}

impl Shares {
    /// The limits as they are.
    pub const ALL: Self = Self { velocity: 1.0, acceleration: 1.0, jerk: 1.0 };
}

/// An arm's body. Immutable; shared between threads.
#[derive(Clone, Debug)]
pub struct Robot {
    pub(crate) joints: Vec<Joint>,
    pub(crate) last_from_tool: IsometryMatrix3<f64>,
    pub(crate) shape: Shape,
    /// One per joint, or none.
    pub(crate) bodies: Vec<Inertia>,
    names: Vec<String>,
    limits: Vec<JointLimits>,
    torque_rate_limits_nm_s: Vec<f64>,
    home: Joints,
    world_from_base: Pose<World, Base>,
}

impl Robot {
    /// Loads the chain from `base_link` to `tool_link` and checks it against crate k.
    pub fn from_urdf(path: &Path, config: &RobotConfig) -> Result<Self, RobotError> {
        let urdf =
            urdf_rs::read_file(path).map_err(|e| RobotError::Urdf { path: path.into(), reason: e.to_string() })?;
        if let Some(name) = config.gripper_joints.iter().find(|name| !urdf.joints.iter().any(|j| j.name == **name)) {
            return Err(RobotError::Urdf {
                path: path.into(),
                reason: format!("gripper_joints: there is no joint {name:?}"),
            });
        }
        let chain = Chain::new(path, &urdf, config)?;
        let entry = |list: &[f64], index: usize| list.get(index).copied().unwrap_or(f64::NAN);
        let limits = chain.moving.iter().enumerate().map(|(index, joint)| JointLimits {
            lower_rad: joint.limit.lower,
            upper_rad: joint.limit.upper,
            velocity_rad_s: joint.limit.velocity,
            acceleration_rad_s2: entry(&config.acceleration_limits_rad_s2, index),
            jerk_rad_s3: entry(&config.jerk_limits_rad_s3, index),
            effort_nm: joint.limit.effort,
        });
        let robot = Self {
            last_from_tool: chain.last_from_tool_link * along_z(config.hand_from_tool_z_m),
            shape: Shape::new(&chain, config)?,
            bodies: inertia::bodies(&urdf, &chain),
            names: chain.moving.iter().map(|j| j.name.clone()).collect(),
            limits: limits.collect(),
            torque_rate_limits_nm_s: config.torque_rate_limits_nm_s.clone(),
            home: Joints::from_slice(&config.home_rad).unwrap_or(Joints::zeros(0)),
            world_from_base: Pose::from_parts(
                Vector3::from(config.world_from_base_xyz_m),
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), config.world_from_base_yaw_rad),
            ),
            joints: chain.joints,
        };
        robot.check(path, config)?;
        robot.agrees_with_k(path, config)?;
        Ok(robot)
    }

    /// The same arm, slower: with these shares of its limits.
    pub fn slowed(&self, shares: &Shares) -> Self {
        let mut slow = self.clone();
        slow.limits.iter_mut().for_each(|limit| limit.slow(shares));
        slow
    }

    /// The same arm for whoever chooses where it goes, beside a brainstem that keeps `margin_rad` free at both ends of each
    /// joint's range: without what [`IK_SPARE_RAD`](crate::IK_SPARE_RAD) does not keep free of it.
    pub fn within_margin(&self, margin_rad: f64) -> Self {
        let more_rad = (margin_rad - USUAL_MARGIN_RAD).max(0.0);
        let mut inner = self.clone();
        for limit in &mut inner.limits {
            limit.lower_rad += more_rad;
            limit.upper_rad -= more_rad;
        }
        inner
    }

    /// Number of joints.
    pub fn dof(&self) -> usize {
        self.joints.len()
    }

    /// Names, base to tool.
    pub fn joint_names(&self) -> &[String] {
        &self.names
    }

    /// Limits, base to tool.
    pub fn limits(&self) -> &[JointLimits] {
        &self.limits
    }

    /// How fast each joint's torque may change [N m/s]; empty if that is not limited.
    pub fn torque_rate_limits_nm_s(&self) -> &[f64] {
        &self.torque_rate_limits_nm_s
    }

    /// Where the arm starts [rad].
    pub fn home(&self) -> Joints {
        self.home
    }

    /// `X_WB`.
    pub fn world_from_base(&self) -> Pose<World, Base> {
        self.world_from_base
    }

    /// `X_WT` at joint positions [rad].
    pub fn world_from_tool(&self, q: &Joints) -> Pose<World, Tool> {
        self.world_from_base * self.base_from_tool(q)
    }
}
