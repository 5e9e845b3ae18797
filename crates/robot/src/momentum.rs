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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use neuraxis_core::Joints;

    use crate::{GRAVITY_M_S2, Robot, RobotConfig};

    fn robot(name: &str) -> Robot {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(root.join("configs").join(name).join("robot.yaml")).unwrap();
        let config: RobotConfig = serde_yaml::from_str(&text).unwrap();
        Robot::from_urdf(&root.join(&config.urdf), &config).unwrap()
    }

    /// Positions, and velocities, that differ from joint to joint.
    fn moving(robot: &Robot, number: usize) -> (Joints, Joints) {
        let wave = |i: usize, by: f64| (by * (1 + i + 3 * number) as f64).sin();
        let (home, dof) = (robot.home(), robot.dof());
        (Joints::from_fn(dof, |i| home[i] + 0.5 * wave(i, 1.7)), Joints::from_fn(dof, |i| 1.5 * wave(i, 2.9)))
    }

    /// Neither energy knows of Newton and Euler: only of where forward kinematics puts each centre of mass.
    #[test]
    fn gravity_and_momentum_are_slopes_of_the_energies_of_forward_kinematics() {
        const STEP: f64 = 1e-5;
        for name in ["fr3", "ur5e"] {
            let robot = robot(name);
            let links = |q: &Joints| {
                let frames = robot.link_frames(q);
                let of = frames.base_from_link().iter().skip(1).zip(&robot.bodies);
                of.map(|(frame, body)| (frame.rotation, frame * nalgebra::Point3::from(body.centre_in_link)))
                    .collect::<Vec<_>>()
            };
            let along = |q: &Joints, step: f64, by: &Joints| Joints::from_fn(robot.dof(), |i| q[i] + step * by[i]);
            let potential_j = |q: &Joints| -> f64 {
                links(q).iter().zip(&robot.bodies).map(|((_, c), body)| body.mass_kg * GRAVITY_M_S2 * c.z).sum()
            };
            let kinetic_j = |q: &Joints, qd: &Joints| -> f64 {
                let (behind, ahead) = (links(&along(q, -STEP, qd)), links(&along(q, STEP, qd)));
                let mut sum_j = 0.0;
                for (((turned, centre), (turned_ahead, centre_ahead)), body) in
                    behind.iter().zip(&ahead).zip(&robot.bodies)
                {
                    let velocity = (centre_ahead - centre) / (2.0 * STEP);
                    // In the link: its body's moments do not change there.
                    let spin = (turned.inverse() * turned_ahead).scaled_axis() / (2.0 * STEP);
                    sum_j += 0.5 * (body.mass_kg * velocity.norm_squared() + spin.dot(&(body.about_centre * spin)));
                }
                sum_j
            };
            for (q, qd) in (0..20).map(|number| moving(&robot, number)) {
                let (gravity_nm, momentum) = (robot.gravity_torques(&q), robot.momentum(&q, &qd));
                for k in 0..robot.dof() {
                    let unit = Joints::from_fn(robot.dof(), |i| f64::from(u8::from(i == k)));
                    let slope = |energy: &dyn Fn(f64) -> f64| (energy(1e-3) - energy(-1e-3)) / 2e-3;
                    let of_potential_nm = slope(&|step| potential_j(&along(&q, step, &unit)));
                    assert!((gravity_nm[k] - of_potential_nm).abs() < 1e-4, "{name} {k}: {of_potential_nm}");
                    let by_velocity_nms = slope(&|step| kinetic_j(&q, &along(&qd, step, &unit)));
                    assert!((momentum.p_nms[k] - by_velocity_nms).abs() < 1e-4, "{name} {k}: {by_velocity_nms}");
                    let by_position_nm = slope(&|step| kinetic_j(&along(&q, step, &unit), &qd));
                    assert!((momentum.coriolis_nm[k] - by_position_nm).abs() < 1e-4, "{name} {k}: {by_position_nm}");
                }
            }
        }
    }
}
