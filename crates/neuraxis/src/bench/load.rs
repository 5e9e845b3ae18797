//! What the machine does beside the loop: the policy's inference, or a flood of ROS messages through the delivered node.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use neuraxis_brainstem::{MonotonicClock, Pacer};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy};
use neuraxis_sim::CameraRig;

use super::moving::Outside;
use crate::{config::Config, demo, episode_run::Studio, eval::Actor, source::Source};

/// Messages a second that the flood tries to send.
#[cfg(feature = "ros")]
const FLOOD_HZ: &str = "2000";

/// A policy with something to look at, ready to infer.
pub struct Inference {
    source: Source,
    words: Instruction,
    observation: Observation,
    period: Nanos,
}

impl Inference {
    /// Loads it, takes a picture of the simulator and infers once, for the first call plans its memory.
    pub fn prepare(config: &Config, actor: &Actor) -> Result<Self> {
        neuraxis_policy::use_one_thread();
        let studio = Studio::new(config.clone())?;
        let setup = studio.setup("stack_blocks", crate::eval::EVAL_SEED)?;
        let (mut source, words, _) = demo::source(&studio, &setup, actor)?;
        let lockstep = studio.lockstep(&setup, true)?;
        let observation = lockstep.first_observation(&mut CameraRig::new(&setup)?).context("the first picture")?;
        source.predict(&observation, &words)?;
        Ok(Self { source, words, observation, period: Nanos::from_secs(1.0 / config.run.policy_hz) })
    }

    /// Does `work` while another thread infers at the policy's rate.
    pub fn beside<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (over, inferred) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let thinker = std::thread::Builder::new().name("policy".into()).spawn_scoped(scope, || {
                neuraxis_policy::use_one_thread();
                let mut pacer = Pacer::new(MonotonicClock.now(), self.period);
                while !over.load(Ordering::Relaxed) {
                    pacer.wait();
                    self.source.predict(&self.observation, &self.words)?;
                    inferred.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, anyhow::Error>(())
            })?;
            let result = work();
            over.store(true, Ordering::Relaxed);
            thinker.join().map_err(|_| anyhow!("the policy panicked"))??;
            println!("  beside {} inferences", inferred.load(Ordering::Relaxed));
            ensure!(inferred.load(Ordering::Relaxed) > 0, "nothing was inferred while the loop ran");
            result
        })
    }
}

/// Does `work` while another process sends instructions as fast as it can to the ROS 2 node of this one, which hands the
/// newest on towards the loop and publishes what the arm measures a thousand times a second.
#[cfg(feature = "ros")]
pub fn beside_flood<T>(config: &Config, work: impl FnOnce(Outside) -> Result<T>) -> Result<Option<T>> {
    use std::{process::Stdio, sync::Arc};

    use neuraxis_channel::{mailbox, ring};
    use neuraxis_ros::{Others, RosConfig, RosNode, RosPorts, RosStats, Supervision};

    let robot = config.load_robot()?;
    let namespace = format!("/bench_{}", std::process::id());
    let (states_in, states) = mailbox(super::moving::still(&robot.home()));
    let (_frames_in, frames) = ring::<Arc<Observation>>(1);
    let (orders_in, orders) = ring(4);
    let ports = RosPorts {
        clock: Arc::new(MonotonicClock),
        joint_names: robot.joint_names().to_vec(),
        base_frame: config.robot.base_link.clone(),
        world_from_base: robot.world_from_base(),
        camera_names: Vec::new(),
        others: Others::default(),
        states,
        frames,
        events: ring(1).1,
        orders: orders_in,
        reports: ring(1).1,
        stop: Box::new(|| {}),
        reset: Box::new(|| {}),
        supervision: Supervision::of_nothing(),
    };
    let settings = RosConfig { namespace: namespace.clone(), joint_states_hz: 1000.0, ..Default::default() };
    let node = RosNode::new(settings, ports).context("starting the ROS 2 node")?;

    // The Python that has rclpy: beside the libraries of the wheels, or the system's where ROS 2 is sourced.
    let wheels = crate::package::deps(&config.root, "ros/bin/python");
    let mut flood = std::process::Command::new(if wheels.exists() { wheels.as_os_str() } else { "python3".as_ref() });
    if wheels.exists() {
        // It finds its own prefix; ours is the copy for Rust.
        flood.env_remove("AMENT_PREFIX_PATH");
    }
    flood.arg(config.root.join("tests/bench/ros_flood.py")).args([namespace.as_str(), FLOOD_HZ]).stdin(Stdio::piped());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let serving = std::thread::Builder::new().name("ros".into()).spawn_scoped(scope, || node.run(&over))?;
        let flooding = flood.spawn().context("starting tests/bench/ros_flood.py");
        let result = flooding.and_then(|mut flooding| {
            // Discovery takes a moment.
            std::thread::sleep(std::time::Duration::from_secs(3));
            let result = work(Outside { states: states_in, orders });
            // Its end of the pipe closes, and it leaves.
            drop(flooding.stdin.take());
            let status = flooding.wait()?;
            ensure!(status.success(), "tests/bench/ros_flood.py: {status}");
            result
        });
        // Release: pairs with the node's Acquire load.
        over.store(true, Ordering::Release);
        let RosStats { instructions, instructions_superseded, joint_states, .. } =
            serving.join().map_err(|_| anyhow!("the ROS 2 node panicked"))?;
        let received = instructions + instructions_superseded;
        println!("  beside {received} messages received and {joint_states} sent over ROS 2");
        let result = result?;
        ensure!(received > 100, "the flood did not arrive");
        Ok(Some(result))
    })
}

/// Without ROS 2 there is no flood.
#[cfg(not(feature = "ros"))]
pub fn beside_flood<T>(_: &Config, _: impl FnOnce(Outside) -> Result<T>) -> Result<Option<T>> {
    println!("  ros_flood: not measured, this binary is built without ROS 2");
    Ok(None)
}
