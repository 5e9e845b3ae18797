//! The node: made once, then one loop on one thread.

use std::{
    ops::Deref,
    panic,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use neuraxis_channel::{MailboxReader, RingReceiver};
use neuraxis_core::{ArmState, CameraView, Observation};
use r2r::{Context, Node, ParameterValue};

use crate::{
    RosConfig, RosError, RosPorts, config, environment,
    frames::FramesOut,
    publish::{ArmOut, CameraOut, EventsOut, Stamper},
    serve::Inputs,
    tasks::Tasks,
};

/// Longest that a camera frame waits for the node to look: r2r has nothing that would wake it.
const POLL: Duration = Duration::from_millis(5);
/// So long the node stays after its end for the client of a goal that was under way: its question may still be on its way,
/// and what a writer has sent is lost with the writer.
const FAREWELL: Duration = Duration::from_millis(500);
/// r2r takes one message per subscription and spin; its own queue holds this many.
const BURST: usize = 10;

/// What the node did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct RosStats {
    /// Joint states published.
    pub joint_states: u64,
    /// Camera views published (image, depth, info and pose count as one).
    pub images: u64,
    /// Messages on `/tf` published.
    pub frames: u64,
    /// Lines about a brain published.
    pub events: u64,
    /// Observations replaced by newer ones before they were published.
    pub frames_superseded: u64,
    /// States and views not published because they were incomplete, not finite, or of a camera without topics.
    pub malformed: u64,
    /// Instructions handed on.
    pub instructions: u64,
    /// Instructions replaced by newer ones before anybody read them.
    pub instructions_superseded: u64,
    /// Instructions refused.
    pub instructions_refused: u64,
    /// Goals taken.
    pub goals: u64,
    /// Goals refused.
    pub goals_refused: u64,
    /// Goals that ended well.
    pub goals_succeeded: u64,
    /// Goals that ended because their clients wished it.
    pub goals_canceled: u64,
    /// Goals that ended otherwise.
    pub goals_aborted: u64,
    /// Stop requests taken.
    pub stops: u64,
    /// Reset requests taken.
    pub resets: u64,
    /// Messages and answers that the middleware did not take.
    pub failed: u64,
}

impl RosStats {
    pub(crate) fn count_published(&mut self, sent: bool, counter: impl FnOnce(&mut Self) -> &mut u64) {
        *if sent { counter(self) } else { &mut self.failed } += 1;
    }
}

/// The ROS 2 node. Blocks, allocates and waits for the middleware: give it a thread of ordinary priority.
pub struct RosNode<F: Deref<Target = Observation>> {
    node: Node,
    period: Duration,
    states: MailboxReader<ArmState>,
    frames: RingReceiver<F>,
    stamper: Stamper,
    arm: ArmOut,
    cameras: Vec<CameraOut>,
    tf: FramesOut,
    events: EventsOut,
    inputs: Inputs,
    tasks: Tasks,
    stats: RosStats,
}

impl<F: Deref<Target = Observation> + Send> RosNode<F> {
    /// Starts ROS 2 in this process, if it is not yet, and makes the node with all its topics and services. ROS 2 reads
    /// the process's own command line (`--ros-args`) and the parameters in it.
    ///
    /// Errors: a setting, name or parameter out of range; [`RosError::DiscoveryRangeUnset`] unless the environment says
    /// with which machines to talk ([`crate::keep_local`]); whatever rcl refuses.
    pub fn new(mut config: RosConfig, ports: RosPorts<F>) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        config.validate()?;
        ports.validate(&config)?;
        let mut node = Node::create(start()?, &config.node_name, &config.namespace)
            .map_err(|source| RosError::Make { what: format!("node {}", config.node_name), source })?;
        take_parameters(&node, &mut config)?;

        let RosPorts { clock, joint_names, camera_names, base_frame, world_from_base, .. } = ports;
        let RosPorts { states, frames, events, orders, reports, stop, reset, .. } = ports;
        let stamper = Stamper::new(clock, &node);
        let arm = ArmOut::new(&mut node, joint_names, &config)?;
        let cameras =
            camera_names.iter().map(|name| CameraOut::new(&mut node, name, &config)).collect::<Result<_, _>>()?;
        let events = EventsOut::new(&mut node, events)?;
        let tf = FramesOut::new(&mut node, &config, &base_frame, &world_from_base, &stamper)?;
        let inputs = Inputs::new(&mut node, &config, orders.clone(), stop, reset)?;
        let tasks = Tasks::new(&mut node, &config, orders, reports)?;
        let period = Duration::from_secs_f64(1.0 / config.joint_states_hz);
        let stats = RosStats::default();
        Ok(Self { node, period, states, frames, stamper, arm, cameras, tf, events, inputs, tasks, stats })
    }

    /// Serves until `stop` is true; looks at it at least every 5 ms. A goal under way is ended then, which
    /// takes half a second more. Dropping the node on return takes its topics and
    /// services off the network.
    pub fn run(mut self, stop: &AtomicBool) -> RosStats {
        let mut next = Instant::now();
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            if now >= next {
                self.publish_state();
                // Late by a period or more: the missed messages are not made up for.
                next = if now - next < self.period { next + self.period } else { now + self.period };
            }
            self.publish_newest_frame();
            self.events.publish(&mut self.stats);
            self.node.spin_once(next.saturating_duration_since(Instant::now()).min(POLL));
            self.serve_burst();
        }
        if self.tasks.close(&mut self.stats) {
            let end = Instant::now() + FAREWELL;
            while Instant::now() < end {
                self.node.spin_once(POLL);
                self.tasks.say_farewell(&mut self.stats);
            }
        }
        self.stats
    }

    fn publish_state(&mut self) {
        if let Some(state) = self.states.fresh() {
            self.arm.publish(&state, &self.stamper, &mut self.stats);
        }
    }

    fn publish_newest_frame(&mut self) {
        let Some(mut newest) = self.frames.pop() else { return };
        while let Some(newer) = self.frames.pop() {
            newest = newer;
            self.stats.frames_superseded += 1;
        }
        for view in &newest.cameras {
            match self.cameras.iter().find(|camera| *camera.name == *view.name) {
                Some(camera) => camera.publish(view, newest.stamp, &self.stamper, &mut self.stats),
                None => self.stats.malformed += 1,
            }
        }
        let is_known = |view: &CameraView| self.cameras.iter().any(|camera| *camera.name == *view.name);
        self.tf.publish(&newest, is_known, &self.stamper, &mut self.stats);
    }

    // Gathers a whole burst before acting, so that of ten instructions only the newest is acted on, and a stop among the
    // requests is seen before a reset.
    fn serve_burst(&mut self) {
        for _ in 0..BURST {
            if self.inputs.gather(&mut self.stats) + self.tasks.gather() == 0 {
                break;
            }
            self.node.spin_once(Duration::ZERO);
        }
        let is_replaced = self.inputs.act(&mut self.stats);
        // Without a clock a goal would only lack its stamp.
        let stamp = self.stamper.now().unwrap_or_default();
        self.tasks.act(&stamp, is_replaced, &mut self.stats);
    }
}

// r2r panics where rcl refuses the command line.
fn start() -> Result<Context, RosError> {
    match panic::catch_unwind(Context::create) {
        Ok(context) => context.map_err(|error| RosError::Start { reason: error.to_string() }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(RosError::Start { reason: text.unwrap_or("rcl refused without a reason").to_string() })
        }
    }
}

// `--ros-args -p NAME:=VALUE` wins over the file. A parameter that we do not have is a spelling mistake, except those that
// every ROS 2 node has.
fn take_parameters(node: &Node, config: &mut RosConfig) -> Result<(), RosError> {
    const KNOWN: &str = "joint_states_hz or instruction_max_chars";
    const OF_EVERY_NODE: &[&str] = &["use_sim_time", "start_type_description_service"];
    let parameters = node.params.lock().map_err(|_| RosError::Start { reason: "r2r panicked".into() })?;
    for (name, parameter) in parameters.iter() {
        match (name.as_str(), &parameter.value) {
            ("joint_states_hz", ParameterValue::Double(hz)) => config.joint_states_hz = *hz,
            ("joint_states_hz", ParameterValue::Integer(hz)) => config.joint_states_hz = *hz as f64,
            ("instruction_max_chars", ParameterValue::Integer(chars)) => {
                config.instruction_max_chars = usize::try_from(*chars).unwrap_or(0);
            }
            ("joint_states_hz" | "instruction_max_chars", value) => {
                return Err(config::setting(name, value.type_name(), "a number"));
            }
            (name, _) if OF_EVERY_NODE.contains(&name) => {}
            (name, _) => return Err(config::setting("ROS parameter", name, KNOWN)),
        }
    }
    drop(parameters);
    config.validate()
}
