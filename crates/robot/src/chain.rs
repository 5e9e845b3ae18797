//! From a URDF to the list of joints between base and tool, and to the tree of links for display.

use std::{collections::BTreeSet, fs, path::Path};

use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3};
use neuraxis_core::MAX_JOINTS;

use crate::RobotError;

/// A moving joint of the arm with everything rigid in front of it.
#[derive(Clone, Debug)]
pub(crate) struct ChainJoint {
    pub name: String,
    /// Pose of the joint frame at position zero in the link moved by the previous joint.
    pub parent_from_joint: Isometry3<f64>,
    pub axis: Unit<Vector3<f64>>,
    pub lower_rad: f64,
    pub upper_rad: f64,
    pub velocity_rad_s: f64,
    pub effort_nm: f64,
}

/// What moves a link against its parent.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum LinkMotion {
    Fixed,
    /// Index of an arm joint.
    Arm(usize),
    /// A finger: slides by half the gripper's width.
    Finger,
}

/// A link of the tree below the base; parents come before children.
#[derive(Clone, Debug)]
pub(crate) struct LinkNode {
    pub parent: usize,
    pub parent_from_joint: Isometry3<f64>,
    pub axis: Vector3<f64>,
    pub motion: LinkMotion,
}

/// Everything read from the URDF.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub joints: Vec<ChainJoint>,
    /// Pose of the tool link in the link moved by the last joint.
    pub last_from_tool_link: Isometry3<f64>,
    pub link_names: Vec<String>,
    pub links: Vec<LinkNode>,
}

impl Chain {
    pub fn read(path: &Path, base_link: &str, tool_link: &str) -> Result<(Self, String), RobotError> {
        let text = fs::read_to_string(path).map_err(|source| RobotError::Read { path: path.into(), source })?;
        let urdf = urdf_rs::read_from_string(&text)
            .map_err(|error| RobotError::Parse { path: path.into(), reason: error.to_string() })?;
        check_structure(&urdf).map_err(|reason| RobotError::Structure { path: path.into(), reason })?;
        let chain = Self::from_urdf(&urdf, base_link, tool_link)
            .map_err(|reason| RobotError::Structure { path: path.into(), reason })?;
        Ok((chain, text))
    }

    fn from_urdf(urdf: &urdf_rs::Robot, base_link: &str, tool_link: &str) -> Result<Self, String> {
        for link in [base_link, tool_link] {
            if !urdf.links.iter().any(|l| l.name == link) {
                return Err(format!("has no link {link:?}"));
            }
        }

        // From the tool up to the base, then turned round. `check_structure` excluded cycles.
        let mut path = Vec::new();
        let mut link = tool_link;
        while link != base_link {
            let joint = urdf.joints.iter().find(|j| j.child.link == link);
            let joint = joint.ok_or_else(|| format!("link {tool_link:?} does not hang below link {base_link:?}"))?;
            path.push(joint);
            link = &joint.parent.link;
        }
        path.reverse();

        // Rigid joints are folded into the offset of the next moving one.
        let mut joints: Vec<ChainJoint> = Vec::new();
        let mut offset = Isometry3::identity();
        for joint in path {
            offset *= isometry(&joint.origin);
            match joint.joint_type {
                urdf_rs::JointType::Fixed => continue,
                urdf_rs::JointType::Revolute if joint.mimic.is_none() => {}
                _ => return Err(format!("joint {:?} of the arm is neither fixed nor revolute", joint.name)),
            }
            joints.push(ChainJoint {
                name: joint.name.clone(),
                parent_from_joint: offset,
                axis: Unit::new_normalize(axis(joint)),
                lower_rad: joint.limit.lower,
                upper_rad: joint.limit.upper,
                velocity_rad_s: joint.limit.velocity,
                effort_nm: joint.limit.effort,
            });
            offset = Isometry3::identity();
        }
        if joints.is_empty() || joints.len() > MAX_JOINTS {
            return Err(format!("has {} moving joints from {base_link:?} to {tool_link:?}, allowed: 1 to {MAX_JOINTS}", joints.len()));
        }

        let (link_names, links) = tree(urdf, base_link, &joints);
        Ok(Self { joints, last_from_tool_link: offset, link_names, links })
    }
}

/// All links below the base, breadth first.
fn tree(urdf: &urdf_rs::Robot, base_link: &str, arm: &[ChainJoint]) -> (Vec<String>, Vec<LinkNode>) {
    let root = LinkNode {
        parent: 0,
        parent_from_joint: Isometry3::identity(),
        axis: Vector3::z(),
        motion: LinkMotion::Fixed,
    };
    let mut names = vec![base_link.to_owned()];
    let mut nodes = vec![root];
    let mut next = 0;
    while let Some(parent_name) = names.get(next).cloned() {
        for joint in urdf.joints.iter().filter(|j| j.parent.link == parent_name) {
            let motion = match arm.iter().position(|a| a.name == joint.name) {
                Some(i) => LinkMotion::Arm(i),
                None if joint.joint_type == urdf_rs::JointType::Prismatic => LinkMotion::Finger,
                None => LinkMotion::Fixed,
            };
            nodes.push(LinkNode { parent: next, parent_from_joint: isometry(&joint.origin), axis: axis(joint), motion });
            names.push(joint.child.link.clone());
        }
        next += 1;
    }
    (names, nodes)
}

/// Unique names, known links, one parent per link, no cycle, known mimics, real axes: what `k` takes for granted.
fn check_structure(urdf: &urdf_rs::Robot) -> Result<(), String> {
    let mut links = BTreeSet::new();
    for link in &urdf.links {
        if !links.insert(link.name.as_str()) {
            return Err(format!("has two links named {:?}", link.name));
        }
    }
    let (mut names, mut children) = (BTreeSet::new(), BTreeSet::new());
    for joint in &urdf.joints {
        if !names.insert(joint.name.as_str()) {
            return Err(format!("has two joints named {:?}", joint.name));
        }
        for link in [&joint.parent.link, &joint.child.link] {
            if !links.contains(link.as_str()) {
                return Err(format!("joint {:?} names the link {link:?}, which does not exist", joint.name));
            }
        }
        if !children.insert(joint.child.link.as_str()) {
            return Err(format!("link {:?} has two parents", joint.child.link));
        }
        let numbers = joint.origin.xyz.0.iter().chain(&joint.origin.rpy.0).chain(&joint.axis.xyz.0);
        if !numbers.clone().all(|x| x.is_finite()) || axis(joint).norm() < 1e-6 {
            return Err(format!("joint {:?} has a non-finite origin or an axis of length zero", joint.name));
        }
    }
    for joint in &urdf.joints {
        if let Some(mimic) = &joint.mimic
            && !names.contains(mimic.joint.as_str())
        {
            return Err(format!("joint {:?} mimics {:?}, which does not exist", joint.name, mimic.joint));
        }
    }
    let roots = links.iter().filter(|link| !children.contains(*link)).count();
    if roots != 1 || urdf.joints.len() + 1 != urdf.links.len() {
        return Err(format!("must be one tree: it has {roots} root links, {} links and {} joints", links.len(), names.len()));
    }
    // One root and one parent per other link: a cycle would be a second component, so climbing must end at the root.
    for link in &links {
        let mut at = *link;
        for _ in 0..=urdf.links.len() {
            match urdf.joints.iter().find(|j| j.child.link == at) {
                Some(joint) => at = joint.parent.link.as_str(),
                None => break,
            }
        }
        if children.contains(at) {
            return Err(format!("link {link:?} is part of a cycle"));
        }
    }
    Ok(())
}

fn axis(joint: &urdf_rs::Joint) -> Vector3<f64> {
    Vector3::from(joint.axis.xyz.0)
}

/// URDF: roll about x, pitch about y, yaw about z, in fixed axes.
fn isometry(pose: &urdf_rs::Pose) -> Isometry3<f64> {
    let [x, y, z] = pose.xyz.0;
    let [roll, pitch, yaw] = pose.rpy.0;
    Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(roll, pitch, yaw))
}
