//! One tick of the tree: down to what runs, up with what came of it. No recursion, no heap.
//!
//! ```text
//! down(node):  enter it if it is idle; look at its watches and its time; go on to the child that runs, or tick the leaf
//! up(node):    settle its status; its parent goes on to the next child, or up itself
//! ```
//! Each node is gone down to once a tick at most, because a walk only ever goes on to later siblings: a `retry` begins
//! its child anew in the next tick. The tick is bounded by the number of nodes.

use neuraxis_core::Nanos;
use neuraxis_plan::{FactSet, Literal, MOST_NODES, State, Truth};

use crate::{
    config::{ExecutorConfig, has_passed},
    event::{Event, Events, Reason, What},
    executor::{Books, Input, Outcome},
    knowledge::Knowledge,
    memory::{Act, Memory, NodeState, Phase, Refuted},
    monitor::Thresholds,
    program::{Kind, Program},
    skill::{Pool, Wish},
};

/// What came of a node in this tick.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) enum Status {
    Running,
    Success,
    Failure(Reason),
}

#[derive(Copy, Clone, Debug)]
enum Move {
    Down(usize),
    Up(usize, Status),
}

/// Everything that a tick works on.
pub(crate) struct Walk<'a, 'e> {
    pub(crate) config: &'a ExecutorConfig,
    pub(crate) program: &'a Program,
    pub(crate) memory: &'a mut Memory,
    pub(crate) pool: &'a mut Pool,
    pub(crate) books: &'a mut Books,
    pub(crate) thresholds: &'a Thresholds,
    pub(crate) know: &'a Knowledge,
    pub(crate) input: &'a Input<'a>,
    pub(crate) events: &'a mut Events<'e>,
    /// For the arm, from the leaf that moves it.
    pub(crate) wish: Wish,
    /// Something calls for less speed: how near the worst score is to its threshold.
    pub(crate) slow: Option<f64>,
    /// Leaves were begun anew elsewhere: this walk is over.
    pub(crate) jumped: bool,
    /// The plan is over.
    pub(crate) ended: Option<Outcome>,
}

impl Walk<'_, '_> {
    /// One tick from the root.
    pub(crate) fn run(&mut self) -> Status {
        self.memory.carry.look(self.input.held);
        let mut next = Move::Down(0);
        // Twice per node is the most there is; the bound is a second lock on the door.
        for _ in 0..=2 * MOST_NODES {
            next = match next {
                Move::Down(at) => self.down(at),
                Move::Up(at, status) => {
                    let status = self.settle(at, status);
                    match self.program.cell(at).and_then(|cell| cell.parent) {
                        Some(parent) => self.up(parent, at, status),
                        None => return status,
                    }
                }
            };
            if self.jumped || self.ended.is_some() {
                return Status::Running;
            }
        }
        Status::Running
    }

    pub(crate) fn now(&self) -> Nanos {
        self.input.now
    }

    pub(crate) fn node(&self, at: usize) -> NodeState {
        self.memory.nodes.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut NodeState)) {
        if let Some(node) = self.memory.nodes.get_mut(at) {
            change(node);
        }
    }

    pub(crate) fn set_phase(&mut self, at: usize, phase: Phase) {
        let now = self.now();
        self.change(at, |node| (node.phase, node.since, node.refuted) = (phase, now, Refuted::default()));
    }

    pub(crate) fn tell(&mut self, at: usize, what: What, reason: Option<Reason>, value: f64) {
        let node = self.program.cell(at).map_or(crate::event::WHOLE_PLAN, |cell| cell.id);
        self.events.push(Event { at: self.input.now, epoch: self.books.epoch, node, what, reason, value });
    }

    fn down(&mut self, at: usize) -> Move {
        let Some(kind) = self.program.cell(at).map(|cell| cell.kind) else { return Move::Up(at, Status::Running) };
        match self.node(at).phase {
            Phase::Done(true) => return Move::Up(at, Status::Success),
            Phase::Confirming if !kind.is_leaf() => return Move::Up(at, self.confirmed(at)),
            Phase::Idle => self.enter(at),
            _ => {}
        }
        if !kind.is_leaf()
            && let Some(reason) = self.watched(at, false)
        {
            return Move::Up(at, Status::Failure(reason));
        }
        match kind {
            Kind::Sequence | Kind::Fallback => Move::Down(self.node(at).cursor),
            Kind::Retry { .. } | Kind::Parallel => Move::Down(at + 1),
            Kind::Timeout { secs } if has_passed(self.node(at).entered, self.now(), secs) => {
                Move::Up(at, Status::Failure(Reason::Timeout))
            }
            Kind::Timeout { .. } => Move::Down(at + 1),
            Kind::Reactive => {
                self.rearm(at + 1);
                Move::Down(at + 1)
            }
            Kind::Condition(literal) => Move::Up(at, self.condition(at, literal)),
            Kind::Skill(_) => Move::Up(at, self.leaf(at)),
            Kind::AskHuman => {
                self.ended = Some(Outcome::Yielded(Reason::Human));
                self.books.blame(self.program, at, Reason::Human);
                Move::Up(at, Status::Running)
            }
        }
    }

    /// What the parent makes of its child's status.
    fn up(&mut self, parent: usize, child: usize, status: Status) -> Move {
        let Some(cell) = self.program.cell(parent) else { return Move::Up(parent, status) };
        let next = self.program.end(child);
        let has_next = next < cell.end;
        match (cell.kind, status) {
            (Kind::Sequence, Status::Success) | (Kind::Fallback, Status::Failure(_)) if has_next => {
                self.change(parent, |node| node.cursor = next);
                Move::Down(next)
            }
            (Kind::Reactive, Status::Success) if has_next => {
                self.rearm(next);
                Move::Down(next)
            }
            (Kind::Parallel, Status::Success | Status::Running) if has_next => Move::Down(next),
            (Kind::Parallel, Status::Success | Status::Running) => {
                let all = self.all_done(parent);
                Move::Up(parent, if all { Status::Success } else { Status::Running })
            }
            (Kind::Retry { times }, Status::Failure(_)) => {
                let failures = self.node(parent).failures.saturating_add(1);
                self.change(parent, |node| node.failures = failures);
                if failures >= times {
                    return Move::Up(parent, status);
                }
                self.wipe(child, next);
                Move::Up(parent, Status::Running)
            }
            _ => Move::Up(parent, status),
        }
    }

    /// Books a node's status; success of a node with a postcondition waits until that is observed.
    fn settle(&mut self, at: usize, status: Status) -> Status {
        let Some(cell) = self.program.cell(at) else { return status };
        let phase = self.node(at).phase;
        match status {
            Status::Running => {}
            Status::Success if phase == Phase::Done(true) => {}
            Status::Success if !cell.kind.is_leaf() && !cell.post.is_empty() && phase != Phase::Confirming => {
                self.set_phase(at, Phase::Confirming);
                self.tell(at, What::Confirming, None, 0.0);
                return Status::Running;
            }
            Status::Success => {
                self.set_phase(at, Phase::Done(true));
                self.tell(at, What::Succeeded, None, 0.0);
            }
            Status::Failure(reason) => {
                self.wipe(at + 1, cell.end);
                self.set_phase(at, Phase::Done(false));
                self.tell(at, What::Failed, Some(reason), 0.0);
            }
        }
        status
    }

    pub(crate) fn enter(&mut self, at: usize) {
        let now = self.now();
        let Some(cell) = self.program.cell(at) else { return };
        let phase = if matches!(cell.kind, Kind::Skill(_)) { Phase::Preparing } else { Phase::Running };
        self.change(at, |node| {
            (node.phase, node.since, node.entered) = (phase, now, now);
            (node.cursor, node.failures) = (at + 1, 0);
        });
        self.memory.clear_watches(cell.watches);
        self.tell(at, What::Entered, None, 0.0);
    }

    /// Ends all that runs in a part of the tree and makes it as if it had not begun; what recovery has cost stays.
    pub(crate) fn wipe(&mut self, from: usize, to: usize) {
        for at in from..to {
            self.abort(at);
            self.change(at, |node| *node = NodeState { episode: node.episode, ..NodeState::default() });
        }
    }

    /// Tells a leaf's skill to stop, if it runs, and withdraws its question.
    pub(crate) fn abort(&mut self, at: usize) {
        let node = self.node(at);
        match (node.phase, self.program.leaf(at)) {
            (Phase::Acting, Some(leaf)) => {
                if let Some(performer) = self.pool.of(leaf.skill) {
                    performer.abort(self.input.now, node.act.run);
                }
                self.disturb();
                self.change(at, |node| node.act = Act::default());
                self.tell(at, What::Aborted, None, 0.0);
            }
            (Phase::Asking(_), _) => self.books.request = None,
            _ => {}
        }
    }

    /// Facts observed up to now say nothing any more.
    pub(crate) fn disturb(&mut self) {
        self.memory.disturbed_at = self.input.now;
    }

    /// A child of a reactive sequence that ended and takes no time is looked at again.
    fn rearm(&mut self, child: usize) {
        let Some(cell) = self.program.cell(child) else { return };
        if cell.takes_time || !matches!(self.node(child).phase, Phase::Done(_)) {
            return;
        }
        for at in child..cell.end {
            self.change(at, |node| node.phase = Phase::Idle);
        }
    }

    fn all_done(&self, parent: usize) -> bool {
        let (mut child, end) = (parent + 1, self.program.end(parent));
        while child < end {
            if self.node(child).phase != Phase::Done(true) {
                return false;
            }
            child = self.program.end(child);
        }
        true
    }

    /// What is known, but nothing from before the last failure.
    pub(crate) fn fresh(&self) -> State {
        if self.know.is_from(self.memory.disturbed_at) { self.know.state } else { State::default() }
    }

    fn condition(&mut self, at: usize, literal: Literal) -> Status {
        let (now, truth) = (self.now(), self.fresh().truth(literal.fact));
        if truth == Truth::Unknown {
            // Not known for a moment is no news for one that held; not known for long is a failure.
            let since = self.node(at).unknown_since.unwrap_or(now);
            self.change(at, |node| node.unknown_since = Some(since));
            return match (has_passed(since, now, self.config.ready_secs), self.node(at).passed) {
                (true, _) => Status::Failure(Reason::Condition(literal.fact, truth)),
                (false, true) => Status::Success,
                (false, false) => Status::Running,
            };
        }
        let holds = (truth == Truth::True) == literal.holds;
        self.change(at, |node| (node.unknown_since, node.passed) = (None, holds));
        if holds { Status::Success } else { Status::Failure(Reason::Condition(literal.fact, truth)) }
    }

    /// R8: whether the postcondition has been observed since the node was at its end.
    pub(crate) fn confirmed(&self, at: usize) -> Status {
        let Some(cell) = self.program.cell(at) else { return Status::Running };
        let since = self.node(at).since;
        if cell.post.is_empty() || (self.know.is_from(since) && cell.post.is_subset(self.know.state.holds())) {
            return Status::Success;
        }
        if has_passed(since, self.now(), self.config.settle_secs) {
            return Status::Failure(lacking(&cell.post, &self.know.state, Reason::Post));
        }
        Status::Running
    }
}

/// The first fact that is not known to hold.
pub(crate) fn lacking(facts: &FactSet, state: &State, reason: fn(neuraxis_plan::FactId, Truth) -> Reason) -> Reason {
    let missing = facts.minus(state.holds());
    missing.iter().next().map_or(Reason::NoAnswer, |fact| reason(fact, state.truth(fact)))
}
