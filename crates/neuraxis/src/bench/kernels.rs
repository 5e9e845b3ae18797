//! Pieces of the tick on their own, beside the libraries that others would use.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Result, anyhow};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Gripper, Joints, KeyFrame, Pose, SegmentState};
use neuraxis_motion::Mover;
use neuraxis_robot::{IkRequest, JointLimits, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::Measured;
use crate::config::Config;

/// Calls per sample, so that reading the clock does not weigh.
const BATCH: u32 = 100;

/// Nanoseconds of one call, from `samples` batches after a tenth as many to warm up.
fn time(name: &str, samples: u32, mut call: impl FnMut()) -> Measured {
    let mut nanos = Vec::with_capacity(samples as usize);
    for sample in 0..samples + samples / 10 {
        let start = Instant::now();
        for _ in 0..BATCH {
            call();
        }
        if sample >= samples / 10 {
            nanos.push(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
        }
    }
    Measured::samples(name, "ns", nanos)
}

/// Mailbox and ring with a command's 192 bytes, same thread, beside crate rtrb.
pub fn channels() -> Vec<Measured> {
    type Message = [u64; 24];
    const SAMPLES: u32 = 20_000;
    let (mut writer, mut reader) = mailbox::<Message>([0; 24]);
    let clean = time("mailbox.read.clean", SAMPLES, || {
        black_box(reader.fresh());
    });
    let mut number = 0;
    let dirty = time("mailbox.write+read", SAMPLES, || {
        number += 1;
        writer.write(black_box([number; 24]));
        black_box(reader.fresh());
    });
    let (sender, receiver) = ring::<Message>(1024);
    let ours = time("ring.push+pop", SAMPLES, || {
        number += 1;
        sender.push(black_box([number; 24]));
        black_box(receiver.pop());
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message>::new(1024);
    let theirs = time("rtrb push+pop", SAMPLES, || {
        number += 1;
        let _ = producer.push(black_box([number; 24]));
        let _ = black_box(consumer.pop());
    });
    vec![clean, dirty, ours.beside(theirs)]
}

/// Forward kinematics, Jacobian and inverse kinematics beside crate k: `poses` random reachable poses from home.
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
    let forward = time("forward kinematics", 2_000, || {
        black_box(robot.base_from_tool(&next()));
    });
    let forward_k = time("k", 500, || {
        let _ = set(&next());
        black_box(serial.end_transform());
    });
    let jacobian = time("Jacobian", 2_000, || {
        black_box(robot.jacobian(&next()));
    });
    let jacobian_k = time("k", 500, || {
        let _ = set(&next());
        black_box(k::jacobian(&serial));
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
    println!(
        "cold inverse kinematics: {solved} of {poses} solved within the limits ({:.3} %); k: {solved_k} of {} ({:.1} %)",
        share(solved, poses as usize),
        cold_k.len(),
        share(solved_k, cold_k.len())
    );
    Ok(vec![
        forward.beside(forward_k),
        jacobian.beside(jacobian_k),
        Measured::samples("inverse kinematics, warm", "us", warm).beside(Measured::samples("k", "us", warm_k)),
        Measured::samples("inverse kinematics, cold", "us", cold).beside(Measured::samples("k", "us", cold_k)),
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

/// One period of the mover (5 ms of motion) on a free path whose goal keeps moving a little, beside bare rsruckig.
pub fn motion(config: &Config) -> Result<Vec<Measured>> {
    let robot = Arc::new(config.load_robot()?);
    let mut mover = Mover::new(robot.clone(), config.cerebellum.motion.clone())?;
    let home = robot.home();
    let still = Joints::zeros(robot.dof());
    let start = SegmentState { q: home, qd: still, qdd: still };
    let here = robot.world_from_tool(&home);
    let goal = |side: f64| KeyFrame {
        world_from_tool: Pose::from_parts(here.position() + nalgebra::Vector3::new(0.0, side, -0.2), here.rotation()),
        gripper: Gripper::Open,
        ignore_collisions: false,
    };
    let (mut steps, mut retargets) = (Vec::new(), Vec::new());
    for round in 0..200 {
        mover.start(&start, &goal(0.2)).map_err(|fault| anyhow!("{fault}"))?;
        for step in 0..100 {
            if step % 20 == 10 {
                let moved = goal(0.2 + 0.001 * f64::from((round + step) % 7));
                let begin = Instant::now();
                mover.retarget(&moved).map_err(|fault| anyhow!("{fault}"))?;
                retargets.push(begin.elapsed().as_nanos() as f64 * 1e-3);
            }
            let begin = Instant::now();
            black_box(mover.step().map_err(|fault| anyhow!("{fault}"))?);
            steps.push(begin.elapsed().as_nanos() as f64 * 1e-3);
        }
    }
    Ok(vec![
        Measured::samples("motion.step", "us", steps).beside(bare_rsruckig()?),
        Measured::samples("motion.retarget", "us", retargets),
    ])
}

/// A new 7-joint trajectory from a moving state, what rsruckig does at each change of goal.
fn bare_rsruckig() -> Result<Measured> {
    use rsruckig::prelude::*;
    let mut otg = Ruckig::<7, ThrowErrorHandler>::new(None, 0.005);
    let mut input = InputParameter::<7>::new(None);
    let mut output = OutputParameter::<7>::new(None);
    for i in 0..7 {
        (input.max_velocity[i], input.max_acceleration[i], input.max_jerk[i]) = (1.5, 6.0, 120.0);
    }
    let mut micros = Vec::new();
    for round in 0..20_000_u32 {
        for i in 0..7 {
            input.target_position[i] = 0.3 * f64::from(round + i as u32).sin();
        }
        let begin = Instant::now();
        otg.update(&input, &mut output).map_err(|error| anyhow!("rsruckig: {error:?}"))?;
        micros.push(begin.elapsed().as_nanos() as f64 * 1e-3);
        output.pass_to_input(&mut input);
    }
    Ok(Measured::samples("rsruckig, new goal", "us", micros))
}
