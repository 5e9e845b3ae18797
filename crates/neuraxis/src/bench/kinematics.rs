//! Forward kinematics, Jacobian and inverse kinematics beside crate k, and beside Pinocchio where it can be had.

use std::{hint::black_box, time::Instant};

use anyhow::{Result, anyhow};
use neuraxis_core::Joints;
use neuraxis_robot::{Gravity, IkRequest, JointLimits, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::{
    Measured,
    peers::{peers, take},
};
use crate::config::Config;

/// All rows; `poses` random reachable poses are solved from home.
pub fn kinematics(config: &Config, poses: u32) -> Result<Vec<Measured>> {
    use k::prelude::InverseKinematicsSolver;
    let robot = config.load_robot()?;
    let chain = k::Chain::<f64>::from_urdf_file(&config.robot.urdf)?;
    let end = chain.find_link(&config.robot.tool_link).ok_or_else(|| anyhow!("crate k finds no tool link"))?;
    let serial = k::SerialChain::from_end(end);
    let mut rng = Pcg64::seed_from_u64(1);
    let mut random = || {
        Joints::from_fn(robot.dof(), |i| {
            robot.limits().get(i).map_or(0.0, |limit| rng.random_range(limit.lower_rad..limit.upper_rad))
        })
    };
    let some: Vec<Joints> = (0..1024).map(|_| random()).collect();
    let mut turn = 0;
    let mut next = || {
        turn = (turn + 1) % some.len();
        some[turn]
    };

    // k keeps joint positions in its nodes: setting them is part of its forward kinematics.
    let set = |q: &Joints| serial.set_joint_positions(q);
    let forward = Measured::calls("kinematics.fk", 2_000, || {
        black_box(robot.base_from_tool(&next()));
    });
    let forward_k = Measured::calls("k", 500, || {
        let _ = set(&next());
        black_box(serial.end_transform());
    });
    let jacobian = Measured::calls("kinematics.jacobian", 2_000, || {
        black_box(robot.jacobian(&next()));
    });
    let jacobian_k = Measured::calls("k", 500, || {
        let _ = set(&next());
        black_box(k::jacobian(&serial));
    });

    // Torques as the tick would want them: holding still, and in motion.
    let (zero, qd) = (Joints::zeros(robot.dof()), Joints::from_fn(robot.dof(), |_| 0.5));
    let qdd = Joints::from_fn(robot.dof(), |_| 1.0);
    let gravity = Measured::calls("kinematics.gravity", 2_000, || {
        black_box(robot.inverse_dynamics(&next(), &zero, &zero, Gravity::Included));
    });
    let dynamics = Measured::calls("kinematics.inverse_dynamics", 2_000, || {
        black_box(robot.inverse_dynamics(&next(), &qd, &qdd, Gravity::Included));
    });

    let request = |target: &Joints, seed: Joints, restarts| IkRequest {
        base_from_tool: robot.base_from_tool(target),
        seed,
        restarts,
        posture: None,
    };
    let solver = k::JacobianIkSolver::default();
    let (mut warm, mut warm_k) = (Vec::new(), Vec::new());
    for round in 0..5_000_usize {
        let q = some[round % some.len()];
        let near = Joints::from_fn(q.len(), |i| {
            let limit = &robot.limits()[i];
            (q[i] + 0.02 * ((round * 7 + i * 3) as f64).sin()).clamp(limit.lower_rad, limit.upper_rad)
        });
        let wanted = request(&q, near, 0);
        let begin = Instant::now();
        let _ = black_box(robot.ik(&wanted));
        warm.push(begin.elapsed().as_nanos() as f64 * 1e-3);
        set(&q)?;
        let target = serial.end_transform();
        set(&near)?;
        let begin = Instant::now();
        let _ = black_box(solver.solve(&serial, &target));
        warm_k.push(begin.elapsed().as_nanos() as f64 * 1e-3);
    }

    let (mut cold, mut cold_k, mut solved, mut solved_k) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..poses {
        let q = random();
        let wanted = request(&q, robot.home(), COLD_RESTARTS);
        let begin = Instant::now();
        let answer = robot.ik(&wanted);
        cold.push(begin.elapsed().as_nanos() as f64 * 1e-3);
        solved += u32::from(answer.is_ok_and(|found| reaches(&robot, &found, &q)));
        // A hundredth of the poses is enough to place k.
        if round % 100 == 0 {
            set(&q)?;
            let target = serial.end_transform();
            set(&robot.home())?;
            let begin = Instant::now();
            let answer = solver.solve(&serial, &target);
            cold_k.push(begin.elapsed().as_nanos() as f64 * 1e-3);
            let found = Joints::from_slice(&serial.joint_positions());
            solved_k += u32::from(answer.is_ok() && found.is_some_and(|found| reaches(&robot, &found, &q)));
        }
    }
    let share = |n: u32, of: usize| 100.0 * f64::from(n) / of as f64;
    say!(
        "cold inverse kinematics: {solved} of {poses} solved within the limits ({:.3} %); k: {solved_k} of {} ({:.1} %)",
        share(solved, poses as usize),
        cold_k.len(),
        share(solved_k, cold_k.len())
    );
    let tool: &str = &config.robot.tool_link;
    let urdf = config.robot.urdf.display().to_string();
    let arguments = ["kinematics", &urdf, tool].into_iter().chain(robot.joint_names().iter().map(String::as_str));
    let mut others = peers(config, &arguments.collect::<Vec<_>>())?;
    let mut beside = |ours: Measured, function: &str| match take(&mut others, function) {
        Some(peer) => ours.beside(peer),
        None => ours,
    };
    Ok(vec![
        beside(forward, "fk").beside(forward_k).target("300 ns"),
        beside(jacobian, "jacobian").beside(jacobian_k).target("300 ns"),
        beside(gravity, "gravity").target("700 ns"),
        beside(dynamics, "inverse_dynamics").target("1000 ns"),
        Measured::samples("kinematics.ik.warm", "us", &warm)
            .beside(Measured::samples("k", "us", &warm_k))
            .target("p99 10 us"),
        Measured::samples("kinematics.ik.cold", "us", &cold)
            .beside(Measured::samples("k", "us", &cold_k))
            .target("mean 400 us, 99.9 % solved"),
    ])
}

/// Restarts of a cold solve.
const COLD_RESTARTS: usize = 100;

/// `found` lies within the limits and puts the tool where `wanted` does.
fn reaches(robot: &Robot, found: &Joints, wanted: &Joints) -> bool {
    let (metres, radians) = robot.base_from_tool(found).distance(&robot.base_from_tool(wanted));
    let inside = |(v, limit): (&f64, &JointLimits)| (limit.lower_rad..=limit.upper_rad).contains(v);
    metres < 1e-3 && radians < 1e-2 && found.iter().zip(robot.limits()).all(inside)
}
