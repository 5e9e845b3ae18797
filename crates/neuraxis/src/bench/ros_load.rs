//! The ROS 2 node of a run, and what another process does to it: `neuraxis ros load`, which this one starts.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Subcommand};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::Observation;
use neuraxis_ros::{
    Others, RosConfig, RosNode, RosPorts, RosStats, Supervision,
    load::{Pictures, Storm, pictures, storm},
};
use serde_json::{Value, json};

use super::moving::{Outside, still};
use crate::config::Config;

/// Discovery takes a moment.
const DISCOVERY: Duration = Duration::from_secs(3);

/// Command line of `neuraxis ros load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Namespace of what is loaded.
    #[arg(long, default_value = "/")]
    namespace: String,
    #[command(subcommand)]
    what: Load,
}

/// What the other process does.
#[derive(Clone, Debug, Subcommand)]
pub enum Load {
    /// Instructions, and requests to the node's services.
    Storm {
        /// Instructions [Hz].
        #[arg(long, default_value_t = 10_000.0)]
        messages_hz: f64,
        /// Requests [Hz].
        #[arg(long, default_value_t = 1000.0)]
        requests_hz: f64,
    },
    /// Colour, depth, calibration and pose of cameras.
    Pictures {
        /// Their names, comma-separated.
        #[arg(long, value_delimiter = ',', default_value = "front,left_shoulder,right_shoulder,wrist")]
        cameras: Vec<String>,
        /// Pixels in a row.
        #[arg(long, default_value_t = 640)]
        width: u32,
        /// Pixels in a column.
        #[arg(long, default_value_t = 480)]
        height: u32,
        /// Pictures of each camera [Hz].
        #[arg(long, default_value_t = 30.0)]
        hz: f64,
    },
}

impl LoadArgs {
    /// The work of the other process: until its standard input ends, then one line of JSON about what was sent.
    pub fn run(self) -> Result<()> {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        // Reads to the end of the pipe, and with it of the process that started this one; ends with the process.
        std::thread::Builder::new().name("stdin".into()).spawn(move || {
            let read = std::io::stdin().read_to_end(&mut Vec::new());
            // Release: pairs with the Acquire loads of whoever sends. An error is an end, too.
            ends.store(true, Ordering::Release);
            read
        })?;
        let sent = match self.what {
            Load::Storm { messages_hz, requests_hz } => {
                let node = RosConfig::default().node_name;
                let sent = storm(&Storm { namespace: self.namespace, node, messages_hz, requests_hz }, &over)?;
                json!({ "secs": sent.secs, "messages": sent.messages, "requests": sent.requests, "answers": sent.answers,
                    "held_back": sent.held_back, "unanswered": sent.unanswered, "failed": sent.failed })
            }
            Load::Pictures { cameras, width, height, hz } => {
                let plan = Pictures { namespace: self.namespace, cameras, size: [width, height], hz };
                let sent = pictures(&plan, &over)?;
                json!({ "secs": sent.secs, "unheard": sent.unheard, "moments": sent.moments, "skipped": sent.skipped,
                    "views": sent.views, "failed": sent.failed })
            }
        };
        say!("{sent}");
        Ok(())
    }
}

/// The other process, while it works.
pub struct Loading(Child);

impl Loading {
    pub(super) fn start(namespace: &str, load: &Load) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["ros", "load", "--namespace", namespace]);
        match load {
            Load::Storm { messages_hz, requests_hz } => {
                command.arg("storm").args(["--messages-hz", &messages_hz.to_string()]);
                command.args(["--requests-hz", &requests_hz.to_string()]);
            }
            Load::Pictures { cameras, width, height, hz } => {
                command.arg("pictures").args(["--cameras", &cameras.join(",")]);
                command.args(["--width", &width.to_string(), "--height", &height.to_string(), "--hz", &hz.to_string()]);
            }
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.context("starting `neuraxis ros load`")?))
    }

    /// Ends it; what it sent.
    pub(super) fn end(mut self) -> Result<Value> {
        // Its end of the pipe closes, and it leaves.
        drop(self.0.stdin.take());
        let mut text = String::new();
        let said = self.0.stdout.take().context("its output")?.read_to_string(&mut text);
        let status = self.0.wait()?;
        ensure!(status.success(), "`neuraxis ros load`: {status}");
        said?;
        serde_json::from_str(&text).with_context(|| format!("`neuraxis ros load` says {text:?}"))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does `work`, which gets the namespace too, beside the delivered ROS 2 node in a thread of this process, which publishes
/// what the arm measures a thousand times a second; with a load, while another process puts it there.
pub fn beside_node<T>(
    config: &Config,
    load: Option<&Load>,
    work: impl FnOnce(Outside, &str) -> Result<T>,
) -> Result<T> {
    let robot = config.load_robot()?;
    let namespace = format!("/bench_{}", std::process::id());
    let (states_in, states) = mailbox(still(&robot.home()));
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
        looks: Box::new(|| None),
        reports: ring(1).1,
        stop: Box::new(|| {}),
        reset: Box::new(|| {}),
        supervision: Supervision::of_nothing(),
    };
    let settings = RosConfig { namespace: namespace.clone(), joint_states_hz: 1000.0, ..Default::default() };
    let node = RosNode::new(settings, ports).context("starting the ROS 2 node")?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let serving = std::thread::Builder::new().name("ros".into()).spawn_scoped(scope, || node.run(&over))?;
        let beside = || {
            let loading = load.map(|load| Loading::start(&namespace, load)).transpose()?;
            std::thread::sleep(DISCOVERY);
            let result = work(Outside { states: states_in, orders }, &namespace)?;
            let sent = loading.map(Loading::end).transpose()?;
            Ok::<_, anyhow::Error>((result, sent))
        };
        let result = beside();
        // Release: pairs with the node's Acquire load.
        over.store(true, Ordering::Release);
        let stats = serving.join().map_err(|_| anyhow!("the ROS 2 node panicked"))?;
        let (result, sent) = result?;
        let RosStats { instructions, instructions_superseded, joint_states, stops, .. } = stats;
        let received = instructions + instructions_superseded;
        say!("  node: {joint_states} joint states sent, {received} instructions received, {stops} stops answered");
        if let Some(sent) = sent {
            say!("  load: {sent}");
            ensure!(sent["messages"].as_u64().is_none_or(|n| n == 0) || received > 100, "the flood did not arrive");
            let is_deaf = sent["requests"].as_u64().is_some_and(|n| n > 0) && sent["answers"] == 0;
            ensure!(!is_deaf, "of the storm of requests none was answered");
        }
        Ok(result)
    })
}
