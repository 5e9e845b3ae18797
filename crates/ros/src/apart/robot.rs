//! The robot's end: observations out, answers in, and whether the link is good enough.

mod node;
mod policy;

use std::sync::Arc;

use neuraxis_channel::{RingReceiver, ring};
use neuraxis_core::{Clock, Nanos};
use r2r::{Node, neuraxis_msgs::msg::Observation as ObservationMsg};

pub use self::{node::LinkNode, policy::RemotePolicy};
use super::{
    AnswerRefusal, LinkConfig, LinkTrouble, PolicyCard, Suits, answers::Answer, link::Link, session, sights::Sights,
};
use crate::{
    RosError, environment,
    health::Spread,
    inbox::inbox,
    looks_in::LooksIn,
    node::start,
    publish::{Stamper, publisher},
    sight::PolicySight,
    topics,
};

/// Name of the node.
const NAME: &str = "neuraxis_link";

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
