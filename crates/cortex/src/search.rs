//! Forward search over the steps of a scene: A* with the relaxed plan as estimate (Hart, Nilsson and Raphael 1968).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use neuraxis_plan::{Class, Effects, FactSet, Scene, Skill, State, Step, steps};

use crate::{
    CortexError,
    relaxed::{Hindrance, Relaxed},
};

/// States that are looked at before giving up.
pub const MOST_EXPANDED: usize = 20_000;
/// Facts of a circle that an error names.
const MOST_NAMED: usize = 6;

/// A way to a goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Steps in order.
    pub steps: Vec<(Step, Effects)>,
    /// What is known after them.
    pub end: State,
    /// States that were looked at.
    pub expanded: usize,
}

/// Steps from what is known to a goal. The estimate may exceed the true cost, so that the way found is short, and not
/// always the shortest. Deterministic: ties go to the state that was found first.
pub fn search(scene: &Scene, start: &State, goal: &FactSet) -> Result<Found, CortexError> {
    let actions = relevant(scene, goal);
    let mut relaxed = Relaxed::new(actions.iter().map(|(step, effects)| (effects, cost(scene, step))));
    let no_way = |why: String| CortexError::NoWay { goals: scene.names(goal), why };

    let Some(estimate) = relaxed.estimate(start, goal) else {
        return Err(no_way(in_the_way(scene, start, goal, &mut relaxed)));
    };
    let mut nodes = vec![Visited { state: *start, cost: 0, from: None }];
    let mut best = HashMap::from([(*start, 0)]);
    let mut open = BinaryHeap::from([Reverse((estimate, estimate, 0))]);
    let mut expanded = 0;
    while let Some(Reverse((_, _, at))) = open.pop() {
        let Some(node) = nodes.get(at).cloned() else { continue };
        if goal.is_subset(node.state.holds()) {
            return Ok(Found { steps: way(&nodes, at, &actions), end: node.state, expanded });
        }
        if best.get(&node.state).is_some_and(|known| *known < node.cost) {
            continue;
        }
        expanded += 1;
        if expanded > MOST_EXPANDED {
            return Err(no_way(format!("given up after {MOST_EXPANDED} states")));
        }
        for (i, (step, effects)) in actions.iter().enumerate().filter(|(_, (_, e))| e.ready(&node.state)) {
            let state = effects.success(&node.state);
            let reached = node.cost + cost(scene, step);
            if best.get(&state).is_some_and(|known| *known <= reached) {
                continue;
            }
            // Where the relaxed problem has no solution, neither has the real one.
            let Some(estimate) = relaxed.estimate(&state, goal) else { continue };
            best.insert(state, reached);
            open.push(Reverse((reached + estimate, estimate, nodes.len())));
            nodes.push(Visited { state, cost: reached, from: Some((at, i)) });
        }
    }
    Err(no_way("every way ends before it".into()))
}

#[derive(Clone)]
struct Visited {
    state: State,
    cost: u32,
    /// The state before, and the action from there.
    from: Option<(usize, usize)>,
}

fn way(nodes: &[Visited], end: usize, actions: &[(Step, Effects)]) -> Vec<(Step, Effects)> {
    let back = std::iter::successors(nodes.get(end), |node| nodes.get(node.from?.0));
    let taken = back.filter_map(|node| actions.get(node.from?.1).cloned());
    let mut steps: Vec<_> = taken.collect();
    steps.reverse();
    steps
}

/// Steps that can contribute to a goal, directly or not.
fn relevant(scene: &Scene, goal: &FactSet) -> Vec<(Step, Effects)> {
    let all = steps(scene);
    let (mut wanted, mut count) = (*goal, 0);
    while wanted.len() > count {
        count = wanted.len();
        for (_, effects) in &all {
            if !effects.add.intersection(&wanted).is_empty() {
                wanted = wanted.union(&effects.pre);
            }
        }
    }
    all.into_iter().filter(|(_, effects)| !effects.add.intersection(&wanted).is_empty()).collect()
}

/// In tenths of a usual motion. What has to go aside goes to the table rather than onto something else.
fn cost(scene: &Scene, step: &Step) -> u32 {
    match (step.skill, step.place.and_then(|place| scene.class(place))) {
        (Skill::Look, _) => 4,
        (Skill::Place, Some(Class::Table)) => 10,
        (Skill::Place, Some(Class::Block)) => 12,
        (Skill::Place, _) => 11,
        _ => 10,
    }
}

fn in_the_way(scene: &Scene, start: &State, goal: &FactSet, relaxed: &mut Relaxed) -> String {
    let name = |(fact, holds): &(_, bool)| format!("{}{}", if *holds { "" } else { "not " }, scene.name(*fact));
    let lacking = match relaxed.out_of_reach(start, goal) {
        Hindrance::Lacking(lacking) => lacking,
        Hindrance::Circle(facts) => {
            let mut names: Vec<String> = facts.iter().take(MOST_NAMED).map(name).collect();
            names.extend((facts.len() > MOST_NAMED).then(|| format!("{} more", facts.len() - MOST_NAMED)));
            return format!("each of these needs another of them first: {}", names.join(", "));
        }
    };
    let (unknown, false_ones): (Vec<_>, Vec<_>) =
        lacking.iter().partition(|(fact, _)| start.truth(*fact) == neuraxis_plan::Truth::Unknown);
    let list = |which: &[&(_, bool)]| which.iter().map(|l| name(l)).collect::<Vec<_>>().join(", ");
    match (unknown.is_empty(), false_ones.is_empty()) {
        (false, true) => format!("it is not known whether {}", list(&unknown)),
        (true, _) => format!("nothing brings about {}", list(&false_ones)),
        (false, false) => {
            format!("it is not known whether {}, and nothing brings about {}", list(&unknown), list(&false_ones))
        }
    }
}
