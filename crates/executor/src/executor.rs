//! The executor: takes proved plans, ticks them, hears answers, and always ends.

use neuraxis_core::{Fault, Nanos, Progress};
use neuraxis_plan::Truth;

use crate::{
    ExecutorConfig, ExecutorError,
    config::{LEVELS, has_passed},
    event::{Event, Events, Reason, WHOLE_PLAN, What},
    knowledge::{Knowledge, Observed},
    ledger::{Ledger, Spent},
    memory::{Memory, NodeState},
    monitor::{Scores, Signals, Thresholds},
    program::Program,
    skill::{Pool, Sights, Wish},
    walk::{Status, Walk},
};

/// What a tick looks at.
pub struct Input<'a> {
    /// Now, in the loop's clock.
    pub now: Nanos,
    /// The newest facts, seen before or not.
    pub observed: Option<&'a Observed>,
    /// Where things are.
    pub sights: &'a dyn Sights,
    /// Raw signals of M1.
    pub signals: Signals,
    /// How far the motion has come, from the cerebellum.
    pub progress: Progress,
    /// Whether the closed fingers have hold of something.
    pub held: Truth,
    /// M0: what the brainstem or the cerebellum complains about.
    pub fault: Option<Fault>,
}

/// Whether the plan runs, and how it ended.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Outcome {
    /// There was no plan yet.
    Idle,
    /// Under way.
    Running,
    /// The goal was observed.
    Succeeded,
    /// It failed with all that it had; the arm holds still.
    Failed(Reason),
    /// It gave up for a person to decide, or was stopped; the arm holds still.
    Yielded(Reason),
}

/// Whom a question is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// L4: memory, for a repair.
    Recall,
    /// L5: the planner, for a new plan.
    Replan,
}

/// A question, repeated each tick until it is answered, withdrawn or too old.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Request {
    /// To be named in the answer.
    pub id: u32,
    /// The plan that fails; to be named in the answer.
    pub epoch: u32,
    /// Whom it is for.
    pub ask: Ask,
    /// The node that failed, as it was sent.
    pub node: u16,
    /// Why.
    pub reason: Reason,
    /// Later answers are dropped.
    pub deadline: Nanos,
}

/// An answer: another plan, proved from the facts as they are now, or none.
pub struct Answer {
    /// Of the request.
    pub id: u32,
    /// Of the request.
    pub epoch: u32,
    /// `None`: there is no help from there.
    pub program: Option<Box<Program>>,
}

/// What was dropped, and why, since the executor was made.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reports of other runs of a skill.
    pub late_reports: u64,
    /// Answers to no open question.
    pub late_answers: u64,
    /// Plans made for an epoch that is over.
    pub late_plans: u64,
    /// Frames of facts that contradicted themselves.
    pub contradictions: u64,
}

/// What one tick decided.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ExecutorTick {
    /// Of the plan that this is about.
    pub epoch: u32,
    /// Whether it runs.
    pub outcome: Outcome,
    /// For the arm.
    pub wish: Wish,
    /// The plan waits for facts, or for an answer: no skill runs. A better view may help.
    pub waits: bool,
    /// The open question.
    pub request: Option<Request>,
}

/// How it went so far, for a person and for memory.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Debrief {
    /// Of the plan.
    pub epoch: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The node that failed last, as it was sent, and why.
    pub last_failure: Option<(u16, Reason)>,
    /// Costs of recovery by level, L0 to L6.
    pub spent: [Spent; LEVELS],
    /// What was dropped.
    pub counts: Counts,
}

/// What the walk writes beside the tree.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) epoch: u32,
    pub(crate) ledger: Ledger,
    pub(crate) request: Option<Request>,
    pub(crate) counts: Counts,
    last_failure: Option<(u16, Reason)>,
    runs: u32,
    requests: u32,
}

impl Books {
    pub(crate) fn next_run(&mut self) -> u32 {
        self.runs = self.runs.wrapping_add(1);
        self.runs
    }

    pub(crate) fn request(&mut self, now: Nanos, ask: Ask, node: u16, reason: Reason, secs: f64) {
        self.requests = self.requests.wrapping_add(1);
        let deadline = now + Nanos::from_secs(secs);
        self.request = Some(Request { id: self.requests, epoch: self.epoch, ask, node, reason, deadline });
    }

    pub(crate) fn blame(&mut self, program: &Program, at: usize, reason: Reason) {
        self.last_failure = program.cell(at).map(|cell| (cell.id, reason));
    }
}

/// Runs plans. One owner, one thread, 200 Hz; allocates while it is made and in nothing else.
pub struct Executor {
    config: ExecutorConfig,
    pool: Pool,
    program: Option<Box<Program>>,
    memory: Box<Memory>,
    know: Knowledge,
    books: Books,
    thresholds: Thresholds,
    outcome: Outcome,
    /// When the plan was taken over, until its assumptions are observed.
    waiting_since: Option<Nanos>,
    is_slow: bool,
    last_tick: Nanos,
}

impl Executor {
    /// Checks the configuration. Without thresholds no channel of M1 is armed.
    pub fn new(config: ExecutorConfig, pool: Pool, thresholds: Thresholds) -> Result<Self, ExecutorError> {
        config.validate()?;
        let books = Books {
            epoch: 0,
            ledger: Ledger::default(),
            request: None,
            counts: Counts::default(),
            last_failure: None,
            runs: 0,
            requests: 0,
        };
        Ok(Self {
            config,
            pool,
            program: None,
            memory: Box::new(Memory::new()),
            know: Knowledge::default(),
            books,
            thresholds,
            outcome: Outcome::Idle,
            waiting_since: None,
            is_slow: false,
            last_tick: Nanos::default(),
        })
    }

    /// Scores of the skill that moves the arm now, each beside its threshold; none while nothing moves it.
    pub fn scores(&self) -> Scores {
        let moves = |(at, node): (usize, &NodeState)| {
            let leaf = self.program.as_ref().and_then(|program| program.leaf(at));
            node.phase == crate::memory::Phase::Acting && leaf.is_some_and(|leaf| leaf.skill.moves())
        };
        let is_moved = self.outcome == Outcome::Running && self.memory.nodes.iter().enumerate().any(moves);
        if is_moved { self.memory.channels.latest() } else { Scores::default() }
    }

    /// The present epoch: who begins to make a plan notes it, and names it in [`Executor::begin`].
    pub fn epoch(&self) -> u32 {
        self.books.epoch
    }

    /// How it went so far.
    pub fn debrief(&self) -> Debrief {
        Debrief {
            epoch: self.books.epoch,
            outcome: self.outcome,
            last_failure: self.books.last_failure,
            spent: *self.books.ledger.spent(),
            counts: self.books.counts,
        }
    }

    /// Begins a task with a plan that was made for `epoch`. R2: if another plan was begun or something was stopped since,
    /// the plan is late: it comes back as the error, and is counted. On success the plan before it comes back, to be
    /// dropped outside the loop. Does not allocate or free.
    pub fn begin(
        &mut self,
        now: Nanos,
        epoch: u32,
        program: Box<Program>,
        events: &mut Events<'_>,
    ) -> Result<Option<Box<Program>>, Box<Program>> {
        if epoch != self.books.epoch {
            self.books.counts.late_plans += 1;
            self.tell(now, What::Late, None, events);
            return Err(program);
        }
        self.halt(now);
        self.books.ledger = Ledger::new(now);
        Ok(self.take(now, program))
    }

    /// Takes an answer; what is not needed any more comes back, to be dropped outside the loop. R2: an answer to no open
    /// question, or for another epoch, is dropped and counted. Does not allocate or free.
    pub fn answer(&mut self, now: Nanos, answer: Answer, events: &mut Events<'_>) -> Option<Box<Program>> {
        let is_wanted =
            |request: Request| request.id == answer.id && request.epoch == answer.epoch && now < request.deadline;
        if self.outcome != Outcome::Running || !self.books.request.is_some_and(is_wanted) {
            self.books.counts.late_answers += 1;
            self.tell(now, What::Late, None, events);
            return answer.program;
        }
        // The leaf that asked sees in the next tick that nobody is asked any more.
        self.books.request = None;
        let program = answer.program?;
        self.books.ledger.close(now);
        self.halt(now);
        self.take(now, program)
    }

    /// Ends the plan: skills are told to stop, the arm holds still, and plans in the making are late.
    pub fn stop(&mut self, now: Nanos, events: &mut Events<'_>) {
        if self.outcome == Outcome::Running {
            self.end(now, Outcome::Yielded(Reason::Stopped), events);
        }
        self.books.epoch = self.books.epoch.wrapping_add(1);
    }

    /// One tick: 200 Hz. Neither allocates, recurses, locks nor logs; deterministic.
    pub fn tick(&mut self, input: &Input<'_>, events: &mut Events<'_>) -> ExecutorTick {
        let now = input.now;
        let mut wish = Wish::STILL;
        let last = std::mem::replace(&mut self.last_tick, now);
        if now < last {
            // No time that is waited for may lie in the future.
            self.know.step_back();
            self.memory.step_back(now);
            self.books.ledger.step_back(last, now);
            self.waiting_since = self.waiting_since.map(|since| now.min(since));
            if let Some(request) = &mut self.books.request {
                request.deadline = now + (request.deadline - last);
            }
        }
        if let Some(program) = &self.program {
            self.know.look(now, input.observed, &program.exclusions, self.config.facts_lease_secs);
        }
        if let Some(fact) = self.know.contradiction.filter(|_| self.know.is_new) {
            self.books.counts.contradictions += 1;
            self.tell(now, What::Contradiction(fact), None, events);
        }
        if self.outcome == Outcome::Running {
            if self.books.ledger.is_over(now, &self.config.budgets) {
                self.end(now, Outcome::Yielded(Reason::Budget(0)), events);
            } else if let Some(since) = self.waiting_since {
                self.assume(now, since, events);
            } else {
                wish = self.walk(input, events);
            }
        }
        ExecutorTick {
            epoch: self.books.epoch,
            outcome: self.outcome,
            wish,
            waits: self.outcome == Outcome::Running && !self.acts(),
            request: self.books.request,
        }
    }

    fn acts(&self) -> bool {
        self.memory.nodes.iter().any(|node| node.phase == crate::memory::Phase::Acting)
    }

    /// Waits until what the plan assumes is observed in facts from after it was taken over.
    fn assume(&mut self, now: Nanos, since: Nanos, events: &mut Events<'_>) {
        let assumptions = self.program.as_ref().map(|program| &*program.assumptions).unwrap_or_default();
        let missing = assumptions.iter().find(|literal| !self.know.state.proves(**literal));
        match missing.map(|literal| Reason::Assumption(literal.fact, self.know.state.truth(literal.fact))) {
            None if assumptions.is_empty() || self.know.is_from(since) => self.waiting_since = None,
            Some(reason) if has_passed(since, now, self.config.ready_secs) => {
                self.books.last_failure = Some((WHOLE_PLAN, reason));
                self.end(now, Outcome::Failed(reason), events);
            }
            _ => {}
        }
    }

    fn walk(&mut self, input: &Input<'_>, events: &mut Events<'_>) -> Wish {
        let Some(program) = &self.program else { return Wish::STILL };
        let mut walk = Walk {
            config: &self.config,
            program,
            memory: &mut self.memory,
            pool: &mut self.pool,
            books: &mut self.books,
            thresholds: &self.thresholds,
            know: &self.know,
            input,
            events,
            wish: Wish::STILL,
            slow: None,
            jumped: false,
            ended: None,
        };
        let status = walk.run();
        let (wish, slow, ended) = (walk.wish, walk.slow, walk.ended);
        let now = input.now;
        match (ended, status) {
            (Some(outcome), _) => self.end(now, outcome, events),
            (None, Status::Success) => self.end(now, Outcome::Succeeded, events),
            (None, Status::Failure(reason)) => self.end(now, Outcome::Failed(reason), events),
            (None, Status::Running) => {
                let share = if self.slow_down(now, slow, events) { self.config.slow_share } else { 1.0 };
                return Wish { speed: wish.speed * share, ..wish };
            }
        }
        Wish::STILL
    }

    /// L1.
    fn slow_down(&mut self, now: Nanos, slow: Option<f64>, events: &mut Events<'_>) -> bool {
        let is_slow = self.books.ledger.slow(now, slow.is_some(), &self.config.budgets);
        if is_slow != std::mem::replace(&mut self.is_slow, is_slow) {
            let what = if is_slow { What::Slowed } else { What::Resumed };
            let event = Event { value: slow.unwrap_or(0.0), ..self.event(now, what, None) };
            events.push(event);
        }
        is_slow
    }

    fn end(&mut self, now: Nanos, outcome: Outcome, events: &mut Events<'_>) {
        self.books.ledger.close(now);
        self.halt(now);
        self.outcome = outcome;
        let reason = match outcome {
            Outcome::Failed(reason) | Outcome::Yielded(reason) => Some(reason),
            _ => None,
        };
        self.tell(now, What::Ended, reason, events);
    }

    /// Every skill that runs is told to stop.
    fn halt(&mut self, now: Nanos) {
        let Some(program) = &self.program else { return };
        for (at, node) in self.memory.nodes.iter_mut().enumerate() {
            if let (crate::memory::Phase::Acting, Some(leaf)) = (node.phase, program.leaf(at))
                && let Some(performer) = self.pool.of(leaf.skill)
            {
                performer.abort(now, node.act.run);
            }
            node.phase = crate::memory::Phase::Idle;
        }
        self.books.request = None;
        self.is_slow = false;
    }

    fn take(&mut self, now: Nanos, program: Box<Program>) -> Option<Box<Program>> {
        self.books.epoch = self.books.epoch.wrapping_add(1);
        self.books.last_failure = None;
        self.memory.reset(&program, now, self.config.facts_in_a_row);
        // Facts are numbers of a scene: what another plan's scene called them says nothing here.
        self.know = Knowledge::default();
        self.outcome = Outcome::Running;
        self.waiting_since = Some(now);
        self.program.replace(program)
    }

    fn event(&self, at: Nanos, what: What, reason: Option<Reason>) -> Event {
        Event { at, epoch: self.books.epoch, node: WHOLE_PLAN, what, reason, value: 0.0 }
    }

    fn tell(&self, at: Nanos, what: What, reason: Option<Reason>, events: &mut Events<'_>) {
        events.push(self.event(at, what, reason));
    }
}
