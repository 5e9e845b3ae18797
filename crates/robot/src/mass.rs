//! The mass matrix.

use nalgebra::{SMatrix, SVector, Vector3};
use neuraxis_core::{Joints, MAX_JOINTS};

use crate::{
    Robot,
    inertia::Inertia,
    trig::{Turn, turns},
};

/// Symmetric positive definite matrix over the joints [kg m²]: `(MAX_JOINTS, MAX_JOINTS)`, the identity where there is
/// no joint. No heap.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct MassMatrix {
    entries: SMatrix<f64, MAX_JOINTS, MAX_JOINTS>,
    dof: usize,
}

impl MassMatrix {
    /// Number of joints.
    pub fn dof(&self) -> usize {
        self.dof
    }

    /// An entry [kg m²]; 0 beyond the matrix.
    pub fn entry(&self, row: usize, column: usize) -> f64 {
        let is_inside = row < self.dof && column < self.dof;
        self.entries.get((row, column)).copied().filter(|_| is_inside).unwrap_or(0.0)
    }

    /// Adds to an entry and to its mirror image: rotors on the diagonal, or a body that the arm has picked up.
    pub fn add(&mut self, row: usize, column: usize, inertia_kg_m2: f64) {
        if row >= self.dof || column >= self.dof {
            return;
        }
        for place in [(row, column), (column, row)].into_iter().take(if row == column { 1 } else { 2 }) {
            if let Some(entry) = self.entries.get_mut(place) {
                *entry += inertia_kg_m2;
            }
        }
    }

    /// `M x`: momenta of velocities, or torques of accelerations without gravity.
    pub fn times(&self, x: &Joints) -> Joints {
        let product = self.entries * padded(x);
        Joints::from_fn(self.dof, |i| product.get(i).copied().unwrap_or(0.0))
    }

    /// `x` of `M x = b`: accelerations [rad/s²] of torques [N m]. `None` if the matrix is not positive definite, or a
    /// number is missing.
    pub fn solve(&self, b: &Joints) -> Option<Joints> {
        let solution = self.entries.cholesky()?.solve(&padded(b));
        let x = Joints::from_fn(self.dof, |i| solution.get(i).copied().unwrap_or(0.0));
        x.is_finite().then_some(x)
    }
}

/// A vector of full length, zeros where there is no joint.
fn padded(x: &Joints) -> SVector<f64, MAX_JOINTS> {
    SVector::from_iterator(x.iter().copied().chain(std::iter::repeat(0.0)).take(MAX_JOINTS))
}

impl Robot {
    /// `M(q)` at positions [rad]; the identity without [`Robot::has_dynamics`]. Rotors of the motors, fingers and what
    /// they hold are not in it. No allocation.
    ///
    /// Composite rigid bodies (Walker and Orin 1982, method 3; Featherstone 2008, section 6.2), each in the frame of its
    /// link: what follows a joint is one body, and the torques that turn it at 1 rad/s² are a column.
    pub fn mass_matrix(&self, q: &Joints) -> MassMatrix {
        let mut mass = MassMatrix { entries: SMatrix::identity(), dof: self.dof() };
        let turns = turns(q);
        let mut following: Option<Inertia> = None;
        for (k, (joint, body)) in self.joints.iter().zip(&self.bodies).enumerate().rev() {
            // All that joint k turns, in its link's frame.
            let turned = following.map_or(*body, |following| body.merged(&following));
            let axis = joint.axis.into_inner();
            let mut force_n: Vector3<f64> = turned.mass_kg * axis.cross(&turned.centre_in_link);
            let mut moment_nm = turned.about_centre * axis + turned.centre_in_link.cross(&force_n);

            // Its column, from its own row inwards.
            for (row, (joint, turn)) in self.joints.iter().zip(&turns).enumerate().take(k + 1).rev() {
                if let Some(entry) = mass.entries.get_mut((row, k)) {
                    *entry = joint.axis.dot(&moment_nm);
                }
                if let Some(entry) = mass.entries.get_mut((k, row)) {
                    *entry = joint.axis.dot(&moment_nm);
                }
                let parent_from_link = joint.turned(&joint.parent_from_joint.rotation, *turn);
                force_n = parent_from_link * force_n;
                moment_nm = parent_from_link * moment_nm + joint.parent_from_joint.translation.vector.cross(&force_n);
            }

            let turn = turns.get(k).copied().unwrap_or(Turn { sin: 0.0, cos: 1.0 });
            let parent_from_link = joint.turned(&joint.parent_from_joint.rotation, turn);
            following = Some(turned.moved(&parent_from_link, &joint.parent_from_joint.translation.vector));
        }
        mass
    }
}
