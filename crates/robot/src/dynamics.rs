//! Inverse dynamics: the torques of a motion.

use nalgebra::{Rotation3, Vector3};
use neuraxis_core::{Joints, MAX_JOINTS};

use crate::{Robot, trig::turns};

/// Down along the base's z axis [m/s²].
pub const GRAVITY_M_S2: f64 = 9.81;

/// Whether the torques carry the arm's weight.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// They do: what the joints bear.
    Included,
    /// The arm's own controller adds it: what is commanded, and what moves the arm.
    Compensated,
}

/// One link's part of the recursion, in its own frame.
#[derive(Copy, Clone)]
struct Part {
    parent_from_link: Rotation3<f64>,
    force_n: Vector3<f64>,
    moment_nm: Vector3<f64>,
}

impl Robot {
    /// True if every moving link has a mass and a positive definite inertia.
    pub fn has_dynamics(&self) -> bool {
        !self.bodies.is_empty()
    }

    /// Joint torques [N m] of a motion: positions [rad], velocities [rad/s], accelerations [rad/s²]. Zeros without
    /// [`Robot::has_dynamics`]. Friction and the rotors of the motors are not in it; fingers and what they hold
    /// neither. The base stands upright. No allocation.
    ///
    /// Recursive Newton-Euler (Luh, Walker, Paul 1980, "On-line computational scheme for mechanical manipulators"),
    /// each link in its own frame. Gravity is an upward acceleration of the base.
    pub fn inverse_dynamics(&self, q: &Joints, qd: &Joints, qdd: &Joints, gravity: Gravity) -> Joints {
        let zero = Vector3::zeros();
        let mut parts = [Part { parent_from_link: Rotation3::identity(), force_n: zero, moment_nm: zero }; MAX_JOINTS];
        let lift_m_s2 = if gravity == Gravity::Included { GRAVITY_M_S2 } else { 0.0 };
        let (mut spin, mut spin_rate) = (zero, zero);
        let mut acceleration = Vector3::new(0.0, 0.0, lift_m_s2);

        // Outwards: angular velocity, angular and linear acceleration of each link, then what its body needs.
        let turns = turns(q);
        let motion = turns.iter().zip(qd.iter()).zip(qdd.iter());
        let links = self.joints.iter().zip(&self.bodies);
        for (((joint, body), ((turn, rate), rate_change)), part) in links.zip(motion).zip(parts.iter_mut()) {
            let arm = joint.parent_from_joint.translation.vector;
            let at_joint = acceleration + spin_rate.cross(&arm) + spin.cross(&spin.cross(&arm));
            let parent_from_link = joint.turned(&joint.parent_from_joint.rotation, *turn);
            let axis = joint.axis.into_inner();
            let carried = parent_from_link.inverse_transform_vector(&spin);
            spin_rate = parent_from_link.inverse_transform_vector(&spin_rate)
                + carried.cross(&axis) * *rate
                + axis * *rate_change;
            spin = carried + axis * *rate;
            acceleration = parent_from_link.inverse_transform_vector(&at_joint);

            let centre = body.centre_in_link;
            let at_centre = acceleration + spin_rate.cross(&centre) + spin.cross(&spin.cross(&centre));
            let force_n = body.mass_kg * at_centre;
            let turning = body.about_centre * spin_rate + spin.cross(&(body.about_centre * spin));
            *part = Part { parent_from_link, force_n, moment_nm: turning + centre.cross(&force_n) };
        }

        // Inwards: each joint bears its link and all that follow.
        let mut torques = Joints::zeros(self.dof());
        let (mut force_n, mut moment_nm) = (zero, zero);
        let borne = torques.iter_mut().zip(&self.joints).zip(&parts).take(self.bodies.len());
        for ((torque, joint), part) in borne.rev() {
            force_n += part.force_n;
            moment_nm += part.moment_nm;
            *torque = joint.axis.dot(&moment_nm);
            force_n = part.parent_from_link * force_n;
            moment_nm = part.parent_from_link * moment_nm + joint.parent_from_joint.translation.vector.cross(&force_n);
        }
        torques
    }
}
