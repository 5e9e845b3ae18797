//! Long-horizon tasks: from one sentence to several skills in a row, all at one workbench.
//!
//! A goal is a list of facts. The expert looks which is the first that does not hold and does the next thing for it,
//! again and again, so that it recovers from what goes wrong. Facts about buttons are events, and count in their place
//! in the list only.

mod bench;
mod facts;
mod skills;
mod table;

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use self::{
    bench::Bench,
    facts::{Fact, Facts},
    table::Roles,
};
use super::{Goal, Judge, Task, condition::HOLDS_SECS};
use crate::{SimError, perturb::Sizes, plant::WorldData};

pub(super) use self::table::{ENTRIES, Entry};

/// A scene and what is to be done in it.
pub(super) struct Chain {
    bench: Bench,
    goals: Vec<Goal>,
    /// Of each goal.
    facts: Vec<Vec<Fact>>,
}

impl Chain {
    pub(super) fn sample(entry: &Entry, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        let roles = Roles::draw(rng);
        let bench = Bench::sample(&(entry.start)(&roles), roles.blocks[0], variation, rng);
        let others = [roles.clone(), (entry.other)(&roles)];
        let goals = others.iter().enumerate().map(|(i, roles)| Goal {
            instruction: {
                let sentences = (entry.say)(&bench.words(roles));
                sentences[rng.random_range(0..sentences.len())].clone()
            },
            targets: vec![i],
        });
        let goals = goals.collect();
        Ok(Self { facts: others.iter().map(entry.facts).collect(), bench, goals })
    }
}

impl Task for Chain {
    fn bodies(&self, sizes: Sizes) -> String {
        self.bench.bodies(sizes)
    }

    fn sections(&self) -> String {
        self.bench.sections()
    }

    fn length(&self) -> f64 {
        5.0
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [which] = goal.targets[..] else { return Ok(Vec::new()) };
        let facts = Facts::new(world)?;
        let open = self.facts[which].iter().find(|fact| !facts.hold(fact, world));
        Ok(open.map_or_else(Vec::new, |fact| skills::next(fact, &facts, world)))
    }

    fn more(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        self.keyframes(goal, world)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let count = self.goals.len();
        Ok(Box::new(ChainJudge {
            facts: Facts::new(world)?,
            goals: self.facts.clone(),
            since: vec![None; count],
            met: vec![false; count],
            spoilt: vec![false; count],
        }))
    }
}

struct ChainJudge {
    facts: Facts,
    goals: Vec<Vec<Fact>>,
    since: Vec<Option<f64>>,
    met: Vec<bool>,
    /// A button was pressed before its turn.
    spoilt: Vec<bool>,
}

impl Judge for ChainJudge {
    fn step(&mut self, world: &mut WorldData, _gripper_width_m: f64) {
        let pressed = self.facts.press(world);
        let now = world.time_secs();
        for (i, goal) in self.goals.iter().enumerate() {
            if let Some(button) = pressed {
                let turn = goal.iter().position(|fact| *fact == Fact::Pressed(button));
                let ready = |before: &[Fact]| before.iter().all(|fact| self.facts.hold(fact, world));
                self.spoilt[i] |= !turn.is_some_and(|at| ready(&goal[..at]));
            }
            let holds = goal.iter().all(|fact| self.facts.hold(fact, world) && self.facts.is_released(fact, world));
            self.since[i] = if holds { Some(self.since[i].unwrap_or(now)) } else { None };
            self.met[i] = !self.spoilt[i] && self.since[i].is_some_and(|since| now - since >= HOLDS_SECS);
        }
    }

    fn success(&self, goal: &Goal) -> bool {
        goal.targets.iter().all(|goal| self.met[*goal])
    }

    fn failed(&self, goal: &Goal) -> bool {
        goal.targets.iter().any(|goal| self.spoilt[*goal])
    }
}
