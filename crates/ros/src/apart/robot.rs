//! The robot's end: observations out, answers in, and whether the link is good enough.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nalgebra::Vector3;
use neuraxis_channel::{RingReceiver, RingSender, ring};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy, PolicyError, Prediction};
use r2r::{
    Node, Publisher,
    diagnostic_msgs::msg::DiagnosticArray,
    neuraxis_msgs::msg::{Observation as ObservationMsg, PolicyDescription, Prediction as PredictionMsg},
};

use super::{
    AnswerRefusal, LinkConfig, LinkTrouble, PolicyCard, Suits, answers::Answer, link::Link, messages,
    policy::sights_in, session, sights::Sights,
};
use crate::{
    RosError, conversions, environment,
    health::Spread,
    inbox::{Inbox, inbox},
    looked::PolicyLook,
    looks_in::LooksIn,
    node::start,
    publish::{Stamper, publisher},
    sight::PolicySight,
    topics,
};

/// Name of the node.
const NAME: &str = "neuraxis_link";
/// Longest that an observation waits for the node to look, and that its answer waits for the policy's thread.
const POLL: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_micros(500);
/// Messages taken from one subscription in a row.
const BURST: usize = 10;
const REPORT: Nanos = Nanos::from_millis(100);

/// How the link is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkReport {
    /// Why the policy cannot lead the arm now; `None`: it can.
    pub trouble: Option<LinkTrouble>,
    /// The policy that is heard.
    pub policy: Option<PolicyCard>,
    /// Observations sent.
    pub sent: u64,
    /// Answers acted on.
    pub answers: u64,
    /// Answers refused, by reason; reasons that never were are left out.
    pub refused: Vec<(&'static str, u64)>,
    /// Why the last time.
    pub last_refusal: Option<AnswerRefusal>,
    /// Good answers a second, over the last five [Hz].
    pub hz: f64,
    /// From capture to the answer, by the robot's clock.
    pub age: Option<Spread>,
    /// On the wire, there and back: from sending to the answer, less the time that the policy held it.
    pub wire: Option<Spread>,
    /// Messages that the middleware did not take, and pictures that were none.
    pub failed: u64,
}

/// The ends of a policy in another process.
pub struct Remote {
    /// In the policy's place.
    pub policy: RemotePolicy,
    /// For a thread of its own, of ordinary priority: `node.run(&stop)`.
    pub node: LinkNode,
    /// How the link is, ten times a second.
    pub reports: RingReceiver<LinkReport>,
}

/// Starts ROS 2 in this process, if it is not yet, and makes the node. `suits` says whether a policy may lead this robot;
/// `takes_views`: what the policy looks at comes here too, which somebody has to want: it is a lot.
///
/// Errors: a setting out of its range; [`RosError::DiscoveryRangeUnset`]; whatever rcl refuses.
pub fn remote_policy(
    config: LinkConfig,
    world_frame: &str,
    suits: Suits,
    clock: Arc<dyn Clock>,
    takes_views: bool,
) -> Result<Remote, RosError> {
    environment::require_discovery_choice()?;
    config.validate()?;
    let made = Node::create(start()?, NAME, "");
    let mut node = made.map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
    let robot_session = session();
    let (questions_in, questions) = ring(1);
    let (answers_in, answers) = ring(4);
    let (reports_in, reports) = ring(2);
    let (looks_in, looks) = ring(4);
    let descriptions = inbox(&mut node, topics::POLICY_DESCRIPTION, topics::descriptions_in_qos())?;
    let predictions = inbox(&mut node, topics::PREDICTION, topics::prediction_qos())?;
    let observations = publisher(&mut node, topics::OBSERVATION, topics::observation_qos())?;
    let diagnostics = inbox(&mut node, topics::DIAGNOSTICS, topics::diagnostics_qos())?;
    let views = takes_views.then(|| LooksIn::new(&mut node)).transpose()?;
    let policy = RemotePolicy {
        robot_session,
        world_frame: world_frame.into(),
        patience: Nanos::from_secs(config.max_age_secs),
        questions: questions_in,
        answers,
        clock: clock.clone(),
        looks,
        gaze: None,
        sight: PolicySight::default(),
    };
    let node = LinkNode {
        stamper: Stamper::new(clock.clone(), &node),
        node,
        descriptions,
        predictions,
        diagnostics,
        views,
        observations,
        sights: Sights::default(),
        looks: looks_in,
        link: Link::new(config, robot_session, suits),
        questions,
        answers: answers_in,
        reports: reports_in,
        reported: clock.now(),
        trouble: None,
        sent: 0,
        failed: 0,
        refused_in_a_row: 0,
        clock,
    };
    Ok(Remote { policy, node, reports })
}

/// An observation on its way out.
struct Question {
    msg: ObservationMsg,
    captured: Nanos,
}

/// The end of a question.
struct End {
    /// The observation's number.
    seq: u64,
    /// How whole is what the policy sees, as it has said last.
    sight: PolicySight,
    /// What came of it.
    said: Result<Answer, AnswerRefusal>,
}

/// A policy in another process, as a [`Policy`]: each call sends the observation and waits for its answer, at most until
/// the lease of predictions is over. Waits and allocates; for the policy's thread.
pub struct RemotePolicy {
    robot_session: u64,
    world_frame: String,
    patience: Nanos,
    questions: RingSender<Box<Question>>,
    answers: RingReceiver<End>,
    clock: Arc<dyn Clock>,
    looks: RingReceiver<PolicyLook>,
    gaze: Option<[Vector3<f64>; 2]>,
    sight: PolicySight,
}

impl RemotePolicy {
    /// Asks without anything to be done, so that it is known how good the link is before the arm may move.
    pub fn rehearse(&mut self, observation: &Observation) {
        // What is wrong with the link the node's reports say.
        let _ = self.ask(observation, None);
        // What is looked at with nothing to do belongs to no task.
        while self.looks.pop().is_some() {}
    }

    /// Where the eye of the last answer was and what it looked at, in the world [m].
    pub fn gaze(&self) -> Option<[Vector3<f64>; 2]> {
        self.gaze
    }

    /// How whole is what it sees, as it has said last.
    pub fn sight(&self) -> &PolicySight {
        &self.sight
    }

    /// What it has looked at, the oldest that was not taken yet: the pictures come after their answer.
    pub fn look(&mut self) -> Option<PolicyLook> {
        self.looks.pop()
    }

    fn ask(&mut self, observation: &Observation, words: Option<&Instruction>) -> Result<Answer, PolicyError> {
        // What came after it was given up.
        while self.answers.pop().is_some() {}
        let (seq, captured) = (observation.seq, observation.stamp);
        let msg = messages::observation_to_msg(observation, words, self.robot_session, &self.world_frame);
        self.questions.push_newest(Box::new(Question { msg, captured }));
        let deadline = captured + self.patience;
        loop {
            while let Some(end) = self.answers.pop() {
                if end.seq == seq {
                    self.sight = end.sight;
                    return end.said.map_err(|refusal| PolicyError::Answer(refusal.to_string()));
                }
            }
            if self.clock.now() >= deadline {
                let secs = self.patience.secs();
                return Err(PolicyError::Internal(format!("no answer within {secs} s of the image")));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Policy for RemotePolicy {
    fn predict(&mut self, observation: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        let Answer { prediction, gaze } = self.ask(observation, Some(words))?;
        self.gaze = gaze;
        Ok(prediction)
    }
}

/// Sends observations and judges answers. Allocates and waits for the middleware: give it a thread of its own.
pub struct LinkNode {
    node: Node,
    stamper: Stamper,
    clock: Arc<dyn Clock>,
    descriptions: Inbox<PolicyDescription>,
    predictions: Inbox<PredictionMsg>,
    diagnostics: Inbox<DiagnosticArray>,
    views: Option<LooksIn>,
    observations: Publisher<ObservationMsg>,
    /// What policies have said last of their sight.
    sights: Sights,
    looks: RingSender<PolicyLook>,
    link: Link,
    questions: RingReceiver<Box<Question>>,
    answers: RingSender<End>,
    reports: RingSender<LinkReport>,
    reported: Nanos,
    /// As it was said last.
    trouble: Option<LinkTrouble>,
    sent: u64,
    failed: u64,
    refused_in_a_row: u64,
}

impl LinkNode {
    /// Serves until `stop` is true.
    pub fn run(mut self, stop: &AtomicBool) -> LinkReport {
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            self.node.spin_once(POLL);
            for _ in 0..BURST {
                if !self.hear() {
                    break;
                }
                self.node.spin_once(Duration::ZERO);
            }
            self.send();
            self.look();
            if self.clock.now() - self.reported >= REPORT {
                self.reported = self.clock.now();
                let report = self.report();
                self.tell(report.trouble.as_ref());
                self.reports.push_newest(report);
            }
        }
        self.report()
    }

    /// Takes what has come; true if there was anything. Who a policy is comes before what it says.
    fn hear(&mut self) -> bool {
        let descriptions = self.descriptions.drain();
        let predictions = self.predictions.drain();
        let is_news = !(descriptions.is_empty() && predictions.is_empty());
        for msg in descriptions {
            match PolicyCard::from_msg(msg) {
                Ok((session, card)) => {
                    let (robot, hash, device) =
                        (card.embodiment.clone(), card.weights_hash.clone(), card.device.clone());
                    match self.link.meet(session, card) {
                        Ok(()) => r2r::log_info!(NAME, "a policy for {robot} is there: weights {hash} on {device}"),
                        Err(why) => r2r::log_error!(NAME, "the policy with weights {hash} is not heard: {why}"),
                    }
                }
                Err(error) => r2r::log_warn!(NAME, "a description was refused: {error}"),
            }
        }
        // So it is with what it says of its sight, which may come before its first answer.
        let heard = self.link.session();
        for (session, sight) in self.diagnostics.drain().into_iter().flat_map(sights_in) {
            self.sights.note(session, sight, heard);
        }
        for msg in predictions {
            let now = self.clock.now();
            match self.link.take(&msg, now) {
                Ok(answer) => {
                    self.refused_in_a_row = 0;
                    self.end(msg.seq, Ok(answer));
                }
                Err((asked, refusal)) => {
                    self.refused_in_a_row += 1;
                    // A flood of bad answers must not become a flood of log lines.
                    if self.refused_in_a_row.is_power_of_two() {
                        let count = self.refused_in_a_row;
                        r2r::log_warn!(NAME, "answer refused: {refusal} ({count} in a row)");
                    }
                    if let Some(seq) = asked {
                        self.end(seq, Err(refusal));
                    }
                }
            }
        }
        is_news
    }

    fn end(&self, seq: u64, said: Result<Answer, AnswerRefusal>) {
        let sight = self.sights.of(self.link.session());
        self.answers.push_newest(End { seq, sight, said });
    }

    /// Hands on what the policy has looked at, with the moments by the robot's clock.
    fn look(&mut self) {
        let (Some(views), Some(ros_now)) = (&mut self.views, self.stamper.now()) else { return };
        for (stamp, views) in views.hear(&mut self.failed) {
            let stamp = conversions::clock_time_of(ros_now, self.clock.now(), &stamp);
            self.looks.push_newest(PolicyLook { stamp, views });
        }
    }

    fn send(&mut self) {
        let Some(question) = self.questions.pop() else { return };
        let Question { mut msg, captured } = *question;
        let Some(stamp) = self.stamper.stamp(captured) else {
            self.failed += 1;
            return;
        };
        messages::set_stamp(&mut msg, &stamp);
        self.link.ask(msg.epoch, msg.seq, captured, self.clock.now());
        let is_sent = self.observations.publish(&msg).is_ok();
        *if is_sent { &mut self.sent } else { &mut self.failed } += 1;
    }

    /// Says once what has changed.
    fn tell(&mut self, trouble: Option<&LinkTrouble>) {
        let kind = |trouble: Option<&LinkTrouble>| trouble.map(std::mem::discriminant);
        if kind(trouble) == kind(self.trouble.as_ref()) {
            return;
        }
        match trouble {
            Some(trouble) => r2r::log_warn!(NAME, "the policy cannot lead the arm: {trouble}"),
            None => r2r::log_info!(
                NAME,
                "the policy can lead the arm: {:.1} good answers a second",
                self.link.hz(self.clock.now())
            ),
        }
        self.trouble = trouble.cloned();
    }

    fn report(&self) -> LinkReport {
        let now = self.clock.now();
        LinkReport {
            trouble: self.link.trouble(now),
            policy: self.link.card().cloned(),
            sent: self.sent,
            answers: self.link.answers,
            refused: self.link.refused(),
            last_refusal: self.link.last_refusal.clone(),
            hz: self.link.hz(now),
            age: self.link.ages.spread(),
            wire: self.link.wires.spread(),
            failed: self.failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Gripper, Joints, Pose, Progress};

    use super::*;

    /// No time passes, and no answer is waited for.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Nanos {
            Nanos(0)
        }
    }

    fn observation() -> Observation {
        let progress = Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 };
        Observation {
            seq: 1,
            stamp: Nanos(0),
            cameras: Vec::new(),
            q: Joints::zeros(7),
            world_from_tool: Pose::identity(),
            gripper_width_m: 0.08,
            progress,
        }
    }

    #[test]
    fn what_was_looked_at_in_a_rehearsal_does_not_come_into_the_task_after_it() {
        let ((questions, _asked), (_answers, answers), (looked, looks)) = (ring(1), ring(4), ring(4));
        let mut policy = RemotePolicy {
            robot_session: 1,
            world_frame: "world".into(),
            patience: Nanos(0),
            questions,
            answers,
            clock: Arc::new(Still),
            looks,
            gaze: None,
            sight: PolicySight::default(),
        };
        looked.push_newest(PolicyLook::default());
        looked.push_newest(PolicyLook::default());
        policy.rehearse(&observation());
        assert_eq!(policy.look(), None);
        looked.push_newest(PolicyLook::default());
        assert_eq!(policy.look(), Some(PolicyLook::default()));
    }
}
