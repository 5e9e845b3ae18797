//! How far a goal is away if nothing that was reached were ever lost (the relaxed plan of Hoffmann and Nebel 2001, FF).

use neuraxis_plan::{Effects, FactId, FactSet, MOST_FACTS, State, Truth};

/// An unreachable literal's cost.
const FAR: u32 = u32::MAX;
/// Literals: facts, then their contraries.
const LITERALS: usize = 2 * MOST_FACTS;

/// A step as the heuristic sees it.
struct Action {
    cost: u32,
    needs: Vec<usize>,
    gives: Vec<usize>,
}

/// What keeps a goal out of reach: facts, and contraries of facts.
#[derive(Debug, PartialEq)]
pub(crate) enum Hindrance {
    /// That are unknown, or that nothing brings about.
    Lacking(Vec<(FactId, bool)>),
    /// That could be brought about, but each only after another of them.
    Circle(Vec<(FactId, bool)>),
}

/// Costs of all literals from one state, and which action reaches each most cheaply.
pub(crate) struct Relaxed {
    actions: Vec<Action>,
    cost: Vec<u32>,
    by: Vec<Option<usize>>,
    used: Vec<bool>,
}

impl Relaxed {
    /// Of actions with their costs.
    pub(crate) fn new<'a>(actions: impl Iterator<Item = (&'a Effects, u32)> + Clone) -> Self {
        // Only contraries that some step needs are of interest.
        let asked = actions.clone().fold(FactSet::default(), |set, (effects, _)| set.union(&effects.pre_not));
        let actions: Vec<Action> = actions
            .map(|(effects, cost)| Action {
                cost,
                needs: effects.pre.iter().map(positive).chain(effects.pre_not.iter().map(negative)).collect(),
                gives: effects
                    .add
                    .iter()
                    .map(positive)
                    .chain(effects.del.intersection(&asked).iter().map(negative))
                    .collect(),
            })
            .collect();
        let used = vec![false; actions.len()];
        Self { actions, cost: vec![FAR; LITERALS], by: vec![None; LITERALS], used }
    }

    /// Cost of a relaxed plan from a state to a goal; `None`: there is none, so there is no plan at all.
    pub(crate) fn estimate(&mut self, state: &State, goal: &FactSet) -> Option<u32> {
        self.spread(state);
        self.used.fill(false);
        let mut open: Vec<usize> = goal.iter().map(positive).collect();
        let mut total = 0;
        while let Some(literal) = open.pop() {
            if self.cost_of(literal) == FAR {
                return None;
            }
            let Some(by) = self.by.get(literal).copied().flatten() else { continue };
            let (Some(action), Some(used)) = (self.actions.get(by), self.used.get_mut(by)) else { continue };
            if !std::mem::replace(used, true) {
                total += action.cost;
                open.extend(&action.needs);
            }
        }
        Some(total)
    }

    /// What keeps a goal out of reach: from the goal backwards as far as to what is unknown, or to what nothing brings
    /// about.
    pub(crate) fn out_of_reach(&mut self, state: &State, goal: &FactSet) -> Hindrance {
        self.spread(state);
        let mut open: Vec<usize> = goal.iter().map(positive).filter(|literal| self.cost_of(*literal) == FAR).collect();
        let mut seen = open.clone();
        let mut named = Vec::new();
        while let Some(at) = open.pop() {
            let givers = self.actions.iter().filter(|action| action.gives.contains(&at));
            let mut needs: Vec<usize> = givers.flat_map(|action| action.needs.iter().copied()).collect();
            needs.retain(|need| self.cost_of(*need) == FAR);
            let is_unknown = literal(at).is_some_and(|(fact, _)| state.truth(fact) == Truth::Unknown);
            if needs.is_empty() || (is_unknown && !goal.iter().any(|fact| positive(fact) == at)) {
                named.extend(literal(at));
                continue;
            }
            needs.retain(|need| !seen.contains(need));
            seen.extend(&needs);
            open.extend(needs);
        }
        let sorted = |mut literals: Vec<(FactId, bool)>| {
            literals.sort_unstable();
            literals.dedup();
            literals
        };
        match named.is_empty() {
            true => Hindrance::Circle(sorted(seen.into_iter().filter_map(literal).collect())),
            false => Hindrance::Lacking(sorted(named)),
        }
    }

    fn cost_of(&self, literal: usize) -> u32 {
        self.cost.get(literal).copied().unwrap_or(FAR)
    }

    /// The sum of the costs of what an action needs counts (the additive heuristic of Bonet and Geffner 2001).
    fn spread(&mut self, state: &State) {
        self.cost.fill(FAR);
        self.by.fill(None);
        let known = state.holds().iter().map(positive).chain(state.fails().iter().map(negative));
        for literal in known {
            self.cost.get_mut(literal).into_iter().for_each(|cost| *cost = 0);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for (i, action) in self.actions.iter().enumerate() {
                let costs = action.needs.iter().map(|need| self.cost.get(*need).copied().unwrap_or(FAR));
                let total = costs.fold(action.cost, u32::saturating_add);
                if total == FAR {
                    continue;
                }
                for given in &action.gives {
                    if let Some(cost) = self.cost.get_mut(*given).filter(|cost| total < **cost) {
                        *cost = total;
                        self.by.get_mut(*given).into_iter().for_each(|by| *by = Some(i));
                        changed = true;
                    }
                }
            }
        }
    }
}

fn positive(fact: FactId) -> usize {
    fact.index()
}

fn negative(fact: FactId) -> usize {
    fact.index() + MOST_FACTS
}

fn literal(number: usize) -> Option<(FactId, bool)> {
    FactId::new(number % MOST_FACTS).map(|fact| (fact, number < MOST_FACTS))
}
