//! The end that talks to ROS 2: one loop in one thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use neuraxis_channel::{MailboxReader, MailboxWriter, RingSender};
use neuraxis_core::{ArmState, Clock, Nanos};
use neuraxis_robot::{JointLimits, Robot, Shares};
use r2r::{Node, QosProfile, sensor_msgs::msg::JointState};

use super::{
    CommandInterface, ControlConfig, ControlReport, ControlStats, Role, StateRefusal,
    arm::{Given, Verdict},
    course::{Course, Step},
    goals::{GripperTrouble, Wish},
    order,
    out::{ArmOut, GripperOut},
    refused::Refused,
    states::States,
};
use crate::{
    RosError, environment,
    inbox::{Inbox, inbox},
    node::start,
    timeline::Timeline,
};

/// Name of the node.
const NAME: &str = "neuraxis_control";
/// Longest that a joint state waits for the node to look.
const POLL: Duration = Duration::from_millis(1);
/// Messages taken from one subscription between two commands: a flood of them must not hold up the commands.
const BURST: usize = 20;
/// Within this time processes find each other: DDS makes itself known at once and, where that was lost, every three
/// seconds. So long it is listened for rivals before the start.
pub(super) const DISCOVERY: Nanos = Nanos::from_millis(3500);
/// How often they are looked for later.
const LOOK_AROUND: Nanos = Nanos::from_millis(100);

/// The node's ends of the mailboxes.
pub(crate) struct Ends {
    pub(crate) states_in: MailboxWriter<Option<ArmState>>,
    pub(crate) commands: MailboxReader<Option<Given>>,
    pub(crate) reports_in: RingSender<ControlReport>,
    pub(crate) verdict: Arc<Verdict>,
}

/// What tells the arm and its gripper.
struct Mouth {
    arm: ArmOut,
    gripper: GripperOut,
    /// With the node's namespace, as the graph knows it.
    own_name: String,
}

impl Mouth {
    fn new(node: &mut Node, config: &ControlConfig, limits: &[JointLimits]) -> Result<Self, RosError> {
        refuse_rivals(node, config)?;
        order::check(node, NAME, config)?;
        let arm = ArmOut::new(node, config, limits)?;
        let gripper = GripperOut::new(node, &config.gripper)?;
        let own_name = node
            .fully_qualified_name()
            .map_err(|source| RosError::Make { what: format!("name of node {NAME}"), source })?;
        require_own(node, &own_name, &config.command_topic)?;
        Ok(Self { arm, gripper, own_name })
    }
}

/// Takes joint states in and sends commands out. Blocks, allocates and waits for the middleware: give it a thread of its own.
pub struct ControlNode {
    node: Node,
    config: ControlConfig,
    clock: Arc<dyn Clock>,
    ends: Ends,
    timeline: Timeline,
    inboxes: Vec<Inbox<JointState>>,
    states: States,
    newest: Option<ArmState>,
    course: Course,
    /// `None` where the arm is only watched.
    mouth: Option<Mouth>,
    stats: ControlStats,
    last_refusal: Option<StateRefusal>,
    /// The last.
    gripper_trouble: Option<GripperTrouble>,
    rivals: Vec<String>,
    looked_around: Nanos,
    refused: Refused,
}

impl ControlNode {
    pub(crate) fn new(
        config: ControlConfig,
        role: Role,
        robot: &Robot,
        shares: &Shares,
        clock: Arc<dyn Clock>,
        ends: Ends,
    ) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        let slowed = robot.slowed(shares);
        let mut node = Node::create(start()?, NAME, "")
            .map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
        let mouth = match role {
            Role::Drives => Some(Mouth::new(&mut node, &config, slowed.limits())?),
            Role::Watches => None,
        };
        // Best effort takes from publishers of both kinds, and what was lost would have been too old.
        let qos = || QosProfile::default().keep_last(10).best_effort();
        let inboxes = config.state_topics().map(|topic| inbox(&mut node, topic, qos())).collect::<Result<_, _>>()?;
        Ok(Self {
            timeline: Timeline::new(clock.clone(), &node),
            states: States::new(&config, robot.limits(), role),
            course: Course::new(slowed.limits(), Nanos::from_secs(config.silence_secs)),
            looked_around: clock.now(),
            newest: None,
            stats: ControlStats::default(),
            last_refusal: None,
            gripper_trouble: None,
            rivals: Vec::new(),
            refused: Refused::default(),
            node,
            config,
            clock,
            ends,
            inboxes,
            mouth,
        })
    }

    /// Serves until `stop` is true and the arm is at rest: raise it after the loop has ended. Dropping the node on return
    /// takes its topics off the network.
    pub fn run(mut self, stop: &AtomicBool) -> ControlStats {
        let period = Duration::from_secs_f64(1.0 / self.config.rate_hz());
        let mut next = Instant::now();
        if self.mouth.is_some() {
            self.states.must_find_us(self.clock.now());
        }
        loop {
            let now = Instant::now();
            if now >= next {
                // Acquire: pairs with the Release store of whoever ends the run.
                let ends = stop.load(Ordering::Acquire);
                let step = self.command(ends);
                if ends && self.course.is_at_rest() {
                    self.end_speech(&step);
                    self.report();
                    return self.stats;
                }
                // Late by a period or more: the missed messages are not made up for.
                next = if now - next < period { next + period } else { now + period };
            }
            self.node.spin_once(next.saturating_duration_since(Instant::now()).min(POLL));
            self.listen();
            self.look_around();
        }
    }

    /// Takes what has come. r2r hands over one message per subscription and spin.
    fn listen(&mut self) {
        for _ in 0..BURST {
            let messages: Vec<JointState> = self.inboxes.iter_mut().flat_map(Inbox::drain).collect();
            if messages.is_empty() {
                return;
            }
            for msg in &messages {
                self.take(msg);
            }
            self.node.spin_once(Duration::ZERO);
        }
    }

    fn take(&mut self, msg: &JointState) {
        let Some(moment) = self.timeline.now() else {
            self.stats.failed += 1;
            return;
        };
        match self.states.take(msg, &moment) {
            Ok(Some(state)) => {
                if let Some(count) = self.refused.end() {
                    r2r::log_info!(NAME, "joint states are taken again ({count} were refused in a row)");
                }
                // It is over, and nothing was wrong.
                self.last_refusal.take_if(|refusal| matches!(refusal, StateRefusal::JustBack { .. }));
                self.stats.states += 1;
                self.newest = Some(state);
                self.ends.states_in.write(Some(state));
            }
            Ok(None) => self.stats.other_joints += 1,
            Err(refusal) => {
                self.stats.count_refused(&refusal);
                match (self.refused.note(moment.ours, &refusal), &refusal) {
                    (None, _) => {}
                    (Some(_), StateRefusal::JustBack { .. }) => r2r::log_info!(NAME, "{refusal}"),
                    (Some(count), _) => {
                        r2r::log_warn!(NAME, "joint state refused: {refusal} ({count} of its kind lately)");
                    }
                }
                self.last_refusal = Some(refusal);
            }
        }
    }

    /// One command, if there is one to give and somebody to give it.
    fn command(&mut self, ends: bool) -> Step {
        let Some(mouth) = &mut self.mouth else { return Step::Nothing };
        let now = self.clock.now();
        let timeout = Nanos::from_secs(self.config.state_timeout_secs);
        let measured = self.newest.filter(|state| now - state.stamp <= timeout);
        let given = if ends { None } else { self.ends.commands.latest() };
        let silences = self.course.noticed.silences;
        let step = self.course.step(now, given.as_ref(), measured.as_ref(), !self.rivals.is_empty());
        if self.course.noticed.silences > silences && (silences + 1).is_power_of_two() {
            r2r::log_warn!(NAME, "the loop is silent: braking from its last command ({} times)", silences + 1);
        }
        self.ends.verdict.refused.set(self.course.is_refusing());
        self.stats.notice(self.course.noticed);
        if let Some(sent) = mouth.arm.publish(&step, measured.as_ref()) {
            *if sent { &mut self.stats.commands } else { &mut self.stats.failed } += 1;
        }
        let wish = given
            .filter(|_| matches!(step, Step::Move(_)))
            .map(|Given { command, .. }| Wish { width_m: command.gripper_width_m, force_n: command.grip_force_n });
        let told = mouth.gripper.look(now, wish, self.newest.map_or(0.0, |state| state.gripper_width_m));
        self.stats.gripper_commands += told.sent;
        self.stats.failed += told.failed;
        if let Some(width_m) = told.width_m {
            self.states.told_width(width_m);
        }
        let (trouble, goals_failed) = mouth.gripper.trouble();
        if let Some(trouble) = trouble.filter(|_| goals_failed > self.stats.gripper_troubles) {
            if goals_failed.is_power_of_two() {
                r2r::log_error!(NAME, "{trouble}; the arm stops ({goals_failed} times)");
            }
            self.gripper_trouble = Some(trouble);
        }
        self.stats.gripper_troubles = goals_failed;
        self.ends.verdict.gripper.set(trouble.is_some());
        step
    }

    /// The last word to a controller of velocities, given time to leave, and to the gripper.
    fn end_speech(&mut self, step: &Step) {
        let Some(mouth) = &mut self.mouth else { return };
        if self.config.interface == CommandInterface::ForwardVelocity && *step != Step::Nothing {
            mouth.arm.publish(&Step::Rest, None);
            thread::sleep(Duration::from_millis(20));
        }
        mouth.gripper.end();
    }

    /// Looks for rivals and reports, now and then.
    fn look_around(&mut self) {
        let now = self.clock.now();
        if now - self.looked_around < LOOK_AROUND {
            return;
        }
        self.looked_around = now;
        if let Some(own_name) = self.mouth.as_ref().map(|mouth| mouth.own_name.clone()) {
            self.look_for_rivals(&own_name);
        }
        self.report();
    }

    fn look_for_rivals(&mut self, own_name: &str) {
        let topic = &self.config.command_topic;
        let rivals = match publishers(&self.node, topic) {
            Ok(mut all) => {
                // One of them is ours.
                if let Some(own) = all.iter().position(|name| name == own_name) {
                    all.swap_remove(own);
                }
                all
            }
            Err(_) => {
                self.stats.failed += 1;
                return;
            }
        };
        self.stats.rivals += u64::from(!rivals.is_empty() && self.rivals.is_empty());
        // Said again once its name is known.
        if !rivals.is_empty() && rivals != self.rivals {
            r2r::log_error!(NAME, "{topic} has another publisher: {}; the arm stops", rivals.join(", "));
        }
        self.ends.verdict.rivals.set(!rivals.is_empty());
        self.rivals = rivals;
    }

    fn report(&self) {
        let (now, timeout) = (self.clock.now(), Nanos::from_secs(self.config.state_timeout_secs));
        self.ends.reports_in.push_newest(ControlReport {
            stats: self.stats,
            last_refusal: self.last_refusal.clone(),
            is_alive: self.newest.is_some_and(|state| now - state.stamp <= timeout),
            is_refusing: self.course.is_refusing(),
            gripper_trouble: self.gripper_trouble,
            is_gripper_in_trouble: self.mouth.as_ref().is_some_and(|mouth| mouth.gripper.trouble().0.is_some()),
            is_watched: self.mouth.is_none(),
            rivals: self.rivals.clone(),
        });
    }
}

/// Who publishes on a topic, by node.
fn publishers(node: &Node, topic: &str) -> r2r::Result<Vec<String>> {
    let found = node.get_publishers_info_by_topic(topic, false)?;
    let names = found.iter().map(|info| match info.node_name.as_str() {
        "_NODE_NAME_UNKNOWN_" => UNNAMED.to_string(),
        name => format!("{}/{name}", info.node_namespace.trim_end_matches('/')),
    });
    Ok(names.collect())
}

/// Whom discovery has found but not named yet.
const UNNAMED: &str = "a node without a name so far";

/// The graph is kept by the middleware's own thread: looking is enough, and there is nothing to spin for yet.
fn refuse_rivals(node: &Node, config: &ControlConfig) -> Result<(), RosError> {
    let topic = &config.command_topic;
    let start = Instant::now();
    loop {
        let others = publishers(node, topic)
            .map_err(|source| RosError::Make { what: format!("list of publishers of {topic}"), source })?;
        let is_over = start.elapsed() >= Duration::from_nanos(DISCOVERY.0);
        // Their names come a moment later than they do.
        if !others.is_empty() && (is_over || !others.iter().any(|name| name == UNNAMED)) {
            return Err(RosError::Rivals { topic: topic.clone(), others: others.join(", ") });
        }
        if is_over {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Our own publisher must be found under the name that is watched.
fn require_own(node: &Node, own_name: &str, topic: &str) -> Result<(), RosError> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_nanos(DISCOVERY.0) {
        if publishers(node, topic).is_ok_and(|all| all.iter().any(|name| name == own_name)) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(RosError::Remapped { topic: topic.into() })
}
