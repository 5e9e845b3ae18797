//! The services and the topic through which tools (`ros2 lifecycle`, launch files) see and change the node's state.
//!
//! r2r has no lifecycle node: these are the names and types that every other one has. Asked for a transition that its
//! state does not have, or to be active while something stands against it (a policy in another process that does not
//! answer as it should), the node answers `success: false` and stays as it is; the log says why.

use r2r::{
    Node, Publisher, ServiceRequest,
    lifecycle_msgs::{
        msg::{State as StateMsg, Transition as TransitionMsg, TransitionDescription, TransitionEvent},
        srv::{ChangeState, GetAvailableStates, GetAvailableTransitions, GetState},
    },
};

use crate::{
    RosError, RosStats,
    lifecycle::{self, PASSED, State, TRANSITIONS, Transition},
    publish::{Stamper, publisher},
    serve::{Inbox, drain, service},
    topics,
};

type Change = ServiceRequest<ChangeState::Service>;
type Ways = ServiceRequest<GetAvailableTransitions::Service>;

/// The node's state, and who may ask for and change it.
pub(crate) struct Lifecycle {
    state: State,
    /// Lets the arm move, or makes it hold.
    let_move: Box<dyn FnMut(bool) + Send>,
    /// What stands against letting it move, in words.
    obstacle: Box<dyn FnMut() -> Option<String> + Send>,
    events: Publisher<TransitionEvent>,
    change_inbox: Inbox<Change>,
    state_inbox: Inbox<ServiceRequest<GetState::Service>>,
    states_inbox: Inbox<ServiceRequest<GetAvailableStates::Service>>,
    ways_inbox: Inbox<Ways>,
    graph_inbox: Inbox<Ways>,
    waiting: Waiting,
    logger: String,
}

/// What was asked and is not answered yet.
#[derive(Default)]
struct Waiting {
    changes: Vec<Change>,
    state: Vec<ServiceRequest<GetState::Service>>,
    states: Vec<ServiceRequest<GetAvailableStates::Service>>,
    ways: Vec<Ways>,
    graph: Vec<Ways>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.changes.len() + self.state.len() + self.states.len() + self.ways.len() + self.graph.len()
    }
}

impl Lifecycle {
    /// Unconfigured, and the arm is told to hold.
    pub(crate) fn new(
        node: &mut Node,
        mut let_move: Box<dyn FnMut(bool) + Send>,
        obstacle: Box<dyn FnMut() -> Option<String> + Send>,
    ) -> Result<Self, RosError> {
        let_move(false);
        Ok(Self {
            state: State::Unconfigured,
            let_move,
            obstacle,
            events: publisher(node, topics::TRANSITION_EVENT, topics::transition_event_qos())?,
            change_inbox: service::<ChangeState::Service>(node, topics::CHANGE_STATE)?,
            state_inbox: service::<GetState::Service>(node, topics::GET_STATE)?,
            states_inbox: service::<GetAvailableStates::Service>(node, topics::GET_AVAILABLE_STATES)?,
            ways_inbox: service::<GetAvailableTransitions::Service>(node, topics::GET_AVAILABLE_TRANSITIONS)?,
            graph_inbox: service::<GetAvailableTransitions::Service>(node, topics::GET_TRANSITION_GRAPH)?,
            waiting: Waiting::default(),
            logger: node.logger().to_string(),
        })
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Goes a way by itself, as nobody's request: at the start. False if the state has no such way, or something stands
    /// against it.
    pub(crate) fn go(&mut self, label: &str, stamper: &Stamper, stats: &mut RosStats) -> bool {
        let way = lifecycle::find(self.state, 0, label).filter(|way| self.against(way).is_none());
        way.into_iter().for_each(|way| self.pass(way, stamper, stats));
        way.is_some()
    }

    fn against(&mut self, way: &Transition) -> Option<String> {
        if way.to.moves() { (self.obstacle)() } else { None }
    }

    /// Takes what has arrived; returns how many requests that were. Nothing is acted on before [`Lifecycle::act`].
    pub(crate) fn gather(&mut self) -> usize {
        let before = self.waiting.len();
        drain(&mut self.change_inbox, |request| self.waiting.changes.push(request));
        drain(&mut self.state_inbox, |request| self.waiting.state.push(request));
        drain(&mut self.states_inbox, |request| self.waiting.states.push(request));
        drain(&mut self.ways_inbox, |request| self.waiting.ways.push(request));
        drain(&mut self.graph_inbox, |request| self.waiting.graph.push(request));
        self.waiting.len() - before
    }

    /// Changes first, in the order in which they came, then answers with the state that results. True if changes were
    /// asked for.
    pub(crate) fn act(&mut self, stamper: &Stamper, stats: &mut RosStats) -> bool {
        let Waiting { changes, state, states, ways, graph } = std::mem::take(&mut self.waiting);
        let is_asked = !changes.is_empty();
        for request in changes {
            let wanted = &request.message.transition;
            let way = lifecycle::find(self.state, wanted.id, &wanted.label);
            let success = match way.map(|way| (way, self.against(way))) {
                Some((way, None)) => {
                    self.pass(way, stamper, stats);
                    true
                }
                Some((way, Some(obstacle))) => {
                    stats.transitions_refused += 1;
                    r2r::log_warn!(&self.logger, "{} refused: {obstacle}", way.label);
                    false
                }
                None => {
                    self.refuse(wanted, stats);
                    false
                }
            };
            let answer = ChangeState::Response { success };
            stats.failed += u64::from(request.respond(answer).is_err());
        }
        let now = state_to_msg(self.state);
        for request in state {
            let answer = GetState::Response { current_state: now.clone() };
            stats.failed += u64::from(request.respond(answer).is_err());
        }
        for request in states {
            let answer =
                GetAvailableStates::Response { available_states: State::ALL.into_iter().map(state_to_msg).collect() };
            stats.failed += u64::from(request.respond(answer).is_err());
        }
        for request in ways {
            let available_transitions = lifecycle::available(self.state).map(begin_to_msg).collect();
            let answer = GetAvailableTransitions::Response { available_transitions };
            stats.failed += u64::from(request.respond(answer).is_err());
        }
        for request in graph {
            let available_transitions = TRANSITIONS.iter().map(begin_to_msg).chain(ends_to_msg()).collect();
            let answer = GetAvailableTransitions::Response { available_transitions };
            stats.failed += u64::from(request.respond(answer).is_err());
        }
        is_asked
    }

    /// The arm is told before anybody else: when a client hears that the node is inactive, the arm has been told to hold.
    fn pass(&mut self, way: &Transition, stamper: &Stamper, stats: &mut RosStats) {
        (self.let_move)(way.to.moves());
        self.state = way.to;
        stats.transitions += 1;
        let timestamp = stamper.now().map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let begin = event(timestamp, way.id, way.label, way.from, way.passage);
        let end = event(timestamp, way.passed_id, PASSED, way.passage, way.to);
        stats.failed += u64::from(self.events.publish(&begin).is_err());
        stats.failed += u64::from(self.events.publish(&end).is_err());
        r2r::log_info!(&self.logger, "{}: {}", way.label, way.to.label());
    }

    fn refuse(&self, wanted: &TransitionMsg, stats: &mut RosStats) {
        stats.transitions_refused += 1;
        // A flood of wrong requests must not become a flood of log lines.
        if stats.transitions_refused.is_power_of_two() {
            let (id, label) = (wanted.id, wanted.label.chars().take(64).collect::<String>());
            let (state, count) = (self.state.label(), stats.transitions_refused);
            r2r::log_warn!(&self.logger, "no transition {id} {label:?} leads out of {state} ({count} refused so far)");
        }
    }
}

fn state_to_msg(state: State) -> StateMsg {
    StateMsg { id: state.id(), label: state.label().into() }
}

fn begin_to_msg(way: &Transition) -> TransitionDescription {
    description(way.id, way.label, way.from, way.passage)
}

/// The ends of passages; three transitions share that of the shutdown.
fn ends_to_msg() -> impl Iterator<Item = TransitionDescription> {
    let is_first = |i: usize| TRANSITIONS[..i].iter().all(|earlier| earlier.passage != TRANSITIONS[i].passage);
    let firsts = (0..TRANSITIONS.len()).filter(move |i| is_first(*i)).map(|i| TRANSITIONS[i]);
    firsts.map(|way| description(way.passed_id, PASSED, way.passage, way.to))
}

fn description(id: u8, label: &str, from: State, to: State) -> TransitionDescription {
    TransitionDescription {
        transition: TransitionMsg { id, label: label.into() },
        start_state: state_to_msg(from),
        goal_state: state_to_msg(to),
    }
}

fn event(timestamp: u64, id: u8, label: &str, from: State, to: State) -> TransitionEvent {
    let TransitionDescription { transition, start_state, goal_state } = description(id, label, from, to);
    TransitionEvent { timestamp, transition, start_state, goal_state }
}
