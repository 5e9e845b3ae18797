//! V5: STRIPS over the tree with three truth values.
//!
//! Every node maps what is known before it to what is known after its success and after its failure. After a failed
//! step nothing is known about what it may have touched; an observation (a condition, a postcondition) makes it known
//! again, and overrides what was believed. Where ways join, only what is known on all of them stays known. Rungs of the
//! ladder are not part of the proof: the executor observes the preconditions before it enters a leaf again.

use super::Faults;
use crate::{
    ErrorKind, PlanError,
    effects::{Effects, effects},
    facts::{FactSet, State},
    object::Predicate,
    plan::{Maintain, Node, NodeKind, children},
    raw::Until,
    scene::{Literal, Scene},
    skill::{Skill, Step},
};

/// Proves every precondition, postcondition, maintained fact and goal, or says which is not.
pub(super) fn prove(scene: &Scene, nodes: &[Node], assumptions: &[Literal], goal: &FactSet, faults: &mut Faults) {
    for literal in assumptions.iter().filter(|literal| !scene.state().proves(**literal)) {
        let name = scene.literal_name(*literal);
        let what = format!("assumed {name}, which is not known to be so");
        let fault = PlanError::new(None, ErrorKind::NotProved, what, "assume only what the scene says");
        faults.push(fault.missing(vec![name]));
    }
    let changes = nodes.iter().map(|node| Changes::of(scene, node)).collect();
    let mut proof = Proof { scene, nodes, changes, faults };
    let outcome = proof.run(0, scene.state());
    match outcome.ok {
        Some(state) => proof.missing(None, "the goal", goal, &FactSet::default(), &state),
        None => proof.faults.add(None, ErrorKind::NotProved, "no way through it succeeds", "let the root succeed"),
    }
}

/// What is known after success and after failure; `None`: it does not happen.
struct Outcome {
    ok: Option<State>,
    fail: Option<State>,
}

/// What a leaf looks at and changes.
#[derive(Copy, Clone, Debug, Default)]
struct Changes {
    reads: FactSet,
    add: FactSet,
    del: FactSet,
    /// All that may be known differently afterwards, by change or by observation.
    touched: FactSet,
    moves: bool,
}

impl Changes {
    fn of(scene: &Scene, node: &Node) -> Self {
        let mut changes = match &node.kind {
            NodeKind::Condition(literal) => {
                let one: FactSet = [literal.fact].into_iter().collect();
                Self { reads: one, touched: one, ..Self::default() }
            }
            NodeKind::Skill(Step { skill: Skill::Policy, .. }) => {
                let all = scene.all_facts();
                Self { add: all, del: all, touched: all, moves: true, ..Self::default() }
            }
            NodeKind::Skill(step) => {
                let effects = effects(scene, step).unwrap_or_default();
                let reads = effects.pre.union(&effects.pre_not);
                let (add, del, touched) = (effects.add, effects.del, effects.touched());
                Self { reads, add, del, touched, moves: step.skill.moves() }
            }
            _ => Self::default(),
        };
        for maintain in &node.maintain {
            if let Maintain::Fact { literal, .. } = maintain {
                changes.reads.insert(literal.fact);
            }
        }
        changes
    }

    fn join(&mut self, other: &Self) {
        self.reads = self.reads.union(&other.reads);
        self.add = self.add.union(&other.add);
        self.del = self.del.union(&other.del);
        self.touched = self.touched.union(&other.touched);
        self.moves |= other.moves;
    }
}

struct Proof<'a> {
    scene: &'a Scene,
    nodes: &'a [Node],
    /// Of each node by itself.
    changes: Vec<Changes>,
    faults: &'a mut Faults,
}

impl Proof<'_> {
    fn run(&mut self, at: usize, before: &State) -> Outcome {
        let nodes = self.nodes;
        let Some(node) = nodes.get(at) else { return Outcome { ok: None, fail: None } };
        self.maintained(at, node, before);
        let mut outcome = match &node.kind {
            NodeKind::Sequence => self.sequence(at, before),
            NodeKind::Fallback => self.fallback(at, before),
            NodeKind::ReactiveSequence => self.reactive(at, node, before),
            NodeKind::ParallelAll => self.parallel(at, node, before),
            NodeKind::Retry { times } => self.retry(at, *times, before),
            NodeKind::Timeout { .. } => {
                let inner = self.run(at + 1, before);
                Outcome { ok: inner.ok, fail: self.broken_off(at, before, inner.fail) }
            }
            NodeKind::Condition(literal) => Outcome {
                ok: Some(before.with(literal.fact, literal.holds)),
                fail: Some(before.with(literal.fact, !literal.holds)),
            },
            NodeKind::Skill(step) => self.skill(node, step, before),
            NodeKind::AskHuman { .. } => Outcome { ok: None, fail: Some(*before) },
        };
        if !node.guards.is_empty() || !node.maintain.is_empty() {
            outcome.fail = self.broken_off(at, before, outcome.fail);
        }
        if let Some(after) = outcome.ok {
            self.missing(Some(node.id), "its postcondition", &node.post, &FactSet::default(), &after);
        }
        outcome
    }

    fn skill(&mut self, node: &Node, step: &Step, before: &State) -> Outcome {
        match step.skill {
            Skill::Hold => Outcome { ok: Some(*before), fail: None },
            // It may have done anything; its postcondition is observed.
            Skill::Policy => {
                let nothing = State::default();
                Outcome { ok: Some(nothing.after(&node.post, &FactSet::default())), fail: Some(nothing) }
            }
            _ => {
                let effects: Effects = effects(self.scene, step).unwrap_or_default();
                let what = step.describe(self.scene);
                self.missing(Some(node.id), &what, &effects.pre, &effects.pre_not, before);
                // Go on as if it had been proved, so that later faults are told as well.
                let before = before.after(&effects.pre, &effects.pre_not);
                Outcome { ok: Some(effects.success(&before)), fail: Some(effects.failure(&before)) }
            }
        }
    }

    fn sequence(&mut self, at: usize, before: &State) -> Outcome {
        let (mut ok, mut fail) = (Some(*before), None);
        for child in children(self.nodes, at) {
            let Some(state) = ok else { break };
            let outcome = self.run(child, &state);
            ok = outcome.ok;
            fail = either(fail, outcome.fail);
        }
        Outcome { ok, fail }
    }

    fn fallback(&mut self, at: usize, before: &State) -> Outcome {
        let (mut ok, mut fail) = (None, Some(*before));
        for child in children(self.nodes, at) {
            let Some(state) = fail else { break };
            let outcome = self.run(child, &state);
            fail = outcome.fail;
            ok = either(ok, outcome.ok);
        }
        Outcome { ok, fail }
    }

    /// Conditions are looked at again while the long child runs: its success must not make them fail.
    fn reactive(&mut self, at: usize, node: &Node, before: &State) -> Outcome {
        let parts: Vec<Changes> = children(self.nodes, at).map(|child| self.under(child)).collect();
        for (i, part) in parts.iter().enumerate() {
            let others = parts.iter().enumerate().filter(|(j, _)| *j != i);
            let looked_at = others.fold(FactSet::default(), |set, (_, other)| set.union(&other.reads));
            let spoilt = looked_at.intersection(&part.add.union(&part.del));
            self.interferes(node.id, "what runs changes what is looked at meanwhile", &spoilt);
        }
        let outcome = self.sequence(at, before);
        Outcome { ok: outcome.ok, fail: self.broken_off(at, before, outcome.fail) }
    }

    /// Children at the same time must not touch what others touch or look at, and one of them has the arm.
    fn parallel(&mut self, at: usize, node: &Node, before: &State) -> Outcome {
        let places: Vec<usize> = children(self.nodes, at).collect();
        let parts: Vec<Changes> = places.iter().map(|child| self.under(*child)).collect();
        if parts.iter().filter(|part| part.moves).count() > 1 {
            let fix = "let one of them move the arm";
            self.faults.add(Some(node.id), ErrorKind::Interferes, "two children move the arm at once", fix);
        }
        for (i, part) in parts.iter().enumerate() {
            let others = parts.iter().enumerate().filter(|(j, _)| *j != i);
            let theirs = others.fold(FactSet::default(), |set, (_, o)| set.union(&o.reads).union(&o.touched));
            self.interferes(node.id, "children at the same time meet", &part.touched.intersection(&theirs));
        }
        let (mut ok, mut fails) = (Some(*before), false);
        for (child, part) in places.into_iter().zip(&parts) {
            let outcome = self.run(child, before);
            fails |= outcome.fail.is_some();
            ok = ok.zip(outcome.ok).map(|(all, own)| all.with_part(&own, &part.touched));
        }
        Outcome { ok, fail: if fails { self.broken_off(at, before, None) } else { None } }
    }

    fn retry(&mut self, at: usize, times: u8, before: &State) -> Outcome {
        let (mut ok, mut entry) = (None, *before);
        for _ in 0..times {
            let outcome = self.run(at + 1, &entry);
            ok = either(ok, outcome.ok);
            match outcome.fail {
                None => return Outcome { ok, fail: None },
                Some(state) if state == entry => break,
                Some(state) => entry = state,
            }
        }
        Outcome { ok, fail: Some(entry) }
    }

    /// Failure in the middle: nothing is known about what anything inside may have touched.
    fn broken_off(&self, at: usize, before: &State, fail: Option<State>) -> Option<State> {
        either(fail, Some(before.forget(&self.under(at).touched)))
    }

    /// Changes of a node and all below it.
    fn under(&self, at: usize) -> Changes {
        let end = self.nodes.get(at).map_or(0, |node| usize::from(node.end));
        let mut all = Changes::default();
        self.changes.get(at..end).unwrap_or_default().iter().for_each(|changes| all.join(changes));
        all
    }

    fn maintained(&mut self, at: usize, node: &Node, before: &State) {
        for maintain in &node.maintain {
            let Maintain::Fact { literal, until } = maintain else { continue };
            let one: FactSet = [literal.fact].into_iter().collect();
            let none = FactSet::default();
            let (holds, fails) = if literal.holds { (one, none) } else { (none, one) };
            self.missing(Some(node.id), "to be maintained", &holds, &fails, before);
            let under = self.under(at);
            let against = if literal.holds { under.del } else { under.add };
            if *until == Until::End {
                self.interferes(node.id, "it undoes what it is to maintain", &against.intersection(&one));
            }
        }
    }

    fn interferes(&mut self, node: u16, what: &str, facts: &FactSet) {
        if !facts.is_empty() {
            let named = self.scene.names(facts);
            let what = format!("{what}: {}", named.join(", "));
            self.faults.add(Some(node), ErrorKind::Interferes, what, "do one after the other");
        }
    }

    /// Reports what is not known to hold, or not known to fail.
    fn missing(&mut self, node: Option<u16>, what: &str, holds: &FactSet, fails: &FactSet, state: &State) {
        let mut lacking: Vec<Literal> =
            holds.minus(state.holds()).iter().map(|fact| Literal { fact, holds: true }).collect();
        lacking.extend(fails.minus(state.fails()).iter().map(|fact| Literal { fact, holds: false }));
        if lacking.is_empty() {
            return;
        }
        let names: Vec<_> = lacking.iter().map(|literal| self.scene.literal_name(*literal)).collect();
        let fixes: Vec<_> = lacking.iter().map(|literal| self.remedy(*literal)).collect();
        let what = format!("{what}: not proved {}", names.join(", "));
        self.faults.push(PlanError::new(node, ErrorKind::NotProved, what, fixes.join("; ")).missing(names));
    }

    /// How a fact can be brought about.
    fn remedy(&self, literal: Literal) -> String {
        let name = self.scene.literal_name(literal);
        let fact = self.scene.fact(literal.fact);
        let thing = |i: usize| {
            let id = fact.and_then(|fact| fact.of.get(i).copied().flatten());
            id.map_or("", |id| self.scene.object_name(id))
        };
        let (a, b) = (thing(0), thing(1));
        match fact.map(|fact| fact.predicate) {
            Some(Predicate::On | Predicate::In) if literal.holds => format!("before it, place {a} to {b}"),
            Some(Predicate::Holding) if literal.holds => format!("before it, grasp {a}"),
            Some(Predicate::HandEmpty) if literal.holds => "before it, place what is held".to_string(),
            Some(Predicate::Open) if literal.holds => format!("before it, pull {a}"),
            Some(Predicate::Closed | Predicate::Pressed) if literal.holds => format!("before it, push {a}"),
            Some(Predicate::Clear) if literal.holds => format!("before it, take away what stands on {a}"),
            Some(Predicate::Visible) if literal.holds => format!("before it, look for {a}"),
            Some(Predicate::At) if literal.holds => format!("before it, reach {a}"),
            _ => format!("before it, put the condition {name}"),
        }
    }
}

/// What is known if one of two ways was taken.
fn either(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.meet(&b)),
        (a, b) => a.or(b),
    }
}
