//! Mass matrix, momentum and gravity by the identities that bind them, on top of inverse dynamics that agree with
//! Pinocchio (golden.rs).

mod shipped;

use neuraxis_core::Joints;
use neuraxis_robot::{Gravity, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use shipped::{random, robot};

fn along(q: &Joints, step: f64, direction: &Joints) -> Joints {
    Joints::from_fn(q.len(), |i| q[i] + step * direction[i])
}

fn dot(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| a * b).sum()
}

/// `C q̇`.
fn coriolis(robot: &Robot, q: &Joints, qd: &Joints) -> Joints {
    robot.inverse_dynamics(q, qd, &Joints::zeros(robot.dof()), Gravity::Compensated)
}

fn each(test: impl Fn(&Robot, &Joints, &Joints, &mut Pcg64)) {
    for name in ["fr3", "ur5e"] {
        let (robot, mut rng) = (robot(name), Pcg64::seed_from_u64(7));
        for _ in 0..30 {
            let q = random(&robot, &mut rng);
            let qd = Joints::from_fn(robot.dof(), |_| rng.random_range(-2.0..2.0));
            test(&robot, &q, &qd, &mut rng);
        }
    }
}

#[test]
fn the_mass_matrix_is_symmetric_positive_definite_and_the_one_of_inverse_dynamics() {
    each(|robot, q, _, rng| {
        let (mass, still) = (robot.mass_matrix(q), Joints::zeros(robot.dof()));
        for column in 0..robot.dof() {
            let unit = Joints::from_fn(robot.dof(), |i| f64::from(u8::from(i == column)));
            let torques = robot.inverse_dynamics(q, &still, &unit, Gravity::Compensated);
            assert!(mass.times(&unit).max_abs_diff(&torques) < 1e-12, "{:?} {torques:?}", mass.times(&unit));
            for row in 0..robot.dof() {
                assert_eq!(mass.entry(row, column), mass.entry(column, row));
            }
        }
        let x = Joints::from_fn(robot.dof(), |_| rng.random_range(-1.0..1.0));
        assert!(dot(&x, &mass.times(&x)) > 0.0);
        let back = mass.solve(&mass.times(&x)).expect("positive definite");
        assert!(back.max_abs_diff(&x) < 1e-9, "{back:?} {x:?}");
    });
}

#[test]
fn momentum_is_mass_times_velocity_and_its_gradient_is_that_of_the_kinetic_energy() {
    each(|robot, q, qd, _| {
        let momentum = robot.momentum(q, qd);
        assert!(momentum.p_nms.max_abs_diff(&robot.mass_matrix(q).times(qd)) < 1e-12);
        let energy = |q: &Joints| 0.5 * dot(qd, &robot.mass_matrix(q).times(qd));
        for k in 0..robot.dof() {
            let unit = Joints::from_fn(robot.dof(), |i| f64::from(u8::from(i == k)));
            let slope = (energy(&along(q, 1e-5, &unit)) - energy(&along(q, -1e-5, &unit))) / 2e-5;
            assert!((momentum.coriolis_nm[k] - slope).abs() < 1e-7, "{k}: {momentum:?} {slope}");
        }
    });
}

/// `Ṁ - 2C` is skew, so the rate of the momentum is `C q̇ + Cᵀ q̇`, and forces of inertia do no work beyond the change
/// of the kinetic energy.
#[test]
fn the_rate_of_the_mass_matrix_is_c_and_its_transpose() {
    each(|robot, q, qd, _| {
        let at = |step: f64| robot.momentum(&along(q, step, qd), qd).p_nms;
        let (ahead, behind) = (at(1e-5), at(-1e-5));
        let rate = Joints::from_fn(robot.dof(), |i| (ahead[i] - behind[i]) / 2e-5);
        let (c, ct) = (coriolis(robot, q, qd), robot.momentum(q, qd).coriolis_nm);
        let sum = Joints::from_fn(robot.dof(), |i| c[i] + ct[i]);
        assert!(rate.max_abs_diff(&sum) < 1e-7, "{rate:?} {sum:?}");
        assert!((dot(qd, &rate) - 2.0 * dot(qd, &c)).abs() < 1e-7);
    });
}

/// Holding the weight takes the work that lifting it stores. The height of the centre of mass is not public: around a
/// closed loop in joint space the work must vanish.
#[test]
fn gravity_does_no_work_around_a_loop() {
    each(|robot, q, qd, rng| {
        let other = Joints::from_fn(robot.dof(), |_| rng.random_range(-1.0..1.0));
        let corners = [*q, along(q, 0.3, qd), along(&along(q, 0.3, qd), 0.4, &other), *q];
        let (mut work, mut most) = (0.0, 0.0_f64);
        for side in corners.windows(2) {
            let direction = Joints::from_fn(robot.dof(), |i| side[1][i] - side[0][i]);
            // Simpson's rule over 200 intervals.
            for i in 0..=200 {
                let weight = if i == 0 || i == 200 { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
                let torques = robot.gravity_torques(&along(&side[0], f64::from(i) / 200.0, &direction));
                work += weight * dot(&torques, &direction) / 600.0;
                most = most.max(torques.iter().fold(0.0, |most, torque| most.max(torque.abs())));
            }
        }
        assert!(work.abs() < 1e-6 && most > 1.0, "{work} J, {most} N m");
    });
}

#[test]
fn nan_stays_nan() {
    let robot = robot("fr3");
    let mut q = robot.home();
    q[2] = f64::NAN;
    let momentum = robot.momentum(&q, &q);
    assert!(momentum.p_nms.iter().any(|p| p.is_nan()));
    assert_eq!(robot.mass_matrix(&q).solve(&robot.home()), None);
}
