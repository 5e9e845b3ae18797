//! A flood of messages on one topic, and a storm of requests to the services of one node.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures::FutureExt;
use r2r::{
    Client, Node, QosProfile, WrappedServiceTypeSupport, lifecycle_msgs::srv::GetState,
    rcl_interfaces::srv::ListParameters, std_msgs::msg::String as Text, std_srvs::srv::Trigger,
};

use crate::{RosError, config::check_range, environment, node::start, publish::publisher, topics};

/// Between two looks at what is due: sleeping is not exact, the rate over a second is.
const LOOK: Duration = Duration::from_millis(1);
/// Answers that are waited for at once; who is asked more slowly than this is asked for by a longer queue only.
const UNANSWERED: usize = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Storm {
    /// Namespace of the node that is stormed, such as `/left`.
    pub namespace: String,
    /// Its name.
    pub node: String,
    /// Instructions, 0 to 100000 [Hz].
    pub messages_hz: f64,
    /// Requests, in turn to `~/get_state`, `~/list_parameters` and `~/stop`, 0 to 100000 [Hz].
    pub requests_hz: f64,
}

/// What was sent, and what came of it.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct StormSent {
    /// How long it lasted [s].
    pub secs: f64,
    /// Messages that the middleware took.
    pub messages: u64,
    /// Requests that it took.
    pub requests: u64,
    /// Answers that came.
    pub answers: u64,
    /// Requests that were due and not made: 64 were without an answer.
    pub held_back: u64,
    /// Requests without an answer for a second, which are waited for no longer.
    pub unanswered: u64,
    /// What the middleware did not take.
    pub failed: u64,
}

type Answer = Pin<Box<dyn Future<Output = bool>>>;

/// Sends until `stop` is true. Blocks; errors: a rate out of its range, whatever rcl refuses.
pub fn storm(plan: &Storm, stop: &AtomicBool) -> Result<StormSent, RosError> {
    environment::require_discovery_choice()?;
    check_range("messages_hz", plan.messages_hz, 0.0, 1e5)?;
    check_range("requests_hz", plan.requests_hz, 0.0, 1e5)?;
    let failed = |what: String| move |source| RosError::Make { what, source };
    let mut node = Node::create(start()?, "storm", &plan.namespace).map_err(failed("node storm".into()))?;
    let out = publisher::<Text>(&mut node, topics::INSTRUCTION, topics::instruction_qos())?;
    let service = |part: &str| format!("{}{}", plan.node, part.trim_start_matches('~'));
    let states = client::<GetState::Service>(&mut node, &service(topics::GET_STATE))?;
    let parameters = client::<ListParameters::Service>(&mut node, &service("~/list_parameters"))?;
    let stops = client::<Trigger::Service>(&mut node, &service(topics::STOP))?;

    // What is asked before the node is discovered is lost.
    let found = Node::is_available(&states).map_err(failed("client of the node's services".into()))?;
    let mut found = Box::pin(found);
    while !stop.load(Ordering::Acquire) && found.as_mut().now_or_never().is_none() {
        node.spin_once(LOOK);
    }

    let mut sent = StormSent::default();
    let mut unanswered: Vec<(Instant, Answer)> = Vec::new();
    let begin = Instant::now();
    // Acquire: pairs with the Release store of whoever ends the run.
    while !stop.load(Ordering::Acquire) {
        let elapsed = begin.elapsed().as_secs_f64();
        let due = |hz: f64| (elapsed * hz) as u64;
        while sent.messages + sent.failed < due(plan.messages_hz) {
            let data = format!("push the blue button{}", ".".repeat((sent.messages % 3) as usize));
            *if out.publish(&Text { data }).is_ok() { &mut sent.messages } else { &mut sent.failed } += 1;
        }
        while sent.requests + sent.held_back < due(plan.requests_hz) {
            if unanswered.len() == UNANSWERED {
                sent.held_back += 1;
                continue;
            }
            let asked = match (sent.requests + sent.held_back) % 3 {
                0 => ask(&states, &GetState::Request::default()),
                1 => ask(&parameters, &ListParameters::Request::default()),
                _ => ask(&stops, &Trigger::Request::default()),
            };
            match asked {
                Some(answer) => {
                    sent.requests += 1;
                    unanswered.push((Instant::now(), answer));
                }
                None => sent.held_back += 1,
            }
        }
        node.spin_once(LOOK);
        unanswered.retain_mut(|(asked, answer)| match answer.now_or_never() {
            Some(came) => {
                sent.answers += u64::from(came);
                false
            }
            None if asked.elapsed() > PATIENCE => {
                sent.unanswered += 1;
                false
            }
            None => true,
        });
    }
    sent.secs = begin.elapsed().as_secs_f64();
    Ok(sent)
}

fn client<T: WrappedServiceTypeSupport + 'static>(node: &mut Node, name: &str) -> Result<Client<T>, RosError> {
    let made = node.create_client::<T>(name, QosProfile::services_default());
    made.map_err(|source| RosError::Make { what: format!("client of {name}"), source })
}

fn ask<T: WrappedServiceTypeSupport + 'static>(client: &Client<T>, request: &T::Request) -> Option<Answer> {
    let answer = client.request(request).ok()?;
    Some(Box::pin(answer.map(|answer| answer.is_ok())))
}
