//! `neuraxis ros plant`: the simulated world as a robot on ROS 2, for whatever drives one; it misbehaves on request.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::{MailboxReader, RingSender, ring};
use neuraxis_core::{Clock, Gripper, Nanos, Observation, Progress};
use neuraxis_robot::Robot;
use neuraxis_ros::{Misbehave, PlantNode, PlantPorts};
use neuraxis_sim::{CameraRig, Frame, Plant, Setup, Snapshot, model::Mark, realtime};

use crate::{
    config::Config,
    episode_run::{Studio, simulated_cameras},
    interrupt,
    threads::{self, Rate, Shared, join, periodic, start},
};

/// What to run.
pub struct RosPlant {
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// What goes wrong.
    pub misbehave: Option<Misbehave>,
    /// A ball that cameras are calibrated by.
    pub mark: Option<Mark>,
}

/// Runs until Ctrl-C; says when the task's judge is content.
pub fn plant(config: &Config, plan: &RosPlant) -> Result<()> {
    interrupt::listen()?;
    let mut studio = Studio::new(config.clone())?;
    studio.sim.mark = plan.mark;
    let setup = studio.setup(&plan.task, plan.seed)?;
    let goal = setup.goal().clone();
    say!("task        {}, seed {}: {}", plan.task, plan.seed, goal.instruction);
    let world = Plant::new(&setup).context("starting the simulation")?;
    let (physics, arm, frames) = realtime(world, goal.clone(), MonotonicClock.now())?;
    let (observations_in, observations) = ring(2);
    let ports = PlantPorts {
        clock: Arc::new(MonotonicClock),
        joint_names: studio.robot.joint_names().to_vec(),
        finger_joints: config.robot.gripper_joints.clone(),
        camera_names: simulated_cameras(),
        arm: Box::new(arm),
        frames: observations,
    };
    let node = PlantNode::new(ports, plan.misbehave).context("starting the ROS 2 node")?;
    let shared = Shared::default();
    let period = Nanos::from_secs(1.0 / config.run.camera_hz);
    std::thread::scope(|scope| {
        let body = start(scope, "plant", &shared, || threads::plant(physics, &goal, &shared))?;
        let eyes = start(scope, "cameras", &shared, || {
            cameras(&setup, &studio.robot, period, frames, &observations_in, &shared)
        })?;
        let talk = start(scope, "ros", &shared, || Ok(node.run(&shared.ros_done)))?;
        say!("ros         plant is up; Ctrl-C ends");
        let mut was_met = false;
        while !(interrupt::asked() || shared.broken.is_raised()) {
            std::thread::sleep(Duration::from_millis(20));
            if shared.succeeded.is_raised() && !was_met {
                was_met = true;
                say!("success     the goal is met");
            }
        }
        shared.end();
        // All are joined before the first error is passed on.
        let (body, eyes, stats) = (join(body, "plant"), join(eyes, "cameras"), join(talk, "ros"));
        let ((rate, lost), eyes, stats) = (body?, eyes?, stats?);
        for rate in [rate, eyes] {
            say!("{:<11} {:.1} Hz of {:.1}", rate.name, rate.achieved_hz(), rate.wanted_hz);
        }
        say!("lost        {:.3} s that physics could not keep up with", lost.secs());
        say!("ros         {stats:?}");
        Ok(())
    })
}

/// What the cameras see, for the node. What an observation says beyond that nobody reads here.
fn cameras(
    setup: &Setup,
    robot: &Robot,
    period: Nanos,
    mut frames: MailboxReader<Frame>,
    out: &RingSender<Box<Observation>>,
    shared: &Shared,
) -> Result<Rate> {
    // The renderer's context belongs to the thread that made it.
    let mut rig = CameraRig::new(setup).context("starting the cameras")?;
    let mut snapshot = Snapshot::default();
    let (q, mut seq) = (robot.home(), 0);
    let world_from_tool = robot.world_from_tool(&q);
    periodic("cameras", period, &shared.done, |_| {
        let Some(frame) = frames.fresh() else { return Ok(false) };
        frame.copy_into(&mut snapshot);
        out.push_newest(Box::new(Observation {
            seq,
            stamp: frame.stamp,
            cameras: rig.render_snapshot(&snapshot).context("rendering the cameras")?,
            q,
            world_from_tool,
            gripper_width_m: 0.0,
            progress: Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 },
        }));
        seq += 1;
        Ok(true)
    })
}
