//! A step and a new goal of jerk-limited motion beside crate rsruckig, and beside ruckig where it can be had.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Result, anyhow};
use neuraxis_core::{Gripper, Joints, KeyFrame, Pose, SegmentState};
use neuraxis_motion::Mover;

use super::{Measured, peers::peers};
use crate::config::Config;

/// One period of the mover (5 ms of motion) on a free path whose goal keeps moving a little.
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
    // A retarget makes a new trajectory; most steps only follow the one there is.
    let bare = bare_rsruckig()?;
    let mut step = Measured::samples("motion.step", "us", &steps).beside(bare.clone());
    let mut retarget = Measured::samples("motion.retarget", "us", &retargets).beside(bare);
    for peer in peers(config, &["motion"])? {
        step = step.beside(peer.clone());
        retarget = retarget.beside(peer);
    }
    Ok(vec![step.target("mean 8 us"), retarget])
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
    Ok(Measured::samples("rsruckig, new goal", "us", &micros))
}
