//! Forward kinematics and the geometric Jacobian, without heap.

use nalgebra::{IsometryMatrix3, Vector6};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::{Robot, columns::Columns, trig::turns};

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
        let mut last = Columns::identity();
        for (joint, turn) in self.joints.iter().zip(&turns(q)) {
            last = joint.moved(&last, *turn);
        }
        Pose::new(nalgebra::convert(last.moved(&self.last_from_tool).isometry()))
    }

    /// The Jacobian and `X_BT` at joint positions [rad]. No allocation.
    pub fn jacobian(&self, q: &Joints) -> (Jacobian, Pose<Base, Tool>) {
        let (jacobian, base_from_tool) = self.jacobian_and_tool(q);
        (jacobian, Pose::new(nalgebra::convert(base_from_tool)))
    }

    /// As [`Robot::jacobian`], the pose as a matrix.
    #[inline]
    pub(crate) fn jacobian_and_tool(&self, q: &Joints) -> (Jacobian, IsometryMatrix3<f64>) {
        let mut columns = [Vector6::zeros(); MAX_JOINTS];
        let mut last = Columns::identity();
        for ((joint, turn), column) in self.joints.iter().zip(&turns(q)).zip(columns.iter_mut()) {
            last = joint.moved(&last, *turn);
            // First each joint's origin above its axis; a joint's own turn leaves both where they are.
            let (origin, axis) = (last.origin, if joint.about_z { last.z } else { last.direction(&joint.axis) });
            *column = Vector6::new(origin.x, origin.y, origin.z, axis.x, axis.y, axis.z);
        }
        let tool = last.moved(&self.last_from_tool).isometry();
        let point = tool.translation.vector;
        for column in columns.iter_mut().take(self.dof()) {
            let [x, y, z, wx, wy, wz] = (*column).into();
            let (rx, ry, rz) = (point.x - x, point.y - y, point.z - z);
            *column = Vector6::new(wy * rz - wz * ry, wz * rx - wx * rz, wx * ry - wy * rx, wx, wy, wz);
        }
        (Jacobian { columns, dof: self.dof() }, tool)
    }
}
