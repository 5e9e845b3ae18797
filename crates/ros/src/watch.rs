//! What a robot's node publishes, taken in for whoever shows it in another process: joints, where the arm goes and looks, what
//! a policy looks at and wants, what a brain says, what the arm is told, how everything is. The cameras' pictures come through
//! [`crate::cameras_in`].

mod joints;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use joints::WatchedJoints;
use neuraxis_core::{ArmState, Clock, Nanos, Prediction};
use r2r::{
    Node, QosProfile, diagnostic_msgs::msg::DiagnosticArray, neuraxis_msgs::msg::Prediction as PredictionMsg,
    sensor_msgs::msg::JointState, std_msgs::msg::String as Text, visualization_msgs::msg::MarkerArray,
};

use crate::{
    RosConfig, RosError,
    apart::{POLICY_NODE, prediction_from_msg},
    environment,
    inbox::{Inbox, inbox},
    looked::PolicyLook,
    looks_in::LooksIn,
    markers::intent_of,
    node::start,
    status::Status,
    supervision::Intent,
    timeline::{Moment, Timeline},
    topics,
};

/// Name of the node.
const NAME: &str = "neuraxis_viz";
/// Longest that a message waits for the node to look.
const POLL: Duration = Duration::from_millis(5);
/// Messages taken from one subscription in a row.
const BURST: usize = 10;
/// After so many messages about other joints alone it is said that none is about ours.
const OTHERS: u64 = 100;

/// Something to show; stamps are of this machine's clock, as well as the clocks of both machines agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// What the arm measures.
    State(Box<ArmState>),
    /// What a policy in a process of its own answers, whether it was acted on or not.
    Prediction(Box<Prediction>),
    /// What the arm was told.
    Instruction(Nanos, String),
    /// A line about a brain, or why a policy had no answer.
    Event(Nanos, String),
    /// What a policy's networks looked at, wherever it runs.
    Look(PolicyLook),
    /// Where the arm goes and looks, as far as it is drawn.
    Intent(Nanos, Box<Intent>),
    /// How the robot's program is, part by part.
    Health(Nanos, Vec<Status>),
    /// How a policy in a process of its own is.
    PolicyHealth(Nanos, Vec<Status>),
}

/// What the node did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchStats {
    /// Messages taken.
    pub seen: u64,
    /// Sets of views among them.
    pub looks: u64,
    /// Key-frames that were drawn.
    pub intents: u64,
    /// Reports of how everything is.
    pub reports: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Joint states about other joints.
    pub other_joints: u64,
    /// Times that ROS time could not be had.
    pub failed: u64,
}

/// Listens to a robot's node.
pub struct WatchNode {
    node: Node,
    timeline: Timeline,
    joints: WatchedJoints,
    is_arm_heard: bool,
    states: Vec<Inbox<JointState>>,
    predictions: Inbox<PredictionMsg>,
    instructions: Inbox<Text>,
    events: Inbox<Text>,
    looks: LooksIn,
    markers: Inbox<MarkerArray>,
    diagnostics: Inbox<DiagnosticArray>,
    robot_node: String,
    stats: WatchStats,
}

impl WatchNode {
    /// Starts ROS 2 in this process, if it is not yet, and makes the node.
    ///
    /// Errors: [`RosError::DiscoveryRangeUnset`]; whatever rcl refuses.
    pub fn new(joints: WatchedJoints, clock: Arc<dyn Clock>) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        let made = Node::create(start()?, NAME, "");
        let mut node = made.map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
        // Best effort takes from publishers of both kinds, and what was lost would have been too old.
        let newest = || QosProfile::default().keep_last(10).best_effort();
        Ok(Self {
            timeline: Timeline::new(clock, &node),
            states: joints.topics().map(|topic| inbox(&mut node, topic, newest())).collect::<Result<_, _>>()?,
            predictions: inbox(&mut node, topics::PREDICTION, newest())?,
            instructions: inbox(&mut node, topics::INSTRUCTION, topics::instruction_qos())?,
            events: inbox(&mut node, topics::BRAIN_EVENTS, topics::brain_events_qos())?,
            looks: LooksIn::new(&mut node)?,
            markers: inbox(&mut node, topics::MARKERS, topics::latched_qos())?,
            diagnostics: inbox(&mut node, topics::DIAGNOSTICS, newest())?,
            robot_node: RosConfig::default().node_name,
            node,
            joints,
            is_arm_heard: false,
            stats: WatchStats::default(),
        })
    }

    /// Listens until `stop` is true; looks at it at least every 5 ms. `show` is called on this thread, with `None` after each
    /// look, whether anything came or not. Ends early with its error.
    pub fn run<E>(
        mut self,
        stop: &AtomicBool,
        mut show: impl FnMut(Option<Seen>) -> Result<(), E>,
    ) -> Result<WatchStats, E> {
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            self.node.spin_once(POLL);
            for _ in 0..BURST {
                let all = self.hear();
                if all.is_empty() {
                    break;
                }
                all.into_iter().try_for_each(|seen| show(Some(seen)))?;
                self.node.spin_once(Duration::ZERO);
            }
            show(None)?;
        }
        Ok(self.stats)
    }

    fn hear(&mut self) -> Vec<Seen> {
        let Some(moment) = self.timeline.now() else {
            self.stats.failed += 1;
            return Vec::new();
        };
        let mut all = Vec::new();
        let states: Vec<JointState> = self.states.iter_mut().flat_map(Inbox::drain).collect();
        all.extend(states.iter().filter_map(|msg| self.state(msg, &moment)));
        for msg in self.predictions.drain() {
            let stamp = moment.ours_of(&msg.header.stamp);
            match prediction_from_msg(&msg, stamp) {
                Ok(prediction) => all.push(Seen::Prediction(Box::new(prediction))),
                Err(why) => all.push(Seen::Event(moment.ours, why)),
            }
        }
        all.extend(self.instructions.drain().into_iter().map(|Text { data }| Seen::Instruction(moment.ours, data)));
        all.extend(self.events.drain().into_iter().map(|Text { data }| Seen::Event(moment.ours, data)));
        for (stamp, views) in self.looks.hear(&mut self.stats.malformed) {
            self.stats.looks += 1;
            all.push(Seen::Look(PolicyLook { stamp: moment.ours_of(&stamp), views }));
        }
        // Markers of other programs come on the same topic.
        for intent in self.markers.drain().iter().filter_map(|msg| intent_of(&msg.markers)) {
            self.stats.intents += 1;
            all.push(Seen::Intent(moment.ours, Box::new(intent)));
        }
        for report in self.diagnostics.drain() {
            let health = self.health(report, moment);
            self.stats.reports += u64::from(health.is_some());
            all.extend(health);
        }
        self.stats.seen += all.len() as u64;
        all
    }

    /// What the arm measures; why that is not shown is said.
    fn state(&mut self, msg: &JointState, moment: &Moment) -> Option<Seen> {
        match self.joints.take(msg, moment.ours_of(&msg.header.stamp)) {
            Some(Ok(state)) => {
                self.is_arm_heard = true;
                return Some(Seen::State(Box::new(state)));
            }
            Some(Err(refusal)) => {
                self.stats.malformed += 1;
                if self.stats.malformed.is_power_of_two() {
                    r2r::log_warn!(NAME, "{refusal}: not shown ({} messages so far)", self.stats.malformed);
                }
            }
            // Other nodes publish other joints on the same topic.
            None => {
                self.stats.other_joints += 1;
                if self.stats.other_joints == OTHERS && !self.is_arm_heard {
                    r2r::log_warn!(
                        NAME,
                        "joint states come, none about this robot's joints: --config arm.yaml names them"
                    );
                }
            }
        }
        None
    }

    /// How one of our nodes is; `None`: it is another program's report.
    fn health(&self, report: DiagnosticArray, moment: Moment) -> Option<Seen> {
        let of = |node: &str| -> Vec<Status> {
            report.status.iter().filter_map(|status| Status::from_msg(status.clone(), node)).collect()
        };
        let (robot, policy) = (of(&self.robot_node), of(POLICY_NODE));
        match (robot.is_empty(), policy.is_empty()) {
            (false, _) => Some(Seen::Health(moment.ours, robot)),
            (true, false) => Some(Seen::PolicyHealth(moment.ours, policy)),
            (true, true) => None,
        }
    }
}
