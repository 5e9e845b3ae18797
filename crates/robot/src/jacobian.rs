//! The geometric Jacobian of the tool point.

use nalgebra::Vector6;
use neuraxis_core::{Joints, MAX_JOINTS};

/// `V_BT = J qd`: tool twist in the base frame, linear part first, from joint velocities. No heap.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Jacobian {
    pub(crate) columns: [Vector6<f64>; MAX_JOINTS],
    pub(crate) dof: usize,
}

impl Jacobian {
    /// One column per joint: (vx, vy, vz) [m/rad], (wx, wy, wz) [-].
    pub fn columns(&self) -> &[Vector6<f64>] {
        self.columns.get(..self.dof).unwrap_or(&[])
    }

    /// Tool twist in the base frame, linear part first [m/s, rad/s].
    pub fn twist(&self, qd: &Joints) -> Vector6<f64> {
        self.columns().iter().zip(qd.iter()).fold(Vector6::zeros(), |sum, (column, rate)| sum + column * *rate)
    }

    /// `J^T w`: joint torques that balance a wrench at the tool point, force first [N m].
    pub fn transpose_times(&self, wrench: &Vector6<f64>) -> Joints {
        Joints::from_fn(self.dof, |i| self.columns.get(i).map_or(0.0, |column| column.dot(wrench)))
    }
}
