//! The policy's end: a node that answers observations, for a machine that infers.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nalgebra::Vector3;
use neuraxis_core::{Nanos, Observation, Prediction};
use r2r::{
    Node, Publisher,
    diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue},
    neuraxis_msgs::msg::{Observation as ObservationMsg, PolicyDescription, Prediction as PredictionMsg},
};

use super::{
    PolicyCard,
    messages::{self, Reply},
    recent::Recent,
    session,
};
use crate::{
    RosError, config, conversions, environment,
    inbox::{Inbox, inbox},
    node::start,
    publish::publisher,
    topics,
};

/// Name of the node.
const NAME: &str = "neuraxis_policy";
/// Between two looks at whether it shall end.
const POLL: Duration = Duration::from_millis(20);
/// After this silence of the robot that is answered, another one may take its place.
const SILENCE: Duration = Duration::from_secs(1);
const PERIOD: Duration = Duration::from_secs(1);

/// What a policy says to an observation: a key-frame, with where its eye is and what it looks at in the world [m] if it has a
/// gaze; `Err`: why there is none.
pub type Said = Result<(Prediction, Option<[Vector3<f64>; 2]>), String>;

/// What thinks: an observation, what is to be done (empty: nothing, but an answer is wanted) and the number of the task,
/// which changes with the robot's run, task or words. Called on the node's thread; may take long.
pub type Think<'a> = dyn FnMut(&Observation, &str, u32) -> Said + 'a;

/// What the node did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyNodeStats {
    /// Answers with a key-frame.
    pub answers: u64,
    /// Answers without one.
    pub refused: u64,
    /// Observations that could not be read.
    pub malformed: u64,
    /// Observations of a second robot.
    pub second_robot: u64,
    /// Messages that the middleware did not take.
    pub failed: u64,
}

/// Answers the newest observation of one robot. One loop on one thread, which also infers: nothing else has to be in time.
pub struct PolicyNode {
    node: Node,
    session: u64,
    card: PolicyCard,
    ttl_secs: f64,
    observations: Inbox<ObservationMsg>,
    predictions: Publisher<PredictionMsg>,
    diagnostics: Publisher<DiagnosticArray>,
    // Latched: what it says stays while it is.
    _descriptions: Publisher<PolicyDescription>,
    /// Session of the robot that is answered, and when it was heard last.
    robot: Option<(u64, Instant)>,
    /// What the task's number stands for.
    task: Option<(u64, u32, String)>,
    epoch: u32,
    held: Recent,
    why: String,
    reported: Instant,
    before: PolicyNodeStats,
    stats: PolicyNodeStats,
}

impl PolicyNode {
    /// Starts ROS 2 in this process, if it is not yet, makes the node and announces it. `ttl_secs`: for how long an answer
    /// is good after its image, 0.02 to 10 [s].
    ///
    /// Errors: a setting out of its range; [`RosError::DiscoveryRangeUnset`]; whatever rcl refuses.
    pub fn new(card: PolicyCard, ttl_secs: f64) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        config::check_range("ttl_secs", ttl_secs, 0.02, 10.0)?;
        let made = Node::create(start()?, NAME, "");
        let mut node = made.map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
        let session = session();
        let descriptions = publisher(&mut node, topics::POLICY_DESCRIPTION, topics::latched_qos())?;
        descriptions
            .publish(&card.to_msg(session))
            .map_err(|source| RosError::Make { what: format!("message on {}", topics::POLICY_DESCRIPTION), source })?;
        Ok(Self {
            session,
            card,
            ttl_secs,
            predictions: publisher(&mut node, topics::PREDICTION, topics::prediction_qos())?,
            diagnostics: publisher(&mut node, topics::DIAGNOSTICS, topics::diagnostics_qos())?,
            observations: inbox(&mut node, topics::OBSERVATION, topics::observation_qos())?,
            _descriptions: descriptions,
            node,
            robot: None,
            task: None,
            epoch: 0,
            held: Recent::default(),
            why: String::new(),
            reported: Instant::now(),
            before: PolicyNodeStats::default(),
            stats: PolicyNodeStats::default(),
        })
    }

    /// Answers until `stop` is true; looks at it at least every 20 ms between two observations.
    pub fn run(mut self, stop: &AtomicBool, think: &mut Think<'_>) -> PolicyNodeStats {
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            self.node.spin_once(POLL);
            // One at most waits, the newest.
            if let (Some(msg), _) = self.observations.newest() {
                self.answer(&msg, think);
            }
            self.report();
        }
        self.stats
    }

    fn answer(&mut self, msg: &ObservationMsg, think: &mut Think<'_>) {
        let came = Instant::now();
        let robot = msg.robot_session;
        if self.robot.is_some_and(|(answered, at)| answered != robot && at.elapsed() <= SILENCE) {
            self.stats.second_robot += 1;
            self.complain(
                self.stats.second_robot,
                "a second robot asks, one is answered already: each needs a policy of its own",
            );
            return;
        }
        self.robot = Some((robot, came));
        let observation = match messages::observation_from_msg(msg) {
            Ok(observation) => observation,
            Err(error) => {
                self.stats.malformed += 1;
                self.complain(self.stats.malformed, &error.to_string());
                return;
            }
        };
        let task = (robot, msg.epoch, msg.instruction.clone());
        if self.task.as_ref() != Some(&task) {
            self.task = Some(task);
            self.epoch = self.epoch.wrapping_add(1);
            r2r::log_info!(NAME, "task {}: {:?}", self.epoch, msg.instruction);
        }
        let said = think(&observation, &msg.instruction, self.epoch);
        match &said {
            Ok(_) => self.stats.answers += 1,
            Err(reason) => {
                self.stats.refused += 1;
                self.complain(self.stats.refused, reason);
            }
        }
        let held = came.elapsed();
        self.held.note(Nanos(held.as_nanos() as u64));
        let reply = Reply {
            policy_session: self.session,
            weights_hash: &self.card.weights_hash,
            ttl_secs: self.ttl_secs,
            held_secs: held.as_secs_f64(),
            said,
        };
        self.stats.failed += u64::from(self.predictions.publish(&messages::answer_to_msg(msg, reply)).is_err());
    }

    /// Logs ever more rarely: a flood of bad observations must not become a flood of log lines.
    fn complain(&mut self, count: u64, why: &str) {
        self.why = why.chars().take(200).collect();
        if count.is_power_of_two() {
            r2r::log_warn!(NAME, "{} ({count} times)", self.why);
        }
    }

    /// How it is, once a second.
    fn report(&mut self) {
        if self.reported.elapsed() < PERIOD {
            return;
        }
        self.reported = Instant::now();
        let (now, before) = (self.stats.clone(), std::mem::replace(&mut self.before, self.stats.clone()));
        let (level, message) = if now.refused + now.malformed + now.second_robot
            > before.refused + before.malformed + before.second_robot
        {
            (DiagnosticStatus::WARN as u8, self.why.clone())
        } else if now.answers > before.answers {
            (DiagnosticStatus::OK as u8, "answers".into())
        } else {
            (DiagnosticStatus::OK as u8, "nobody asks".into())
        };
        let mut values = vec![
            ("answers".to_string(), now.answers.to_string()),
            ("refused".into(), now.refused.to_string()),
            ("malformed".into(), now.malformed.to_string()),
            ("second_robot".into(), now.second_robot.to_string()),
            ("weights_hash".into(), self.card.weights_hash.clone()),
            ("device".into(), self.card.device.clone()),
        ];
        if let Some(held) = self.held.spread() {
            values.push(("held_p50_ms".into(), format!("{:.1}", held.p50.secs() * 1e3)));
            values.push(("held_p99_ms".into(), format!("{:.1}", held.p99.secs() * 1e3)));
        }
        let status = DiagnosticStatus {
            level,
            name: format!("{NAME}: policy"),
            message,
            hardware_id: self.card.device.clone(),
            values: values.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
        };
        let now = self.node.get_ros_clock().lock().ok().and_then(|mut clock| clock.get_now().ok());
        let stamp = conversions::time_to_msg(now.unwrap_or_default());
        let array = DiagnosticArray { header: conversions::header(&stamp, ""), status: vec![status] };
        self.stats.failed += u64::from(self.diagnostics.publish(&array).is_err());
    }
}
