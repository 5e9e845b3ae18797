//! `neuraxis ros sim`: the simulated arm under the policy, with the ROS 2 node beside the same loop.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_ros::{RosConfig, RosNode, RosPorts, RosStats};

use crate::{
    brain_demo,
    config::Config,
    demo,
    episode_run::{Studio, instruction},
    eval::Actor,
    interrupt,
    realtime::{Outside, Session, Thinker, Until},
    threads::Shared,
};

/// What to run.
pub struct RosSim {
    /// What acts.
    pub actor: Actor,
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Do nothing until somebody sends an instruction.
    pub wait: bool,
}

/// Runs until Ctrl-C.
pub fn sim(config: &Config, plan: &RosSim) -> Result<()> {
    interrupt::listen()?;
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = plan.actor.surroundings(config);
    let setup = studio.setup(&plan.task, plan.seed)?;
    let (thinker, words) = match plan.actor {
        Actor::Brain => (brain_demo::thinker(&studio, None)?, instruction(setup.goal(), None)?),
        _ => {
            let (source, words, embedder) = demo::source(&studio, &setup, &plan.actor)?;
            (Thinker::Source { source, embedder }, words)
        }
    };
    println!("task        {}, seed {}: {}", plan.task, plan.seed, words.text);
    if plan.wait {
        println!("waiting     for an instruction on topic `instruction` or a goal of action `~/execute_task`");
    }
    let shared = Arc::new(Shared::default());
    let session = Session {
        config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        setup: &setup,
        thinker,
        words: (!plan.wait).then_some(words),
        cameras_stop_after: None,
    };
    let joint_names = studio.robot.joint_names().to_vec();
    let (base_frame, world_from_base) = (config.robot.base_link.clone(), studio.robot.world_from_base());
    let requests = shared.clone();
    let serve = move |outside: Outside| -> Result<Option<Box<dyn FnOnce() + Send>>> {
        let (stop, reset, end) = (requests.signals.clone(), requests.signals.clone(), requests.ros_done.clone());
        let ports = RosPorts {
            clock: Arc::new(MonotonicClock),
            joint_names,
            base_frame,
            world_from_base,
            camera_names: ["front", "left_shoulder", "right_shoulder", "wrist"].map(String::from).to_vec(),
            states: outside.states,
            frames: outside.frames,
            events: outside.events,
            orders: outside.orders,
            reports: outside.reports,
            stop: Box::new(move || stop.stop.raise()),
            reset: Box::new(move || reset.reset.raise()),
        };
        let node = RosNode::new(RosConfig::default(), ports).context("starting the ROS 2 node")?;
        println!("ros         node is up; Ctrl-C ends");
        Ok(Some(Box::new(move || print_stats(&node.run(&end)))))
    };
    let report = session.run(Until::Asked, &shared, |_| Ok(None), serve)?;
    demo::print_rates(&report);
    Ok(())
}

fn print_stats(stats: &RosStats) {
    println!("ros         {stats:?}");
}
