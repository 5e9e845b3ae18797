//! The node: made once, then one loop on one thread.

use std::{
    ops::Deref,
    panic,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use neuraxis_channel::{MailboxReader, RingReceiver};
use neuraxis_core::{ArmState, CameraView, Joints, Observation};
use r2r::{Context, Node};

use crate::{
    RosConfig, RosError, RosPorts, RosStats,
    description::Description,
    diagnostics::Diagnostics,
    environment,
    frames::FramesOut,
    lifecycle_services::Lifecycle,
    looked::LooksOut,
    markers::Markers,
    parameter_services::Parameters,
    parameters,
    publish::{ArmOut, CameraOut, EventsOut, Stamper},
    serve::Inputs,
    supervision::Supervision,
    tasks::Tasks,
};

/// Longest that a camera frame waits for the node to look: r2r has nothing that would wake it.
const POLL: Duration = Duration::from_millis(5);
/// So long the node stays after its end for the client of a goal that was under way: its question may still be on its way,
/// and what a writer has sent is lost with the writer.
const FAREWELL: Duration = Duration::from_millis(500);
/// A node that starts by itself looks this often whether anything still stands against it.
const AGAIN: Duration = Duration::from_millis(200);
/// r2r takes one message per subscription and spin; its own queue holds this many.
const BURST: usize = 10;

/// The ROS 2 node. Blocks, allocates and waits for the middleware: give it a thread of ordinary priority.
pub struct RosNode<F: Deref<Target = Observation>> {
    node: Node,
    period: Duration,
    states: MailboxReader<ArmState>,
    /// Joints of the newest state.
    q: Joints,
    frames: RingReceiver<F>,
    stamper: Stamper,
    arm: Option<ArmOut>,
    camera_names: Vec<String>,
    cameras: Vec<CameraOut>,
    tf: FramesOut,
    events: EventsOut,
    looks: LooksOut,
    inputs: Inputs,
    config: RosConfig,
    lifecycle: Lifecycle,
    /// It activates itself as soon as nothing stands against it: when it looks again.
    starts_at: Option<Instant>,
    parameters: Parameters,
    diagnostics: Diagnostics,
    markers: Markers,
    _description: Description,
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
        parameters::take(&node, &mut config)?;

        let mut stats = RosStats::default();
        let RosPorts { clock, joint_names, camera_names, base_frame, world_from_base, .. } = ports;
        let RosPorts { states, frames, events, looks, orders, reports, stop, reset, others, .. } = ports;
        let Supervision { hardware_id, let_move, obstacle, health, robot_description, boundaries, .. } =
            ports.supervision;
        let (intent, world_from_tool) = (ports.supervision.intent, ports.supervision.world_from_tool);
        // The arm holds before anybody can ask it to move.
        let lifecycle = Lifecycle::new(&mut node, let_move, obstacle)?;
        let parameters = Parameters::new(&mut node)?;
        let diagnostics = Diagnostics::new(&mut node, &camera_names, hardware_id, health)?;
        let markers = Markers::new(&mut node, config.world_frame.clone(), boundaries, intent, world_from_tool)?;
        let description = Description::publish(&mut node, robot_description, &mut stats)?;
        let stamper = Stamper::new(clock, &node);
        let arm = (!others.publish_states).then(|| ArmOut::new(&mut node, joint_names, &config)).transpose()?;
        let shown: &[String] = if others.publish_cameras { &[] } else { &camera_names };
        let cameras = shown.iter().map(|name| CameraOut::new(&mut node, name, &config)).collect::<Result<_, _>>()?;
        let events = EventsOut::new(&mut node, events)?;
        let looks = LooksOut::new(looks);
        let tf = FramesOut::new(&mut node, &config, &base_frame, &world_from_base, &stamper)?;
        let inputs = Inputs::new(&mut node, &config, orders.clone(), stop, reset)?;
        let tasks = Tasks::new(&mut node, &config, orders, reports)?;
        let period = Duration::from_secs_f64(1.0 / config.joint_states_hz);
        parameters.announce(&config, &stamper, &mut stats);
        let mut made = Self {
            node,
            period,
            states,
            q: Joints::zeros(0),
            frames,
            stamper,
            arm,
            camera_names,
            cameras,
            tf,
            events,
            looks,
            inputs,
            config,
            lifecycle,
            starts_at: None,
            parameters,
            diagnostics,
            markers,
            _description: description,
            tasks,
            stats,
        };
        if made.config.autostart {
            made.lifecycle.go("configure", &made.stamper, &mut made.stats);
            let is_active = made.lifecycle.go("activate", &made.stamper, &mut made.stats);
            made.starts_at = (!is_active).then(Instant::now);
        }
        Ok(made)
    }

    /// Serves until `stop` is true; looks at it at least every 5 ms. A goal under way is ended then, which
    /// takes half a second more. Dropping the node on return takes its topics and
    /// services off the network.
    pub fn run(mut self, stop: &AtomicBool) -> RosStats {
        let mut next = Instant::now();
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            let publishes = self.lifecycle.state().publishes();
            if now >= next {
                if publishes {
                    self.publish_state();
                }
                // Late by a period or more: the missed messages are not made up for.
                next = if now - next < self.period { next + self.period } else { now + self.period };
            }
            self.publish_newest_frame(publishes);
            self.events.publish(&mut self.stats);
            self.looks.publish(&mut self.node, &self.stamper, &mut self.stats);
            if publishes {
                self.markers.publish(&self.q, &self.stamper, &mut self.stats);
            }
            self.diagnostics.publish(self.lifecycle.state(), &self.stamper, &mut self.stats);
            self.node.spin_once(next.saturating_duration_since(Instant::now()).min(POLL));
            self.serve_burst();
            self.serve_parameters();
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
            self.q = state.q;
            if let Some(arm) = &mut self.arm {
                arm.publish(&state, &self.stamper, &mut self.stats);
            }
        }
    }

    fn publish_newest_frame(&mut self, publishes: bool) {
        let Some(mut newest) = self.frames.pop() else { return };
        self.diagnostics.note(&newest);
        while let Some(newer) = self.frames.pop() {
            self.diagnostics.note(&newer);
            newest = newer;
            self.stats.frames_superseded += 1;
        }
        if !publishes {
            return;
        }
        for view in &newest.cameras {
            match self.cameras.iter().find(|camera| *camera.name == *view.name) {
                Some(camera) => camera.publish(view, newest.stamp, &self.stamper, &mut self.stats),
                None if self.camera_names.iter().any(|name| **name == *view.name) => {}
                None => self.stats.malformed += 1,
            }
        }
        let is_known = |view: &CameraView| self.camera_names.iter().any(|name| **name == *view.name);
        self.tf.publish(&newest, is_known, &self.stamper, &mut self.stats);
    }

    // Gathers a whole burst before acting, so that of ten instructions only the newest is acted on, and a stop among the
    // requests is seen before a reset.
    fn serve_burst(&mut self) {
        for _ in 0..BURST {
            if self.inputs.gather(&mut self.stats) + self.lifecycle.gather() + self.tasks.gather() == 0 {
                break;
            }
            self.node.spin_once(Duration::ZERO);
        }
        let is_replaced = self.inputs.act(self.lifecycle.state(), &mut self.stats);
        // Without a clock a goal would only lack its stamp.
        let stamp = self.stamper.time().unwrap_or_default();
        self.tasks.act(&stamp, self.lifecycle.state(), is_replaced, &mut self.stats);
        // Whoever changes the state decides from then on.
        if self.lifecycle.act(&self.stamper, &mut self.stats) {
            self.starts_at = None;
        }
        if self.starts_at.is_some_and(|at| Instant::now() >= at) {
            let is_active = self.lifecycle.go("activate", &self.stamper, &mut self.stats);
            self.starts_at = (!is_active).then(|| Instant::now() + AGAIN);
        }
    }

    // What may change while the node runs is put to use here.
    fn serve_parameters(&mut self) {
        if let Some(config) = self.parameters.serve(&self.config, &self.stamper, &mut self.stats) {
            self.period = Duration::from_secs_f64(1.0 / config.joint_states_hz);
            self.inputs.set_max_chars(config.instruction_max_chars);
            self.tasks.set_max_chars(config.instruction_max_chars);
            self.config = config;
        }
    }
}

// r2r panics where rcl refuses the command line.
pub(crate) fn start() -> Result<Context, RosError> {
    match panic::catch_unwind(Context::create) {
        Ok(context) => context.map_err(|error| RosError::Start { reason: error.to_string() }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(RosError::Start { reason: text.unwrap_or("rcl refused without a reason").to_string() })
        }
    }
}
