//! Forward kinematics and the geometric Jacobian, without heap.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3, Vector6};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::Robot;

/// Columns of the geometric Jacobian of the tool point in the base: linear [m/rad] above angular [-].
#[derive(Copy, Clone, Debug)]
pub struct Jacobian {
    columns: [Vector6<f64>; MAX_JOINTS],
    dof: usize,
}

impl Jacobian {
    /// One column per joint.
    pub fn columns(&self) -> &[Vector6<f64>] {
        self.columns.get(..self.dof).unwrap_or(&[])
    }

    /// Twist of the tool in the base at joint velocities [rad/s].
    pub fn twist(&self, qd: &Joints) -> Vector6<f64> {
        self.columns().iter().zip(qd.iter()).fold(Vector6::zeros(), |sum, (c, v)| sum + c * *v)
    }
}

impl Robot {
    /// `X_BT` at joint positions [rad]. No allocation.
    pub fn base_from_tool(&self, q: &Joints) -> Pose<Base, Tool> {
        let mut pose = Isometry3::identity();
        for (joint, angle) in self.joints.iter().zip(q.iter()) {
            let turn = UnitQuaternion::from_axis_angle(&joint.axis, *angle);
            pose = pose * joint.parent_from_joint * turn;
        }
        Pose::new(pose * self.last_from_tool)
    }

    /// The Jacobian and `X_BT` at joint positions [rad]. No allocation.
    pub fn jacobian(&self, q: &Joints) -> (Jacobian, Pose<Base, Tool>) {
        let mut axes = [(Vector3::zeros(), Vector3::zeros()); MAX_JOINTS];
        let mut pose = Isometry3::identity();
        for ((joint, angle), slot) in self.joints.iter().zip(q.iter()).zip(axes.iter_mut()) {
            pose *= joint.parent_from_joint;
            *slot = (pose.translation.vector, pose.rotation * joint.axis.into_inner());
            pose *=
                Isometry3::from_parts(Translation3::identity(), UnitQuaternion::from_axis_angle(&joint.axis, *angle));
        }
        let tool = pose * self.last_from_tool;
        let mut columns = [Vector6::zeros(); MAX_JOINTS];
        for (column, (origin, axis)) in columns.iter_mut().zip(axes) {
            let linear = axis.cross(&(tool.translation.vector - origin));
            *column = Vector6::new(linear.x, linear.y, linear.z, axis.x, axis.y, axis.z);
        }
        (Jacobian { columns, dof: self.dof() }, Pose::new(tool))
    }
}
