//! A gripper behind the action `control_msgs/GripperCommand`, the asking side.
//!
//! Not r2r's action client: that of r2r 0.9.7 keeps what it was told to send feedback to for ever, and panics over an answer to
//! a wish to cancel whose code it does not know. Three services are the whole protocol here: `send_goal`, `cancel_goal`,
//! `get_result`, each below `<action>/_action`; feedback and status are not needed, the result says where the fingers are.

use std::{future::Future, pin::Pin};

use futures::FutureExt;
use neuraxis_core::Nanos;
use r2r::{
    Client, Node, QosProfile, WrappedServiceTypeSupport,
    action_msgs::{
        msg::{GoalInfo, GoalStatus},
        srv::CancelGoal,
    },
    control_msgs::{
        action::GripperCommand::{GetResult, Goal, SendGoal},
        msg::GripperCommand,
    },
    unique_identifier_msgs::msg::UUID,
};

use super::{
    GripperConfig, LengthUnit,
    goals::{Acts, End, Goals, GripperTrouble, Wish},
};
use crate::{RosError, topics};

type Answer<T> = Pin<Box<dyn Future<Output = r2r::Result<T>> + Send>>;

/// What was sent and what came back, between two looks.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// A goal went out.
    pub(crate) sent: u64,
    /// The middleware did not take something.
    pub(crate) failed: u64,
    /// The gripper says that its pads are this far apart [m].
    pub(crate) width_m: Option<f64>,
}

/// Gives goals to a gripper. Lives in the node's thread.
pub(crate) struct GripperAction {
    goals: Goals,
    send: Client<SendGoal::Service>,
    cancel: Client<CancelGoal::Service>,
    result: Client<GetResult::Service>,
    /// Whether each of the three has somebody who serves it; asked only where it is of interest.
    served: [Option<Answer<()>>; 3],
    /// Of the goal given last.
    id: UUID,
    numbered: u64,
    taken: Option<Answer<SendGoal::Response>>,
    ended: Option<Answer<GetResult::Response>>,
    unit: LengthUnit,
}

impl GripperAction {
    pub(crate) fn new(node: &mut Node, config: &GripperConfig) -> Result<Self, RosError> {
        Ok(Self {
            goals: Goals::new(Nanos::from_secs(config.goal_timeout_secs)),
            send: client(node, &config.topic, "send_goal")?,
            cancel: client(node, &config.topic, "cancel_goal")?,
            result: client(node, &config.topic, "get_result")?,
            served: [None, None, None],
            id: UUID { uuid: vec![0; 16] },
            numbered: 0,
            taken: None,
            ended: None,
            unit: config.unit,
        })
    }

    /// Takes what has come since the node was spun, and gives a goal if this is a new wish.
    pub(crate) fn look(&mut self, now: Nanos, wish: Option<Wish>) -> Told {
        let mut told = Told::default();
        self.hear(now, &mut told);
        if let Some(wish) = wish {
            let is_served = self.goals.needs_server(&wish) && self.is_served(&mut told);
            let Acts { cancels, gives } = self.goals.wish(now, wish, is_served);
            if cancels {
                self.break_off(&mut told);
            }
            if let Some(wish) = gives {
                self.give(wish, &mut told);
            }
        }
        told
    }

    /// Breaks off what is under way: the fingers stay as they are, and what is held stays held.
    pub(crate) fn end(&mut self) {
        if self.goals.is_busy() {
            self.break_off(&mut Told::default());
        }
    }

    pub(crate) fn trouble(&self) -> Option<GripperTrouble> {
        self.goals.trouble()
    }

    pub(crate) fn goals_failed(&self) -> u64 {
        self.goals.failed()
    }

    /// Somebody serves all three services, as of the last spin. r2r says only that there is somebody, once for each question: so
    /// each answer is followed by the next question.
    fn is_served(&mut self, told: &mut Told) -> bool {
        let Self { send, cancel, result, served, .. } = self;
        let [send_served, cancel_served, result_served] = served;
        let mut look = |served: &mut Option<Answer<()>>, ask: &dyn Fn() -> r2r::Result<Answer<()>>| {
            let has_some = served.as_mut().is_some_and(|answer| matches!(answer.now_or_never(), Some(Ok(()))));
            if has_some || served.is_none() {
                *served = ask().inspect_err(|_| told.failed += 1).ok();
            }
            has_some
        };
        let all = [
            look(send_served, &|| Ok(Box::pin(Node::is_available(send)?))),
            look(cancel_served, &|| Ok(Box::pin(Node::is_available(cancel)?))),
            look(result_served, &|| Ok(Box::pin(Node::is_available(result)?))),
        ];
        all == [true; 3]
    }

    fn give(&mut self, wish: Wish, told: &mut Told) {
        self.numbered += 1;
        self.id = UUID { uuid: goal_id(self.numbered) };
        let position = self.unit.of_width(wish.width_m);
        let goal = Goal { command: GripperCommand { position, max_effort: wish.force_n } };
        let request = SendGoal::Request { goal_id: self.id.clone(), goal };
        // An old answer is worth nothing when the next goal comes.
        self.served = [None, None, None];
        // What comes of the goal before is no business of ours any more.
        (self.taken, self.ended) = (None, None);
        match self.send.request(&request) {
            Ok(answer) => {
                self.taken = Some(Box::pin(answer));
                told.sent += 1;
            }
            Err(_) => told.failed += 1,
        }
    }

    fn break_off(&mut self, told: &mut Told) {
        (self.taken, self.ended) = (None, None);
        let goal_info = GoalInfo { goal_id: self.id.clone(), ..GoalInfo::default() };
        // Whether it listens shows in what the fingers do; the next goal takes the place of this one in any case.
        if self.cancel.request(&CancelGoal::Request { goal_info }).is_err() {
            told.failed += 1;
        }
    }

    fn hear(&mut self, now: Nanos, told: &mut Told) {
        if let Some(taken) = self.taken.as_mut().and_then(|taken| taken.now_or_never()) {
            self.taken = None;
            let accepted = taken.is_ok_and(|taken| taken.accepted);
            self.goals.answered(now, accepted);
            if accepted {
                match self.result.request(&GetResult::Request { goal_id: self.id.clone() }) {
                    Ok(answer) => self.ended = Some(Box::pin(answer)),
                    // Without an answer the goal ends as one that is late.
                    Err(_) => told.failed += 1,
                }
            }
        }
        let Some(ended) = self.ended.as_mut().and_then(|ended| ended.now_or_never()) else { return };
        self.ended = None;
        let Ok(GetResult::Response { status, result }) = ended else {
            told.failed += 1;
            return;
        };
        let width_m = self.unit.to_width(result.position);
        let end = match status {
            status if status == GoalStatus::STATUS_CANCELED as i8 => End::Cancelled,
            status if status == GoalStatus::STATUS_SUCCEEDED as i8 && (result.reached_goal || !result.stalled) => {
                End::Succeeded
            }
            // A `gripper_action_controller` aborts such a goal, or with `allow_stalling` calls it a success.
            _ if result.stalled => End::Stalled { width_m },
            _ => End::Aborted,
        };
        self.goals.ended(now, end);
        told.width_m = Some(width_m).filter(|width_m| width_m.is_finite());
    }
}

/// Unique among all clients of the action: this process, when it began, and a number.
fn goal_id(number: u64) -> Vec<u8> {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut id = Vec::with_capacity(16);
    id.extend(std::process::id().to_le_bytes());
    id.extend((number as u32).to_le_bytes());
    id.extend((since_1970.as_nanos() as u64).to_le_bytes());
    id
}

fn client<T: WrappedServiceTypeSupport + 'static>(
    node: &mut Node,
    action: &str,
    part: &str,
) -> Result<Client<T>, RosError> {
    let name = topics::action_part(action, part);
    let made = node.create_client::<T>(&name, QosProfile::services_default());
    made.map_err(|source| RosError::Make { what: format!("client of {name}"), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_goals_have_one_name() {
        let ids: std::collections::HashSet<Vec<u8>> = (0..1000).map(goal_id).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16));
    }
}
