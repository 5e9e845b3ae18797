//! Generalized momentum, and the part of its rate that is not a torque: what a momentum observer integrates.

use nalgebra::{Rotation3, Vector3};
use neuraxis_core::{Joints, MAX_JOINTS};

use crate::{Gravity, Robot, trig::turns};

/// Momentum of a moving arm. One entry per joint.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Momentum {
    /// `p = M(q) q̇` [N m s].
    pub p_nms: Joints,
    /// `C(q, q̇)ᵀ q̇`, which is the gradient of the kinetic energy by the positions at constant velocities [N m].
    pub coriolis_nm: Joints,
}

/// One link's part of the recursion, in its own frame.
#[derive(Copy, Clone)]
struct Part {
    parent_from_link: Rotation3<f64>,
    spin: Vector3<f64>,
    velocity: Vector3<f64>,
    linear: Vector3<f64>,
    angular: Vector3<f64>,
}

impl Robot {
    /// Momentum at positions [rad] and velocities [rad/s]; zeros without [`Robot::has_dynamics`]. No allocation.
    ///
    /// `dp/dt = τ + Cᵀq̇ - g + τ_outside` (De Luca and Mattone 2003, "Actuator failure detection and isolation using
    /// generalized momenta", eq. 5), with `C` of Christoffel's symbols. Theirs builds `C`; ours does not: joint `k`
    /// turns all that follows it about its axis `s_k`, past what comes before, so that `∂T/∂q_k = (v_k × s_k) · h_k`
    /// with the spatial velocity `v_k` of its link and the spatial momentum `h_k` of that link and all that follow
    /// (Featherstone 2008, "Rigid body dynamics algorithms", section 2.9, for the cross product). One pass outwards for
    /// `v`, one inwards for `h`, as in Newton and Euler's recursion.
    pub fn momentum(&self, q: &Joints, qd: &Joints) -> Momentum {
        let zero = Vector3::zeros();
        let none =
            Part { parent_from_link: Rotation3::identity(), spin: zero, velocity: zero, linear: zero, angular: zero };
        let mut parts = [none; MAX_JOINTS];

        // Outwards: velocity of each link's origin, then the momentum of its body about it.
        let (mut spin, mut velocity) = (zero, zero);
        let links = self.joints.iter().zip(&self.bodies).zip(turns(q).into_iter().zip(qd.iter()));
        for (((joint, body), (turn, rate)), part) in links.zip(parts.iter_mut()) {
            let at_joint = velocity + spin.cross(&joint.parent_from_joint.translation.vector);
            let parent_from_link = joint.turned(&joint.parent_from_joint.rotation, turn);
            velocity = parent_from_link.inverse_transform_vector(&at_joint);
            spin = parent_from_link.inverse_transform_vector(&spin) + joint.axis.into_inner() * *rate;
            let linear = body.mass_kg * (velocity + spin.cross(&body.centre_in_link));
            let angular = body.about_centre * spin + body.centre_in_link.cross(&linear);
            *part = Part { parent_from_link, spin, velocity, linear, angular };
        }

        // Inwards: each joint carries the momentum of its link and of all that follow.
        let (mut p_nms, mut coriolis_nm) = (Joints::zeros(self.dof()), Joints::zeros(self.dof()));
        let (mut linear, mut angular) = (zero, zero);
        let carried = p_nms.iter_mut().zip(coriolis_nm.iter_mut()).zip(&self.joints).zip(&parts);
        for (((p, coriolis), joint), part) in carried.take(self.bodies.len()).rev() {
            linear += part.linear;
            angular += part.angular;
            let axis = joint.axis.into_inner();
            *p = axis.dot(&angular);
            *coriolis = part.spin.cross(&axis).dot(&angular) + part.velocity.cross(&axis).dot(&linear);
            linear = part.parent_from_link * linear;
            angular = part.parent_from_link * angular + joint.parent_from_joint.translation.vector.cross(&linear);
        }
        Momentum { p_nms, coriolis_nm }
    }

    /// Torques that carry the arm's weight at positions [rad] [N m]. No allocation.
    pub fn gravity_torques(&self, q: &Joints) -> Joints {
        let still = Joints::zeros(self.dof());
        self.inverse_dynamics(q, &still, &still, Gravity::Included)
    }
}
