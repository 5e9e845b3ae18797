//! Pieces of the tick on their own, beside the libraries that others would use.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Result, anyhow};
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Gripper, KeyFrame, Pose, SegmentState};
use neuraxis_motion::Mover;

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

/// One period of the mover (5 ms of motion) on a free path whose goal keeps moving a little, beside bare rsruckig.
pub fn motion(config: &Config) -> Result<Vec<Measured>> {
    let robot = Arc::new(config.load_robot()?);
    let mut mover = Mover::new(robot.clone(), config.cerebellum.motion.clone())?;
    let home = robot.home();
    let still = neuraxis_core::Joints::zeros(robot.dof());
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
