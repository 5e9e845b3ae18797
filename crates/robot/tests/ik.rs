//! Inverse kinematics of both arms: what can be reached is reached, what is returned is right.
//! `cargo run --release -p neuraxis-robot --example ik_table` counts over 10^5 poses.

mod shipped;

use std::f64::consts::TAU;

use nalgebra::Vector3;
use neuraxis_core::{Joints, Pose};
use neuraxis_robot::{IK_SPARE_RAD, IkError, IkRequest, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use shipped::{random, robot};

/// Panics unless `q` reaches what was asked for, within the limits.
fn check(robot: &Robot, q: &Joints, request: &IkRequest) {
    let (metres, radians) = robot.base_from_tool(q).distance(&request.base_from_tool);
    assert!(metres < 1e-5 && radians < 1.001e-4, "{metres} m, {radians} rad");
    let kept = IK_SPARE_RAD - 1e-12;
    assert!(q.iter().zip(robot.limits()).all(|(v, l)| *v >= l.lower_rad + kept && *v <= l.upper_rad - kept), "{q:?}");
}

#[test]
fn random_poses_are_reached_from_home() {
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        let mut rng = Pcg64::seed_from_u64(31);
        for _ in 0..1000 {
            let base_from_tool = robot.base_from_tool(&random(&robot, &mut rng));
            let request = IkRequest { base_from_tool, seed: robot.home(), restarts: 100, posture: None };
            let q = robot.ik(&request).unwrap();
            check(&robot, &q, &request);
            // Always the same answer.
            assert_eq!(robot.ik(&request).unwrap(), q);
        }
    }
}

#[test]
fn a_wide_margin_of_the_brainstem_is_kept_free() {
    const MARGIN_RAD: f64 = 0.05;
    let robot = robot("fr3");
    let inner = robot.within_margin(MARGIN_RAD);
    let is_in_margin = |q: &Joints| {
        let mut joints = q.iter().zip(robot.limits());
        joints.any(|(v, l)| *v < l.lower_rad + MARGIN_RAD || *v > l.upper_rad - MARGIN_RAD)
    };
    let (mut rng, mut before) = (Pcg64::seed_from_u64(36), 0);
    for _ in 0..300 {
        let base_from_tool = robot.base_from_tool(&random(&robot, &mut rng));
        let request = IkRequest { base_from_tool, seed: robot.home(), restarts: 20, posture: None };
        before += i32::from(robot.ik(&request).is_ok_and(|q| is_in_margin(&q)));
        if let Ok(q) = inner.ik(&request) {
            check(&inner, &q, &request);
            assert!(!is_in_margin(&q), "{q:?}");
        }
    }
    assert!(before > 0, "no solution lay in the margin anyway");
    // What the solver keeps free by itself takes nothing away.
    assert_eq!(robot.within_margin(0.005).limits(), robot.limits());
}

#[test]
fn near_poses_are_reached_without_restarts_and_the_arm_stays_on_its_branch() {
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        let (mut rng, mut failures, mut strayed) = (Pcg64::seed_from_u64(32), 0, 0);
        for _ in 0..5000 {
            let spare = |v: f64, i: usize| {
                v.clamp(robot.limits()[i].lower_rad + IK_SPARE_RAD, robot.limits()[i].upper_rad - IK_SPARE_RAD)
            };
            let drawn = random(&robot, &mut rng);
            let drawn = Joints::from_fn(robot.dof(), |i| spare(drawn[i], i));
            let seed = Joints::from_fn(robot.dof(), |i| drawn[i] + rng.random_range(-0.02..0.02));
            let base_from_tool = robot.base_from_tool(&drawn);
            let request = IkRequest { base_from_tool, seed, restarts: 0, posture: None };
            match robot.ik(&request) {
                Ok(q) => {
                    check(&robot, &q, &request);
                    strayed += i32::from(q.max_abs_diff(&seed) > 0.3);
                }
                Err(_) => failures += 1,
            }
        }
        // At a singularity a small motion of the tool may ask for a large one of the joints.
        assert!(failures <= 2 && strayed <= 10, "{name}: {failures} failures, {strayed} strayed");
    }
}

#[test]
fn a_joint_that_can_turn_twice_takes_the_turn_next_to_the_seed() {
    let robot = robot("ur5e");
    let mut seed = robot.home();
    seed[5] += 5.0;
    // The same pose, a turn away.
    let mut drawn = robot.home();
    drawn[5] += 4.9 - TAU;
    let base_from_tool = robot.base_from_tool(&drawn);
    let q = robot.ik(&IkRequest { base_from_tool, seed, restarts: 20, posture: None }).unwrap();
    assert!(q.max_abs_diff(&seed) < 0.2, "{q:?}");
}

#[test]
fn the_redundant_joint_drifts_to_the_posture() {
    let robot = robot("fr3");
    let posture = robot.home();
    let mut seed = posture;
    // The elbow swung out; the pose of home can be had with it or without.
    let swung = [0.6, 0.1, -0.7, 0.0, 0.1, 0.0, 0.0];
    seed.iter_mut().zip(swung).for_each(|(v, by)| *v += by);
    let base_from_tool = robot.base_from_tool(&posture);
    let solve = |posture| robot.ik(&IkRequest { base_from_tool, seed, restarts: 0, posture }).unwrap();
    let (pulled, free) = (solve(Some(posture)), solve(None));
    assert!(pulled.max_abs_diff(&posture) < 0.2, "{pulled:?}");
    assert!(pulled.max_abs_diff(&posture) < 0.5 * free.max_abs_diff(&posture), "{pulled:?} {free:?}");
}

#[test]
fn what_is_out_of_reach_is_refused_and_how_far_is_said() {
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        let mut request =
            IkRequest { base_from_tool: Pose::identity(), seed: robot.home(), restarts: 20, posture: None };
        request.base_from_tool = Pose::from_parts(Vector3::new(2.0, 0.0, 0.3), Default::default());
        let Err(IkError::Unreachable { metres }) = robot.ik(&request) else { panic!("{name} reaches 2 m") };
        assert!((0.8..1.6).contains(&metres), "{name}: {metres}");
        request.seed = Joints::zeros(3);
        assert_eq!(robot.ik(&request), Err(IkError::Malformed));
    }
}
