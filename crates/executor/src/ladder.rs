//! What to do about a leaf's failure: the rungs that its plan gives, mildest first (R7 of tests/rules.md).
//!
//! | level | what | ends |
//! |---|---|---|
//! | L0 | the brainstem's reflex; reported here as a fault of the body | by itself |
//! | L1 | slower ([`crate::Wish::speed`]); a moved target is followed by the skill itself | when scores are low again |
//! | L2 | the leaf again, varied | with its try |
//! | L3 | back to an earlier leaf whose preconditions are observed; after all rungs the failure goes up the tree | with the leaf's next try |
//! | L4 | a repair from memory, while the leaf holds still | by answer or deadline |
//! | L5 | a new plan, as L4 | by answer or deadline |
//! | L6 | hold still, report, ask a person | the plan ends |
//!
//! For each leaf and cause the rungs are only ever climbed: a question that was asked is not asked again. Each level has
//! a budget of times and of time for the whole task; a rung whose budget is spent is passed over.

use neuraxis_plan::Rung;

use crate::{
    event::{Reason, What},
    executor::{Ask, Outcome},
    memory::Phase,
    program::{Kind, Leaf},
    walk::{Status, Walk},
};

impl Walk<'_, '_> {
    /// The next rung for this cause that can be taken; failure if there is none left.
    pub(crate) fn recover(&mut self, at: usize, leaf: &Leaf, reason: Reason) -> Status {
        let (from, to) = leaf.rungs;
        let rungs = self.program.rungs.get(from..to).unwrap_or_default();
        let cause = reason.cause();
        let first = self.node(at).episode.rung.get(cause).copied().unwrap_or_default();
        for (i, rung) in rungs.iter().enumerate().skip(usize::from(first)) {
            self.set_rung(at, cause, i);
            if let Some(status) = self.climb(at, *rung, reason) {
                return status;
            }
        }
        self.set_rung(at, cause, rungs.len());
        Status::Failure(reason)
    }

    /// L6: the plan is over; the arm holds still.
    pub(crate) fn give_up(&mut self, reason: Reason) -> Status {
        self.ended = Some(Outcome::Yielded(reason));
        Status::Running
    }

    /// The question has been answered with nothing, or its time is over: the next rung.
    pub(crate) fn asking(&mut self, at: usize, leaf: &Leaf, reason: Reason) -> Status {
        let now = self.now();
        if self.books.request.is_some_and(|request| now < request.deadline) {
            return Status::Running;
        }
        self.books.request = None;
        self.books.ledger.close_of(now, at);
        self.tell(at, What::Failed, Some(Reason::NoAnswer), 0.0);
        let cause = reason.cause();
        let asked = self.node(at).episode.rung.get(cause).copied().unwrap_or_default();
        self.set_rung(at, cause, usize::from(asked) + 1);
        self.recover(at, leaf, reason)
    }

    fn set_rung(&mut self, at: usize, cause: usize, rung: usize) {
        let next = rung.min(usize::from(u8::MAX)) as u8;
        self.change(at, |node| node.episode.rung.get_mut(cause).into_iter().for_each(|of| *of = next.max(*of)));
    }

    /// Takes a rung; `None` if it cannot be taken (any more).
    fn climb(&mut self, at: usize, rung: Rung, reason: Reason) -> Option<Status> {
        let (level, is_open) = match rung {
            Rung::Retry { max, .. } => (2, self.node(at).episode.retries < max),
            Rung::Goto { node } => {
                let ready = self.program.leaf(usize::from(node)).is_some_and(|to| to.effects.ready(&self.fresh()));
                (3, ready && self.node(at).episode.gotos < self.config.gotos_per_leaf)
            }
            Rung::Recall => (4, self.books.request.is_none()),
            Rung::Replan => (5, self.books.request.is_none()),
            Rung::AskHuman => {
                self.tell(at, What::Recovering(6), Some(reason), 0.0);
                return Some(self.give_up(reason));
            }
        };
        let allowed = self.books.ledger.allows(level, &self.config.budgets);
        if !is_open || !allowed {
            let why = if allowed { reason } else { Reason::Budget(level) };
            self.tell(at, What::Passed(level), Some(why), 0.0);
            return None;
        }
        let now = self.now();
        let before = self.books.ledger.take(now, level, at);
        self.tell(at, What::Recovering(level), Some(reason), f64::from(before));
        match rung {
            Rung::Retry { vary, .. } => {
                self.change(at, |node| {
                    node.episode.retries += 1;
                    node.episode.vary = vary;
                });
                self.set_phase(at, Phase::Preparing);
            }
            Rung::Goto { node } => {
                self.change(at, |node| node.episode.gotos += 1);
                self.go_back(at, usize::from(node));
            }
            Rung::Recall => self.ask(at, Ask::Recall, reason, self.config.budgets.recall_answer_secs),
            Rung::Replan => self.ask(at, Ask::Replan, reason, self.config.budgets.replan_answer_secs),
            Rung::AskHuman => {}
        }
        Some(Status::Running)
    }

    fn ask(&mut self, at: usize, ask: Ask, reason: Reason, secs: f64) {
        let node = self.program.cell(at).map_or(crate::event::WHOLE_PLAN, |cell| cell.id);
        let now = self.now();
        self.books.request(now, ask, node, reason, secs);
        // R6: a leaf that holds still, not nothing.
        self.set_phase(at, Phase::Asking(reason));
    }

    /// Begins the row anew from an earlier leaf of the sequence that both are in.
    fn go_back(&mut self, at: usize, target: usize) {
        let around = |at_node: usize| at_node <= target && at < self.program.end(at_node);
        let Some(row) = (0..=target).rev().find(|node| around(*node)) else { return };
        let (first, last) = (self.child_with(row, target), self.child_with(row, at));
        self.wipe(first, self.program.end(last));
        let mut node = row;
        loop {
            let child = self.child_with(node, target);
            self.change(node, |state| state.cursor = child);
            let kind = self.program.cell(child).map(|cell| cell.kind);
            // What has no place to go on from begins at its beginning.
            let goes_on =
                matches!(kind, Some(Kind::Sequence | Kind::Fallback | Kind::Retry { .. } | Kind::Timeout { .. }));
            if child == target || !goes_on {
                break;
            }
            self.enter(child);
            node = child;
        }
        self.jumped = true;
    }

    /// The child of `node` that `inside` is, or is in.
    fn child_with(&self, node: usize, inside: usize) -> usize {
        let mut child = node + 1;
        while self.program.end(child) <= inside {
            child = self.program.end(child);
        }
        child
    }
}
