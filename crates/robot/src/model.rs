//! The immutable model.

use std::path::Path;

use nalgebra::{Isometry3, Translation3, UnitQuaternion, UnitVector3, Vector3};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool, World};

use crate::{RobotConfig, RobotError};

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

/// One revolute joint: the fixed transform before it, and its axis.
#[derive(Clone, Debug)]
pub(crate) struct Joint {
    pub(crate) parent_from_joint: Isometry3<f64>,
    pub(crate) axis: UnitVector3<f64>,
}

/// An arm's kinematics. Immutable; shared between threads.
#[derive(Clone, Debug)]
pub struct Robot {
    pub(crate) joints: Vec<Joint>,
    pub(crate) last_from_tool: Isometry3<f64>,
    names: Vec<String>,
    limits: Vec<JointLimits>,
    home: Joints,
    world_from_base: Pose<World, Base>,
}

impl Robot {
    /// Loads the chain from `base_link` to `tool_link` and checks it against crate k.
    pub fn from_urdf(path: &Path, config: &RobotConfig) -> Result<Self, RobotError> {
        let refuse = |reason: String| RobotError::Urdf { path: path.into(), reason };
        let urdf = urdf_rs::read_file(path).map_err(|e| refuse(e.to_string()))?;
        let chain = chain(&urdf, config).ok_or_else(|| RobotError::NoChain {
            path: path.into(),
            base: config.base_link.clone(),
            tool: config.tool_link.clone(),
        })?;
        let mut robot = Self {
            joints: Vec::new(),
            last_from_tool: Isometry3::identity(),
            names: Vec::new(),
            limits: Vec::new(),
            home: Joints::zeros(0),
            world_from_base: Pose::from_parts(
                Vector3::from(config.world_from_base_xyz_m),
                UnitQuaternion::from_axis_angle(&Vector3::z_axis(), config.world_from_base_yaw_rad),
            ),
        };
        // Fixed joints fold into the transform before the next moving one.
        let mut before = Isometry3::identity();
        for joint in chain {
            before *= isometry(&joint.origin);
            match joint.joint_type {
                urdf_rs::JointType::Fixed => {}
                urdf_rs::JointType::Revolute | urdf_rs::JointType::Continuous => {
                    let axis = UnitVector3::try_new(Vector3::from(*joint.axis.xyz), 1e-9)
                        .ok_or_else(|| refuse(format!("joint {}: its axis has no direction", joint.name)))?;
                    robot.joints.push(Joint { parent_from_joint: before, axis });
                    robot.names.push(joint.name.clone());
                    let index = robot.limits.len();
                    robot.limits.push(JointLimits {
                        lower_rad: joint.limit.lower,
                        upper_rad: joint.limit.upper,
                        velocity_rad_s: joint.limit.velocity,
                        acceleration_rad_s2: config.acceleration_limits_rad_s2.get(index).copied().unwrap_or(f64::NAN),
                        jerk_rad_s3: config.jerk_limits_rad_s3.get(index).copied().unwrap_or(f64::NAN),
                        effort_nm: joint.limit.effort,
                    });
                    before = Isometry3::identity();
                }
                ref other => {
                    return Err(refuse(format!("joint {}: type {other:?} is not supported in an arm", joint.name)));
                }
            }
        }
        robot.last_from_tool = before * Translation3::new(0.0, 0.0, config.hand_from_tool_z_m);
        robot.check(path, config)?;
        robot.home = Joints::from_slice(&config.home_rad).unwrap_or(Joints::zeros(0));
        robot.agrees_with_k(path, &config.tool_link, config.hand_from_tool_z_m)?;
        Ok(robot)
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

    fn check(&self, path: &Path, config: &RobotConfig) -> Result<(), RobotError> {
        let joints = self.dof();
        if joints == 0 || joints > MAX_JOINTS {
            return Err(RobotError::Urdf {
                path: path.into(),
                reason: format!("{joints} joints, allowed: 1 to {MAX_JOINTS}"),
            });
        }
        for (key, given) in [
            ("acceleration_limits_rad_s2", config.acceleration_limits_rad_s2.len()),
            ("jerk_limits_rad_s3", config.jerk_limits_rad_s3.len()),
            ("home_rad", config.home_rad.len()),
        ] {
            if given != joints {
                return Err(RobotError::Length { key, given, joints });
            }
        }
        for ((name, limit), home) in self.names.iter().zip(&self.limits).zip(&config.home_rad) {
            let fail = |what, value, allowed| Err(RobotError::Limit { joint: name.clone(), what, value, allowed });
            if !limit.lower_rad.is_finite() || !limit.upper_rad.is_finite() || limit.lower_rad >= limit.upper_rad {
                return fail("lower limit", limit.lower_rad, "finite, below the upper limit");
            }
            for (what, value) in [
                ("velocity limit", limit.velocity_rad_s),
                ("acceleration limit", limit.acceleration_rad_s2),
                ("jerk limit", limit.jerk_rad_s3),
                ("effort limit", limit.effort_nm),
            ] {
                if !(value.is_finite() && value > 0.0) {
                    return fail(what, value, "finite, positive");
                }
            }
            if !(limit.lower_rad..=limit.upper_rad).contains(home) {
                return fail("home position", *home, "within the joint's limits");
            }
        }
        Ok(())
    }

    /// Two independent readings of one file must give one pose.
    fn agrees_with_k(&self, path: &Path, tool_link: &str, tool_z_m: f64) -> Result<(), RobotError> {
        let refuse = |reason: String| RobotError::Urdf { path: path.into(), reason };
        let chain = k::Chain::<f64>::from_urdf_file(path).map_err(|e| refuse(e.to_string()))?;
        let node = chain.find_link(tool_link).ok_or_else(|| refuse(format!("crate k finds no link {tool_link}")))?;
        let serial = k::SerialChain::from_end(node);
        serial.set_joint_positions(&self.home).map_err(|e| refuse(e.to_string()))?;
        let theirs = serial.end_transform();
        let t = theirs.translation.vector;
        // k brings an older nalgebra: convert by named parts.
        let r = theirs.rotation.quaternion();
        let rotation = UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(r.w, r.i, r.j, r.k));
        let theirs = Vector3::new(t.x, t.y, t.z) + rotation * Vector3::new(0.0, 0.0, tool_z_m);
        let metres = (theirs - self.base_from_tool(&self.home).position()).norm();
        if metres > 1e-6 { Err(RobotError::Disagrees { path: path.into(), metres }) } else { Ok(()) }
    }
}

/// Joints from base to tool, in that order.
fn chain<'a>(urdf: &'a urdf_rs::Robot, config: &RobotConfig) -> Option<Vec<&'a urdf_rs::Joint>> {
    let mut chain = Vec::new();
    let mut link = config.tool_link.as_str();
    while link != config.base_link {
        let joint = urdf.joints.iter().find(|j| j.child.link == link)?;
        chain.push(joint);
        link = &joint.parent.link;
        if chain.len() > urdf.joints.len() {
            return None;
        }
    }
    chain.reverse();
    Some(chain)
}

fn isometry(origin: &urdf_rs::Pose) -> Isometry3<f64> {
    let [x, y, z] = *origin.xyz;
    let [roll, pitch, yaw] = *origin.rpy;
    Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(roll, pitch, yaw))
}
