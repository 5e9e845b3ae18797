//! The policy's end: a node that answers observations, for a machine that infers.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nalgebra::Vector3;
use neuraxis_core::{Nanos, Observation, PolicyError, Prediction};
use r2r::{
    Node, Publisher,
    diagnostic_msgs::msg::DiagnosticArray,
    neuraxis_msgs::msg::{Observation as ObservationMsg, PolicyDescription, Prediction as PredictionMsg},
};

use super::{
    PolicyCard,
    messages::{self, Reply},
    recent::Recent,
    session,
};
use crate::{
    RosError, RosStats, config, conversions, environment,
    inbox::{Inbox, inbox},
    looked::{PolicyView, ViewsOut},
    node::start,
    publish::publisher,
    sight::{self, PolicySight},
    status::{Level, Status},
    topics,
};

/// Name of the node.
pub(crate) const NAME: &str = "neuraxis_policy";
/// What it says of itself on `/diagnostics`, and in it which run of the program it is.
const STATUS: &str = "policy";
const SESSION: &str = "policy_session";
/// Between two looks at whether it shall end.
const POLL: Duration = Duration::from_millis(20);
/// After this silence of the robot that is answered, another one may take its place.
const SILENCE: Duration = Duration::from_secs(1);
const PERIOD: Duration = Duration::from_secs(1);

/// What a policy says to an observation: a key-frame, with where its eye is and what it looks at in the world [m] if it has a
/// gaze; `Err`: why there is none. The robot gives a task up whose words are refused ([`PolicyError::Instruction`]).
pub type Said = Result<(Prediction, Option<[Vector3<f64>; 2]>), PolicyError>;

/// What came of an observation.
#[derive(Clone, Debug)]
pub struct Thought {
    /// The answer.
    pub said: Said,
    /// How whole was what it saw.
    pub sight: PolicySight,
    /// What the networks looked at; none of a refusal.
    pub views: Vec<PolicyView>,
}

/// What thinks: an observation, what is to be done (empty: nothing, but an answer is wanted) and the number of the task,
/// which changes with the robot's run, task or words. Called on the node's thread; may take long.
pub type Think<'a> = dyn FnMut(&Observation, &str, u32) -> Thought + 'a;

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
    /// Views and heatmaps published.
    pub views: u64,
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
    sight: PolicySight,
    views: ViewsOut,
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
            sight: PolicySight::default(),
            views: ViewsOut::default(),
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
            if self.reported.elapsed() >= PERIOD {
                self.report();
            }
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
        let Thought { said, sight, views } = think(&observation, &msg.instruction, self.epoch);
        match &said {
            Ok(_) => self.stats.answers += 1,
            Err(error) => {
                self.stats.refused += 1;
                self.complain(self.stats.refused, &error.to_string());
            }
        }
        let is_news = sight.left_out != self.sight.left_out;
        self.sight = sight;
        if is_news {
            // Before the answer that it is of.
            self.report();
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
        // The pictures go after the answer, which is waited for.
        let mut sent = RosStats::default();
        self.views.publish(&mut self.node, &msg.header.stamp, &views, &mut sent);
        self.stats.views += sent.policy_views;
        self.stats.failed += sent.failed + sent.malformed;
    }

    /// Logs ever more rarely: a flood of bad observations must not become a flood of log lines.
    fn complain(&mut self, count: u64, why: &str) {
        self.why = why.chars().take(200).collect();
        if count.is_power_of_two() {
            r2r::log_warn!(NAME, "{} ({count} times)", self.why);
        }
    }

    /// How it is.
    fn report(&mut self) {
        self.reported = Instant::now();
        let (now, before) = (self.stats.clone(), std::mem::replace(&mut self.before, self.stats.clone()));
        let mut status = Status::new(STATUS, if now.answers > before.answers { "answers" } else { "nobody asks" });
        if now.refused + now.malformed + now.second_robot > before.refused + before.malformed + before.second_robot {
            status.say(Level::Warn, self.why.clone());
        }
        sight::say(&mut status, &self.sight.left_out, self.sight.before_age_secs);
        status.value(SESSION, self.session);
        for (key, count) in [
            ("answers", now.answers),
            ("refused", now.refused),
            ("malformed", now.malformed),
            ("second_robot", now.second_robot),
            ("views", now.views),
        ] {
            status.value(key, count);
        }
        status.value("weights_hash", &self.card.weights_hash);
        status.value("device", &self.card.device);
        if let Some(held) = self.held.spread() {
            status.value("held_p50_ms", format!("{:.1}", held.p50.secs() * 1e3));
            status.value("held_p99_ms", format!("{:.1}", held.p99.secs() * 1e3));
        }
        let now = self.node.get_ros_clock().lock().ok().and_then(|mut clock| clock.get_now().ok());
        let stamp = conversions::time_to_msg(now.unwrap_or_default());
        let status = vec![status.to_msg(NAME, &self.card.device)];
        let array = DiagnosticArray { header: conversions::header(&stamp, ""), status };
        self.stats.failed += u64::from(self.diagnostics.publish(&array).is_err());
    }
}

/// What policies, each named by its session, say of their sight in a report, if it is one of theirs.
pub(super) fn sights_in(report: DiagnosticArray) -> impl Iterator<Item = (u64, PolicySight)> {
    let all = report.status.into_iter().filter_map(|status| Status::from_msg(status, NAME));
    all.filter(|status| status.name == STATUS).filter_map(|status| {
        let (_, session) = status.values.iter().find(|(key, _)| key == SESSION)?;
        Some((session.parse::<u64>().ok()?, PolicySight::of(&status)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_tell_of_their_sight_and_each_names_itself() {
        let of = |session: Option<&str>, camera: &str| {
            let mut status = Status::new(STATUS, "answers");
            sight::say(&mut status, &[format!("{camera}: its picture is blank")], None);
            if let Some(session) = session {
                status.value(SESSION, session);
            }
            status.to_msg(NAME, "cpu")
        };
        let robots = Status::new(STATUS, "answers").to_msg("neuraxis", "fr3");
        let far = (u64::MAX - 1).to_string();
        let status =
            vec![of(Some(&far), "wrist"), robots, of(None, "front"), of(Some("-7"), "front"), of(Some("7"), "top")];
        let found: Vec<_> = sights_in(DiagnosticArray { status, ..DiagnosticArray::default() }).collect();
        let left_out = |camera: &str| vec![format!("{camera}: its picture is blank")];
        let sight = |camera: &str| PolicySight { left_out: left_out(camera), before_age_secs: None };
        assert_eq!(found, [(u64::MAX - 1, sight("wrist")), (7, sight("top"))]);
    }
}
