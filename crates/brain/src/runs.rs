//! From the executor's events to what memory keeps: runs of leaves, and monitors that tripped.

use std::collections::BTreeMap;

use neuraxis_core::Nanos;
use neuraxis_executor::{Event, Reason, What};
use neuraxis_hippocampus::{Anomaly, Leaf, Stamp};
use neuraxis_plan::{FactSet, NodeKind, Plan, Scene, Step, Truth};

use crate::signature::signature;

/// Level under which a failure is noted that no rung was left for: it goes up the tree, to the next branch.
const BRANCH: u8 = 3;
/// And of one that ended the plan.
const PERSON: u8 = 6;
/// From this level on somebody is asked, who may have no answer; then the next is.
const ASKS: u8 = 4;

/// What a plan is about, and what of it is known now.
#[derive(Copy, Clone)]
pub(crate) struct About<'a> {
    pub(crate) plan: &'a Plan,
    /// With the facts of the last look.
    pub(crate) scene: &'a Scene,
}

/// Something to write down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Noted {
    /// A leaf has ended.
    Leaf(Leaf),
    /// A monitor has tripped, and this was done.
    Anomaly(Anomaly),
    /// A leaf succeeded: its node.
    Worked(u16),
    /// A leaf failed: its node, its failure, and the level of recovery that it led to.
    Failed(u16, String, u8),
}

/// Leaves of one plan that have begun, or failed, and are not written down yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    open: BTreeMap<u16, Run>,
    failed: BTreeMap<u16, Trip>,
    /// What was said last of a node: its parent repeats it.
    told: BTreeMap<u16, Reason>,
    last: Option<u16>,
}

#[derive(Clone, Debug)]
struct Run {
    started: Nanos,
    scores: Vec<(String, f64)>,
}

#[derive(Clone, Debug)]
struct Trip {
    reason: Reason,
    at: Nanos,
    run: Option<Run>,
    /// What somebody is asked for about it: 4 or 5; 0 before.
    level: u8,
}

impl Runs {
    /// The leaf that ran last.
    pub(crate) fn last(&self) -> Option<u16> {
        self.last
    }

    /// Hears an event; a failure is written down when it is known what was done about it.
    pub(crate) fn hear(&mut self, event: &Event, about: About<'_>, stamp: impl Fn(Nanos) -> Stamp) -> Vec<Noted> {
        let node = event.node;
        if event.what == What::Ended {
            return self.close(PERSON, about, &stamp);
        }
        let Some((step, _)) = leaf(about.plan, node) else { return Vec::new() };
        match event.what {
            What::Started => {
                self.open.insert(node, Run { started: event.at, scores: Vec::new() });
                self.told.remove(&node);
                self.last = Some(node);
                Vec::new()
            }
            What::Peak(channel) => {
                let scores = self.open.get_mut(&node).map(|run| &mut run.scores);
                scores.into_iter().for_each(|scores| scores.push((channel.name().into(), event.value)));
                Vec::new()
            }
            // That nobody had an answer is no failure of the leaf.
            What::Failed if event.reason == Some(Reason::NoAnswer) => Vec::new(),
            What::Failed => match event.reason {
                Some(_) if self.failed.contains_key(&node) => self.settle(node, BRANCH, about, &stamp),
                Some(reason) if self.open.contains_key(&node) || self.told.get(&node) != Some(&reason) => {
                    let run = self.open.remove(&node);
                    self.failed.insert(node, Trip { reason, at: event.at, run, level: 0 });
                    Vec::new()
                }
                _ => Vec::new(),
            },
            What::Recovering(level @ ASKS..) => {
                self.failed.entry(node).and_modify(|trip| trip.level = level);
                Vec::new()
            }
            What::Recovering(level) => self.settle(node, level, about, &stamp),
            What::Succeeded => {
                let mut noted = Vec::new();
                // It was observed, whatever the skill had said.
                let (run, at) = match self.failed.remove(&node) {
                    Some(trip) => {
                        noted.extend(anomaly(node, &trip, 0, about, &stamp).map(Noted::Anomaly));
                        (trip.run, trip.at)
                    }
                    None => (self.open.remove(&node), event.at),
                };
                let observed = if post(node, about).is_empty() { Truth::Unknown } else { Truth::True };
                if let Some(run) = run {
                    noted.push(Noted::Leaf(record(node, step, run, at, observed, None, about.scene)));
                    noted.push(Noted::Worked(node));
                }
                noted
            }
            _ => Vec::new(),
        }
    }

    /// The plan is over, or another one takes its place: what has failed led to what was asked for last, at least to `level`.
    pub(crate) fn close(&mut self, level: u8, about: About<'_>, stamp: impl Fn(Nanos) -> Stamp) -> Vec<Noted> {
        self.open.clear();
        let nodes: Vec<u16> = self.failed.keys().copied().collect();
        nodes.into_iter().flat_map(|node| self.settle(node, level, about, &stamp)).collect()
    }

    fn settle(&mut self, node: u16, level: u8, about: About<'_>, stamp: impl Fn(Nanos) -> Stamp) -> Vec<Noted> {
        let Some((trip, (step, _))) = self.failed.remove(&node).zip(leaf(about.plan, node)) else { return Vec::new() };
        self.told.insert(node, trip.reason);
        let level = level.max(trip.level);
        let failure = signature(&trip.reason, node, about.plan, about.scene);
        let mut noted: Vec<_> = anomaly(node, &trip, level, about, stamp).map(Noted::Anomaly).into_iter().collect();
        if let Some(run) = trip.run {
            let observed = match trip.reason {
                Reason::Post(_, Truth::False) => Truth::False,
                _ => seen(&post(node, about), about.scene),
            };
            let record = record(node, step, run, trip.at, observed, Some(failure.clone()), about.scene);
            noted.push(Noted::Leaf(record));
        }
        noted.push(Noted::Failed(node, failure, level));
        noted
    }
}

/// The step that a node does, and the node's time limit; `None` if it does none.
fn leaf(plan: &Plan, node: u16) -> Option<(&Step, Option<f64>)> {
    let node = plan.nodes().iter().find(|of| of.id == node)?;
    match &node.kind {
        NodeKind::Skill(step) => Some((step, node.timeout_secs)),
        _ => None,
    }
}

fn post(node: u16, about: About<'_>) -> FactSet {
    about.plan.nodes().iter().find(|of| of.id == node).map_or_else(FactSet::default, |node| node.post)
}

/// Whether all of these are seen to hold, or one is seen not to.
pub(crate) fn seen(facts: &FactSet, scene: &Scene) -> Truth {
    let state = scene.state();
    if facts.is_empty() {
        Truth::Unknown
    } else if facts.is_subset(state.holds()) {
        Truth::True
    } else if facts.intersection(state.fails()).is_empty() {
        Truth::Unknown
    } else {
        Truth::False
    }
}

fn record(
    node: u16,
    step: &Step,
    run: Run,
    at: Nanos,
    observed: Truth,
    failure: Option<String>,
    scene: &Scene,
) -> Leaf {
    let numbers = step.skill.numbers().iter().zip(step.numbers);
    Leaf {
        node,
        skill: step.skill.name().into(),
        class: step.object.and_then(|object| scene.class(object)),
        observed,
        failure,
        secs: at.secs_since(run.started).max(0.0),
        parameters: numbers.map(|(argument, value)| (argument.key.into(), value)).collect(),
        scores: run.scores.into_iter().filter(|(_, score)| score.is_finite()).collect(),
    }
}

/// What tripped, if it is a monitor. Events carry no scores: a test counts as just at its threshold, what knows only yes
/// and no as one over none.
fn anomaly(node: u16, trip: &Trip, level: u8, about: About<'_>, stamp: impl Fn(Nanos) -> Stamp) -> Option<Anomaly> {
    let of = about.plan.nodes().iter().find(|of| of.id == node)?;
    let (score, threshold) = match trip.reason {
        Reason::Guard(i) => of.guards.get(usize::from(i)).map_or((1.0, 0.0), |test| (test.val, test.val)),
        Reason::Timeout => {
            let secs = trip.run.as_ref().map_or(0.0, |run| trip.at.secs_since(run.started).max(0.0));
            (secs, of.timeout_secs.unwrap_or(secs))
        }
        Reason::Channel(_) => (1.0, 1.0),
        Reason::Budget(_) | Reason::NoAnswer | Reason::Human | Reason::Stopped => return None,
        _ => (1.0, 0.0),
    };
    let monitor = signature(&trip.reason, node, about.plan, about.scene);
    Some(Anomaly { at: stamp(trip.at), node, monitor, level, score, threshold })
}
