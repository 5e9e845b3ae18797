//! The serving side of an action, as three services and two topics: one goal at a time. The node's `~/execute_task`, and the
//! gripper of [`crate::plant`].
//!
//! Not r2r's action server: that of r2r 0.9.7 never clears expired goals, so that from ten seconds after the first goal on
//! every spin returns at once (10 000 a second were measured instead of 190), and it leaves the status of a cancelled goal
//! at `CANCELING`. The protocol itself is small:
//!
//! | name below `<action>/_action` | what |
//! |---|---|
//! | `send_goal`, `cancel_goal`, `get_result` | services; the last is answered when the goal has ended |
//! | `feedback` | topic, reliable, last 10 |
//! | `status` | topic, reliable, transient local, last 1 |

use std::collections::VecDeque;

use futures::{FutureExt, Stream, StreamExt};
use r2r::{
    Node, Publisher, QosProfile, ServiceRequest, WrappedActionTypeSupport, WrappedServiceTypeSupport,
    action_msgs::{
        msg::{GoalInfo, GoalStatus, GoalStatusArray},
        srv::CancelGoal,
    },
    builtin_interfaces::msg::Time,
    unique_identifier_msgs::msg::UUID,
};

use crate::{RosError, RosStats, topics};

/// Results that clients may still ask for.
const RESULTS_KEPT: usize = 16;
/// Requests for a result that wait for the goal's end.
const MOST_WAITING: usize = 64;
/// Status of a goal of which nothing is known.
const UNKNOWN: i8 = GoalStatus::STATUS_UNKNOWN as i8;

type Requests<T> = Box<dyn Stream<Item = ServiceRequest<T>> + Send + Unpin>;

const EXECUTING: i8 = GoalStatus::STATUS_EXECUTING as i8;
const CANCELING: i8 = GoalStatus::STATUS_CANCELING as i8;

/// How a goal ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded = GoalStatus::STATUS_SUCCEEDED as isize,
    Canceled = GoalStatus::STATUS_CANCELED as isize,
    Aborted = GoalStatus::STATUS_ABORTED as isize,
}

/// A client's wish for a new goal.
pub(crate) struct GoalRequest<A: WrappedActionTypeSupport + 'static> {
    request: ServiceRequest<A::SendGoal>,
    id: UUID,
    goal: A::Goal,
}

impl<A: WrappedActionTypeSupport + 'static> GoalRequest<A> {
    fn new(request: ServiceRequest<A::SendGoal>) -> Self {
        let (id, goal) = A::destructure_goal_request_msg(request.message.clone());
        Self { request, id, goal }
    }

    /// What it asks for.
    pub(crate) fn goal(&self) -> &A::Goal {
        &self.goal
    }
}

/// The server. Owned by the node's thread.
pub(crate) struct ActionServer<A: WrappedActionTypeSupport + 'static> {
    goal_inbox: Requests<A::SendGoal>,
    cancel_inbox: Requests<CancelGoal::Service>,
    result_inbox: Requests<A::GetResult>,
    feedback: Publisher<A::FeedbackMessage>,
    status: Publisher<GoalStatusArray>,
    goals: Vec<GoalRequest<A>>,
    cancels: Vec<ServiceRequest<CancelGoal::Service>>,
    results: Vec<ServiceRequest<A::GetResult>>,
    running: Option<Goal<A>>,
    past: VecDeque<Past<A>>,
}

/// The goal that runs, and who waits for its result.
struct Goal<A: WrappedActionTypeSupport + 'static> {
    info: GoalInfo,
    status: i8,
    waiting: VecDeque<ServiceRequest<A::GetResult>>,
}

/// A goal that has ended.
struct Past<A: WrappedActionTypeSupport + 'static> {
    info: GoalInfo,
    status: i8,
    result: A::Result,
}

impl<A: WrappedActionTypeSupport + 'static> ActionServer<A> {
    pub(crate) fn new(node: &mut Node, name: &str) -> Result<Self, RosError>
    where
        A::FeedbackMessage: 'static,
        A::SendGoal: 'static,
        A::GetResult: 'static,
    {
        let feedback = node.create_publisher(&topics::action_part(name, "feedback"), topics::feedback_qos());
        let status = node.create_publisher(&topics::action_part(name, "status"), topics::status_qos());
        let failed = |source| RosError::Make { what: format!("action {name}"), source };
        Ok(Self {
            goal_inbox: service::<A::SendGoal>(node, name, "send_goal")?,
            cancel_inbox: service::<CancelGoal::Service>(node, name, "cancel_goal")?,
            result_inbox: service::<A::GetResult>(node, name, "get_result")?,
            feedback: feedback.map_err(failed)?,
            status: status.map_err(failed)?,
            goals: Vec::new(),
            cancels: Vec::new(),
            results: Vec::new(),
            running: None,
            past: VecDeque::new(),
        })
    }

    /// Takes what has arrived; returns how many requests that were.
    pub(crate) fn gather(&mut self) -> usize {
        let before = self.goals.len() + self.cancels.len() + self.results.len();
        drain(&mut self.goal_inbox, |request| self.goals.push(GoalRequest::new(request)));
        drain(&mut self.cancel_inbox, |request| self.cancels.push(request));
        drain(&mut self.result_inbox, |request| self.results.push(request));
        self.goals.len() + self.cancels.len() + self.results.len() - before
    }

    /// The wishes for goals that were gathered: each is to be accepted or refused.
    pub(crate) fn take_goals(&mut self) -> Vec<GoalRequest<A>> {
        std::mem::take(&mut self.goals)
    }

    /// Lets a goal begin; the one before must have ended.
    pub(crate) fn accept(&mut self, goal: GoalRequest<A>, now: Time, stats: &mut RosStats) {
        let info = GoalInfo { goal_id: goal.id, stamp: now.clone() };
        self.running = Some(Goal { info, status: EXECUTING, waiting: VecDeque::new() });
        respond(goal.request, A::make_goal_response_msg(true, now), stats);
        self.publish_status(stats);
    }

    /// Tells the client that its goal will not be.
    pub(crate) fn refuse(&self, goal: GoalRequest<A>, now: Time, stats: &mut RosStats) {
        respond(goal.request, A::make_goal_response_msg(false, now), stats);
    }

    /// Answers the wishes to cancel that were gathered; true if the goal that runs is meant for the first time.
    pub(crate) fn answer_cancels(&mut self, stats: &mut RosStats) -> bool {
        let was_canceling = self.is_canceling();
        for request in std::mem::take(&mut self.cancels) {
            let wanted = &request.message.goal_info;
            let meant = self.running.as_mut().filter(|goal| is_meant(wanted, &goal.info));
            let (return_code, goals_canceling) = match meant {
                Some(goal) => {
                    goal.status = CANCELING;
                    (CancelGoal::Response::ERROR_NONE as i8, vec![goal.info.clone()])
                }
                None if is_nil(&wanted.goal_id) => (CancelGoal::Response::ERROR_NONE as i8, Vec::new()),
                None if self.past.iter().any(|past| past.info.goal_id.uuid == wanted.goal_id.uuid) => {
                    (CancelGoal::Response::ERROR_GOAL_TERMINATED as i8, Vec::new())
                }
                None => (CancelGoal::Response::ERROR_UNKNOWN_GOAL_ID as i8, Vec::new()),
            };
            respond(request, CancelGoal::Response { return_code, goals_canceling }, stats);
        }
        let is_new = self.is_canceling() && !was_canceling;
        if is_new {
            self.publish_status(stats);
        }
        is_new
    }

    /// Answers those who ask for results: at once where there is one, at the goal's end while it runs. Where too many wait for
    /// that, the oldest hears that nothing is known.
    pub(crate) fn answer_results(&mut self, stats: &mut RosStats) {
        for request in std::mem::take(&mut self.results) {
            let id = A::destructure_result_request_msg(request.message.clone()).uuid;
            match &mut self.running {
                Some(goal) if goal.info.goal_id.uuid == id => {
                    if let Some(oldest) = wait(&mut goal.waiting, request) {
                        respond(oldest, A::make_result_response_msg(UNKNOWN, A::Result::default()), stats);
                    }
                }
                _ => {
                    let known = self.past.iter().find(|past| past.info.goal_id.uuid == id);
                    let known = known.map(|past| (past.status, past.result.clone()));
                    let (status, result) = known.unwrap_or((UNKNOWN, A::Result::default()));
                    respond(request, A::make_result_response_msg(status, result), stats);
                }
            }
        }
    }

    /// The goal that runs was told to end.
    pub(crate) fn is_canceling(&self) -> bool {
        self.running.as_ref().is_some_and(|goal| goal.status == CANCELING)
    }

    /// A goal runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn publish_feedback(&self, feedback: A::Feedback, stats: &mut RosStats) {
        let Some(goal) = &self.running else { return };
        let message = A::make_feedback_msg(goal.info.goal_id.clone(), feedback);
        if self.feedback.publish(&message).is_err() {
            stats.failed += 1;
        }
    }

    /// Ends the goal that runs.
    pub(crate) fn finish(&mut self, ended: Ended, result: A::Result, stats: &mut RosStats) {
        let Some(goal) = self.running.take() else { return };
        let status = ended as i8;
        for request in goal.waiting {
            respond(request, A::make_result_response_msg(status, result.clone()), stats);
        }
        if self.past.len() == RESULTS_KEPT {
            self.past.pop_front();
        }
        self.past.push_back(Past { info: goal.info, status, result });
        self.publish_status(stats);
    }

    fn publish_status(&self, stats: &mut RosStats) {
        let past = self.past.iter().map(|past| (&past.info, past.status));
        let running = self.running.iter().map(|goal| (&goal.info, goal.status));
        let status = |(info, status): (&GoalInfo, i8)| GoalStatus { goal_info: info.clone(), status };
        let message = GoalStatusArray { status_list: past.chain(running).map(status).collect() };
        if self.status.publish(&message).is_err() {
            stats.failed += 1;
        }
    }
}

/// Lets one more wait; returns the one that has waited longest, if there are too many.
fn wait<T>(waiting: &mut VecDeque<T>, one: T) -> Option<T> {
    waiting.push_back(one);
    if waiting.len() > MOST_WAITING { waiting.pop_front() } else { None }
}

/// `action_msgs/CancelGoal`: an id means that goal, a stamp all goals up to it, neither all.
fn is_meant(wanted: &GoalInfo, goal: &GoalInfo) -> bool {
    let time = |stamp: &Time| (stamp.sec, stamp.nanosec);
    let has_stamp = time(&wanted.stamp) != (0, 0);
    let by_id = wanted.goal_id.uuid == goal.goal_id.uuid;
    let by_time = has_stamp && time(&goal.stamp) <= time(&wanted.stamp);
    by_id || by_time || is_nil(&wanted.goal_id) && !has_stamp
}

fn is_nil(id: &UUID) -> bool {
    id.uuid.iter().all(|&byte| byte == 0)
}

fn service<T: WrappedServiceTypeSupport + 'static>(
    node: &mut Node,
    action: &str,
    part: &str,
) -> Result<Requests<T>, RosError> {
    let name = topics::action_part(action, part);
    let made = node.create_service::<T>(&name, QosProfile::services_default());
    Ok(Box::new(made.map_err(|source| RosError::Make { what: format!("service {name}"), source })?))
}

fn drain<T: WrappedServiceTypeSupport>(inbox: &mut Requests<T>, mut take: impl FnMut(ServiceRequest<T>)) {
    while let Some(Some(item)) = inbox.next().now_or_never() {
        take(item);
    }
}

fn respond<T: WrappedServiceTypeSupport + 'static>(
    request: ServiceRequest<T>,
    answer: T::Response,
    stats: &mut RosStats,
) {
    if request.respond(answer).is_err() {
        stats.failed += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(id: u8, sec: i32) -> GoalInfo {
        GoalInfo { goal_id: UUID { uuid: vec![id; 16] }, stamp: Time { sec, nanosec: 5 } }
    }

    fn wanted(id: u8, stamp: Time) -> GoalInfo {
        GoalInfo { goal_id: UUID { uuid: vec![id; 16] }, stamp }
    }

    #[test]
    fn however_many_ask_for_a_result_few_wait_and_the_others_are_answered() {
        let mut waiting = VecDeque::new();
        let answered: Vec<usize> = (0..1000).filter_map(|request| wait(&mut waiting, request)).collect();
        assert_eq!(waiting.len(), MOST_WAITING);
        assert!(answered.into_iter().chain(waiting).eq(0..1000), "each once, the oldest first");
    }

    #[test]
    fn a_wish_to_cancel_means_one_goal_or_those_up_to_a_time_or_all() {
        let never = Time::default;
        assert!(is_meant(&wanted(7, never()), &goal(7, 10)), "its own");
        assert!(!is_meant(&wanted(8, never()), &goal(7, 10)), "another");
        assert!(is_meant(&wanted(0, never()), &goal(7, 10)), "all");
        assert!(is_meant(&wanted(0, Time { sec: 10, nanosec: 5 }), &goal(7, 10)), "up to its time");
        assert!(!is_meant(&wanted(0, Time { sec: 10, nanosec: 4 }), &goal(7, 10)), "accepted later");
        assert!(is_meant(&wanted(8, Time { sec: 11, nanosec: 0 }), &goal(7, 10)), "another, and those before");
    }
}
