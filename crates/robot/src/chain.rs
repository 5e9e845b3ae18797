//! From the URDF tree to one chain of revolute joints, and where every other link hangs on it.

use std::path::Path;

use nalgebra::{Isometry3, IsometryMatrix3, Rotation3, Translation3, UnitQuaternion, UnitVector3, Vector3};

use crate::{RobotConfig, RobotError, trig::Turn};

/// One revolute joint: the fixed transform before it, and its axis.
#[derive(Clone, Debug)]
pub(crate) struct Joint {
    /// Joint frame at zero in the frame of the moving link before it.
    pub(crate) parent_from_joint: IsometryMatrix3<f64>,
    /// Its rotation when it is one about x, as in every Denavit-Hartenberg description: multiplying is cheap.
    pub(crate) tilt: Option<Turn>,
    pub(crate) axis: UnitVector3<f64>,
    /// The axis is z, as in those descriptions: turning is cheap.
    pub(crate) about_z: bool,
}

/// The arm's joints and what is fixed to them, borrowed from the parsed file.
pub(crate) struct Chain<'a> {
    urdf: &'a urdf_rs::Robot,
    base_link: &'a str,
    /// Moving joints, base to tool, as the file describes them.
    pub(crate) moving: Vec<&'a urdf_rs::Joint>,
    /// The same joints, fixed ones between them folded in.
    pub(crate) joints: Vec<Joint>,
    /// From the last moving link to the tool link.
    pub(crate) last_from_tool_link: IsometryMatrix3<f64>,
}

impl<'a> Chain<'a> {
    /// Follows the parents from the tool link to the base link.
    pub(crate) fn new(path: &Path, urdf: &'a urdf_rs::Robot, config: &'a RobotConfig) -> Result<Self, RobotError> {
        let refuse = |reason: String| RobotError::Urdf { path: path.into(), reason };
        let all = base_to_tool(urdf, config).ok_or_else(|| RobotError::NoChain {
            path: path.into(),
            base: config.base_link.clone(),
            tool: config.tool_link.clone(),
        })?;
        let (mut moving, mut joints) = (Vec::new(), Vec::new());
        // Fixed joints fold into the transform before the next moving one.
        let mut before = IsometryMatrix3::identity();
        for joint in all {
            before *= isometry(&joint.origin);
            match joint.joint_type {
                urdf_rs::JointType::Fixed => {}
                urdf_rs::JointType::Revolute | urdf_rs::JointType::Continuous => {
                    let axis = UnitVector3::try_new(Vector3::from(*joint.axis.xyz), 1e-9)
                        .ok_or_else(|| refuse(format!("joint {}: its axis has no direction", joint.name)))?;
                    let about_z = axis == Vector3::z_axis();
                    joints.push(Joint { parent_from_joint: before, tilt: tilt(&before.rotation), axis, about_z });
                    moving.push(joint);
                    before = IsometryMatrix3::identity();
                }
                ref other => {
                    return Err(refuse(format!("joint {}: type {other:?} is not supported in an arm", joint.name)));
                }
            }
        }
        Ok(Self { urdf, base_link: &config.base_link, moving, joints, last_from_tool_link: before })
    }

    /// The moving link (0: the base) that a link is, or is fixed to, and where on it; `None` if there is no such
    /// link or it moves by a joint that is not the arm's.
    pub(crate) fn attachment(&self, link: &str) -> Option<(usize, IsometryMatrix3<f64>)> {
        let (mut link, mut moving_from_link) = (link, IsometryMatrix3::identity());
        // A tree has no more steps to its root than joints.
        for _ in 0..=self.urdf.joints.len() {
            if link == self.base_link {
                return Some((0, moving_from_link));
            }
            if let Some(index) = self.moving.iter().position(|j| j.child.link == link) {
                return Some((index + 1, moving_from_link));
            }
            let joint = self.urdf.joints.iter().find(|j| j.child.link == link)?;
            if joint.joint_type != urdf_rs::JointType::Fixed {
                return None;
            }
            moving_from_link = isometry(&joint.origin) * moving_from_link;
            link = &joint.parent.link;
        }
        None
    }
}

/// The turn about x that a rotation is, if it is one to rounding.
fn tilt(rotation: &Rotation3<f64>) -> Option<Turn> {
    let (sin, cos) = (rotation[(2, 1)], rotation[(1, 1)]);
    let about_x = Rotation3::from_axis_angle(&Vector3::x_axis(), sin.atan2(cos));
    ((rotation.matrix() - about_x.matrix()).amax() < 1e-15).then_some(Turn { sin, cos })
}

/// Joints from base to tool, in that order.
fn base_to_tool<'a>(urdf: &'a urdf_rs::Robot, config: &RobotConfig) -> Option<Vec<&'a urdf_rs::Joint>> {
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

/// URDF's fixed-axis roll, pitch, yaw and position.
pub(crate) fn isometry(origin: &urdf_rs::Pose) -> IsometryMatrix3<f64> {
    let [x, y, z] = *origin.xyz;
    let [roll, pitch, yaw] = *origin.rpy;
    let rotation = UnitQuaternion::from_euler_angles(roll, pitch, yaw);
    nalgebra::convert(Isometry3::from_parts(Translation3::new(x, y, z), rotation))
}
