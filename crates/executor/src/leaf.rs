//! A skill node from its preconditions to its observed postcondition.
//!
//! ```text
//! Preparing --preconditions observed--> Acting --skill is done--> Confirming --postcondition observed--> Done(true)
//!     |                                   |                           |
//!     +---------- not in time ------------+--- fails, trips, hangs ---+--> Failing --fresh facts--> the ladder
//! ```

use neuraxis_core::{Fault, Reaction};
use neuraxis_plan::{FactId, FactSet, Skill, State, Truth};

use crate::{
    Variation,
    config::has_passed,
    event::{Reason, What},
    memory::{Act, Phase, Refuted},
    monitor::Channels,
    program::{Leaf, is_over},
    skill::{Order, RunId, SkillFault, SkillStatus, View, Want, Wish},
    walk::{Status, Walk, lacking},
};

impl<'a> Walk<'a, '_> {
    fn view(&self) -> View<'a> {
        View { sights: self.input.sights, progress: self.input.progress, held: self.input.held }
    }

    pub(crate) fn leaf(&mut self, at: usize) -> Status {
        let program = self.program;
        let Some(leaf) = program.leaf(at) else { return Status::Running };
        let phase = self.node(at).phase;
        let is_lost = self.program.watches_hand && self.memory.carry.is_lost();
        let result = match phase {
            Phase::Preparing | Phase::Acting | Phase::Confirming if is_lost => {
                Status::Failure(Reason::Skill(SkillFault::EmptyHand))
            }
            Phase::Acting => self.act(at, leaf),
            Phase::Confirming => self.confirm(at),
            Phase::Failing(reason) => return self.failing(at, leaf, reason),
            Phase::Asking(reason) => return self.asking(at, leaf, reason),
            _ => self.prepare(at, leaf),
        };
        match result {
            Status::Running => Status::Running,
            Status::Success => self.succeed(at, leaf),
            Status::Failure(reason) => {
                self.fail(at, reason);
                Status::Running
            }
        }
    }

    /// Starts the skill once its preconditions are observed, in facts from after the last failure. A try before may have done
    /// what it was for, although something spoke against it.
    fn prepare(&mut self, at: usize, leaf: &Leaf) -> Status {
        let state = self.fresh();
        if self.node(at).episode.tries > 0 && self.is_done(at, leaf, &state) {
            // Not a nominal run: its scores teach nothing.
            self.change(at, |node| node.episode.tries = node.episode.tries.saturating_add(1));
            return Status::Success;
        }
        let missing = if leaf.effects.ready(&state) {
            self.guard_against(at).filter(|_| leaf.skill.moves()).map(Reason::Guard)
        } else {
            Some(not_ready(leaf, &state))
        };
        let Some(reason) = missing else { return self.start(at, leaf) };
        if let Some(reason) = self.is_refuted(at, leaf) {
            return Status::Failure(reason);
        }
        if has_passed(self.node(at).since, self.now(), self.config.ready_secs) {
            return Status::Failure(reason);
        }
        Status::Running
    }

    fn start(&mut self, at: usize, leaf: &Leaf) -> Status {
        let (now, episode) = (self.now(), self.node(at).episode);
        let run = RunId { epoch: self.books.epoch, run: self.books.next_run() };
        let order = Order {
            run,
            task: leaf.task,
            speed: Variation::speed(leaf.skill, leaf.speed, episode.vary, episode.retries),
            variation: Variation::of(episode.vary, episode.retries),
            instruction: leaf.instruction.as_deref(),
        };
        let view = self.view();
        let started = match self.pool.of(leaf.skill) {
            Some(performer) => performer.start(now, &order, &view),
            None => Err(SkillFault::NotAvailable),
        };
        if let Err(fault) = started {
            return Status::Failure(Reason::Skill(fault));
        }
        self.set_phase(at, Phase::Acting);
        let old_fault = self.input.fault;
        self.change(at, |node| {
            node.act = Act { run, heard: now, old_fault, ..Act::default() };
            node.episode.tries = episode.tries.saturating_add(1);
        });
        if let Some(cell) = self.program.cell(at) {
            self.memory.clear_watches(cell.watches);
        }
        if leaf.skill.moves() {
            self.memory.channels = Channels::new(now);
        }
        self.tell(at, What::Started, None, f64::from(episode.tries));
        Status::Running
    }

    fn act(&mut self, at: usize, leaf: &Leaf) -> Status {
        // What speaks against going on: the body, what is watched, the clock, the budget, the scores.
        if let Some(fault) = self.body_fault(at, leaf) {
            return Status::Failure(Reason::Body(fault));
        }
        let released = self.node(at).act.released;
        if let Some(reason) = self.watched(at, released) {
            return Status::Failure(reason);
        }
        if is_over(self.node(at).since, self.now(), leaf.timeout_secs) {
            return Status::Failure(Reason::Timeout);
        }
        if let Some(level) = self.books.ledger.overdrawn(self.now(), &self.config.budgets) {
            return Status::Failure(Reason::Budget(level));
        }
        if leaf.skill.moves() {
            let verdict = self.memory.channels.look(self.input.now, leaf.skill, &self.input.signals, self.thresholds);
            if let Some(channel) = verdict.tripped {
                return Status::Failure(Reason::Channel(channel));
            }
            if verdict.share >= self.config.warn_share {
                self.slow = Some(self.slow.unwrap_or(0.0).max(verdict.share));
            }
        }
        let status = self.ask_skill(at, leaf);
        // The learned policy does not know when it is done.
        if leaf.skill == Skill::Policy && status == Status::Running && self.is_seen(at, leaf.ends_free) {
            let (now, run, view) = (self.now(), self.node(at).act.run, self.view());
            let performer = self.pool.of(leaf.skill).filter(|_| leaf.ends_free.is_some());
            if performer.is_some_and(|performer| performer.finish(now, run, &view)) {
                return Status::Running;
            }
            self.abort(at);
            return Status::Success;
        }
        status
    }

    /// M0: a fault that is new since the skill was started, that it has not got over in time, or that no skill can.
    fn body_fault(&mut self, at: usize, leaf: &Leaf) -> Option<Fault> {
        let (fault, old) = (self.input.fault, self.node(at).act.old_fault);
        if fault.is_none() {
            self.change(at, |node| node.act.old_fault = None);
        }
        let has_time = !has_passed(self.node(at).since, self.now(), self.config.ready_secs);
        let is_borne = |fault: Fault| Some(fault) == old && has_time && fault.reaction() != Reaction::Latch;
        fault.filter(|fault| leaf.skill.moves() && !is_borne(*fault))
    }

    fn ask_skill(&mut self, at: usize, leaf: &Leaf) -> Status {
        let (now, run) = (self.now(), self.node(at).act.run);
        let view = self.view();
        let Some(performer) = self.pool.of(leaf.skill) else {
            return Status::Failure(Reason::Skill(SkillFault::NotAvailable));
        };
        let report = performer.tick(now, run, &view);
        if report.run != run {
            // R2: what another run has to say is dropped and counted.
            self.books.counts.late_reports += 1;
            self.tell(at, What::Late, None, f64::from(report.run.run));
        } else if report.at <= now {
            if leaf.skill.moves() {
                self.memory.carry.expect(report.holds);
            }
            self.change(at, |node| {
                node.act.heard = node.act.heard.max(report.at);
                node.act.released |= report.released;
            });
            match report.status {
                SkillStatus::Running(Want::Still) => {}
                SkillStatus::Running(Want::Reach(keyframe) | Want::Touch(keyframe))
                    if !keyframe.world_from_tool.is_valid() =>
                {
                    return Status::Failure(Reason::Skill(SkillFault::Malformed));
                }
                SkillStatus::Running(want) => {
                    let episode = self.node(at).episode;
                    let speed = Variation::speed(leaf.skill, leaf.speed, episode.vary, episode.retries);
                    let share = if matches!(want, Want::Touch(_)) { self.config.touch_share } else { 1.0 };
                    let (speed, retried) = (speed * share, episode.retries > 0);
                    self.wish = Wish { want, speed, retried, grip_force_n: leaf.task.grip_force_n() };
                }
                SkillStatus::Failed(fault) => {
                    // Its run is over by its own word: nobody is told to stop.
                    self.disturb();
                    self.set_phase(at, Phase::Preparing);
                    return Status::Failure(Reason::Skill(fault));
                }
                SkillStatus::Done => {
                    self.set_phase(at, Phase::Confirming);
                    self.tell(at, What::Confirming, None, 0.0);
                    return self.confirm(at);
                }
            }
        }
        let silent = has_passed(self.node(at).act.heard, now, self.config.silence_secs);
        if silent { Status::Failure(Reason::Silent) } else { Status::Running }
    }

    /// The postcondition, but for one fact, held in so many frames of facts in a row, all from after the start.
    fn is_seen(&mut self, at: usize, but_for: Option<FactId>) -> bool {
        let Some(cell) = self.program.cell(at) else { return false };
        if self.know.is_new {
            let post = cell.post.minus(&but_for.into_iter().collect());
            let holds = self.know.is_from(self.node(at).since) && post.is_subset(self.know.state.holds());
            self.change(at, |node| node.act.seen = if holds { node.act.seen.saturating_add(1) } else { 0 });
        }
        !cell.post.is_empty() && self.node(at).act.seen >= self.config.facts_in_a_row
    }

    /// As [`Walk::confirmed`]; but what is observed not to be so is not waited for.
    fn confirm(&mut self, at: usize) -> Status {
        let status = self.confirmed(at);
        let Some(cell) = self.program.cell(at).filter(|_| status == Status::Running) else { return status };
        match self.refuted(at, cell.post.intersection(self.know.state.fails())) {
            Some(fact) => Status::Failure(Reason::Post(fact, Truth::False)),
            None => Status::Running,
        }
    }

    /// A precondition that is observed not to be so, and which way. After a try more time is given: what is seen of its traces may
    /// be wrong for a moment, and right, it may be all that was wanted.
    fn is_refuted(&mut self, at: usize, leaf: &Leaf) -> Option<Reason> {
        if self.node(at).episode.tries > 0 {
            return None;
        }
        let state = self.fresh();
        let (lacks, stands) =
            (leaf.effects.pre.intersection(state.fails()), leaf.effects.pre_not.intersection(state.holds()));
        let fact = self.refuted(at, lacks.union(&stands))?;
        Some(Reason::Precondition(fact, state.truth(fact)))
    }

    /// One of the facts that are not as they must be, once frame after frame has shown it since the phase began. What the hand may
    /// still hide is only remembered, and refutes nothing.
    fn refuted(&mut self, at: usize, wrong: FactSet) -> Option<FactId> {
        let (now, wrong) = (self.now(), wrong.intersection(&self.know.shown));
        if self.know.is_new && self.know.is_from(self.node(at).since) {
            self.change(at, |node| {
                let Refuted { frames, since } = node.refuted;
                let more = Refuted { frames: frames.saturating_add(1), since: since.or(Some(now)) };
                node.refuted = if wrong.is_empty() { Refuted::default() } else { more };
            });
        }
        let Refuted { frames, since } = self.node(at).refuted;
        let is_over = since.is_some_and(|since| has_passed(since, now, self.config.refuted_secs));
        wrong.iter().next().filter(|_| is_over && frames >= self.config.facts_in_a_row)
    }

    /// What a leaf is for is observed. Nothing is held that the fingers do not feel, whatever was seen of it.
    fn is_done(&self, at: usize, leaf: &Leaf, state: &State) -> bool {
        let is_felt = leaf.skill != Skill::Grasp || self.input.held != Truth::False;
        let post = self.program.cell(at).map(|cell| cell.post).filter(|post| !post.is_empty());
        is_felt && post.is_some_and(|post| post.is_subset(state.holds()))
    }

    fn succeed(&mut self, at: usize, leaf: &Leaf) -> Status {
        let now = self.now();
        self.books.ledger.close_of(now, at);
        if leaf.skill.moves() && self.node(at).episode.tries == 1 {
            for (channel, peak) in self.memory.channels.peaks() {
                if peak > 0.0 {
                    self.tell(at, What::Peak(channel), None, peak);
                }
            }
        }
        Status::Success
    }

    /// One try is over. Nothing that was observed before counts any more.
    fn fail(&mut self, at: usize, reason: Reason) {
        let acted =
            matches!(self.node(at).phase, Phase::Acting | Phase::Confirming) || matches!(reason, Reason::Skill(_));
        self.abort(at);
        self.memory.carry.expect(false);
        if acted {
            self.disturb();
        }
        let now = self.now();
        self.books.ledger.close_of(now, at);
        self.books.blame(self.program, at, reason);
        self.set_phase(at, Phase::Failing(reason));
        self.tell(at, What::Failed, Some(reason), f64::from(self.node(at).episode.tries));
    }

    /// Waits for a fresh look at the scene, then takes what is there for success or climbs the ladder.
    fn failing(&mut self, at: usize, leaf: &Leaf, reason: Reason) -> Status {
        if let Reason::Body(fault) = reason
            && fault.reaction() == Reaction::Latch
        {
            // Only an operator can reset the arm.
            return self.give_up(reason);
        }
        let is_fresh = self.know.is_from(self.memory.disturbed_at);
        if !is_fresh && !has_passed(self.node(at).since, self.now(), self.config.ready_secs) {
            return Status::Running;
        }
        let done = is_fresh && self.is_done(at, leaf, &self.know.state);
        if done && reason.may_have_succeeded() {
            self.tell(at, What::Succeeded, Some(reason), 0.0);
            return Status::Success;
        }
        self.recover(at, leaf, reason)
    }
}

/// The first precondition that is not observed.
fn not_ready(leaf: &Leaf, state: &State) -> Reason {
    let (pre, pre_not) = (&leaf.effects.pre, &leaf.effects.pre_not);
    if !pre.is_subset(state.holds()) {
        return lacking(pre, state, Reason::Precondition);
    }
    let missing = pre_not.minus(state.fails());
    missing.iter().next().map_or(Reason::NoAnswer, |fact| {
        let truth = state.truth(fact);
        Reason::Precondition(fact, if truth == Truth::True { Truth::True } else { Truth::Unknown })
    })
}
