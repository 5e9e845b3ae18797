//! The ROS 2 node beside a run.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::RingReceiver;
use neuraxis_ros::{LinkReport, Looks, Others, PolicyLook, RosConfig, RosNode, RosPorts, RosStats};

use crate::{
    config::Config,
    episode_run::Studio,
    realtime::Outside,
    supervise,
    threads::{Seen, Shared, newest},
};

/// The work of thread `ros`.
pub(super) type Guest = Option<Box<dyn FnOnce() + Send>>;

/// Wires the node to a run, once the run's ends are there.
pub(super) fn serve(
    config: &Config,
    studio: &Studio,
    shared: &Arc<Shared>,
    (camera_names, others): (Vec<String>, Others),
    link: Option<RingReceiver<LinkReport>>,
    autostart: bool,
    reset: Box<dyn FnMut() + Send>,
) -> impl FnOnce(Outside) -> Result<Guest> {
    let joint_names = studio.robot.joint_names().to_vec();
    let (requests, robot) = (shared.clone(), studio.robot.clone());
    move |outside: Outside| {
        let (stop, end) = (requests.clone(), requests.ros_done.clone());
        let ports = RosPorts {
            clock: Arc::new(MonotonicClock),
            joint_names,
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            camera_names,
            others,
            states: outside.states,
            frames: outside.frames,
            events: outside.events,
            orders: outside.orders,
            reports: outside.reports,
            // What a policy in another process looks at its own node publishes.
            looks: if link.is_some() { Box::new(|| None) } else { looks(outside.looks) },
            stop: Box::new(move || stop.stop()),
            reset,
            supervision: supervise::supervision(config, &robot, &requests, outside.insight, link)?,
        };
        let mut settings = RosConfig { autostart, ..RosConfig::default() };
        if let Some(joint) = config.robot.gripper_joints.first() {
            settings.finger_joint.clone_from(joint);
        }
        let node = RosNode::new(settings, ports).context("starting the ROS 2 node")?;
        say!("ros         node is up; Ctrl-C ends");
        Ok(Some(Box::new(move || print_stats(&node.run(&end)))))
    }
}

/// The newest prediction's views, as the node publishes them.
fn looks(seen: RingReceiver<Arc<Seen>>) -> Looks {
    Box::new(move || {
        let seen = newest(&seen)?;
        let looked = seen.looked.last()?;
        Some(PolicyLook { stamp: looked.stamp, views: looked.clone().into_views() })
    })
}

fn print_stats(stats: &RosStats) {
    say!("ros         {stats:?}");
}
