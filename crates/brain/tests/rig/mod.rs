//! Episodes as a program would run them: the executor's small world, and a memory with the hippocampus' test encoder.
#![allow(dead_code, unused_imports)]

#[path = "../../../hippocampus/tests/rig/mod.rs"]
mod memory;
#[path = "../../../executor/tests/world/mod.rs"]
mod world;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

pub use memory::{at, change, open, scene, workbench};
use neuraxis_brain::{Drafter, FailedLeaf, Origin, Scribe};
use neuraxis_cortex::{CortexError, PlanRequest, Planner, Proposal, SymbolicPlanner};
use neuraxis_executor::{Answer, Ask, Event, Events, ExecutorConfig, Outcome, Thresholds};
use neuraxis_hippocampus::{EpisodeId, Memory};
use neuraxis_plan::{RawPlan, Scene};
pub use world::{Bench, Fault};

pub const ON_PLATE: &str = "put the red block on the yellow plate";

/// Counts how often it is asked.
pub struct Counting<P>(pub P, pub Arc<AtomicU32>);

impl<P: Planner> Planner for Counting<P> {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.plan(request)
    }
}

/// Always the same plan.
pub struct Fixed(pub RawPlan);

impl Planner for Fixed {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        Ok(Proposal { epoch: request.epoch, plan: self.0.clone(), source: "file" })
    }
}

/// A drafter, and how often its planner was asked.
pub fn counting() -> (Drafter, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    (Drafter::new(Box::new(Counting(SymbolicPlanner, count.clone()))), count)
}

pub fn bench(scene: &Scene) -> Bench {
    Bench::new(scene, ExecutorConfig::default(), Thresholds::default())
}

/// The world's truth becomes that of this scene.
pub fn set(bench: &mut Bench, scene: &Scene) {
    bench.world().truth = *scene.state();
    bench.observed.state = *scene.state();
}

/// What the cameras show.
pub fn present(bench: &Bench) -> Scene {
    let mut scene = bench.world().scene.clone();
    scene.set_state(bench.observed.state).unwrap();
    scene
}

/// How an episode went.
pub struct Told {
    pub episode: EpisodeId,
    pub outcome: Outcome,
    /// Plans that were taken over.
    pub plans: Vec<(&'static str, Origin)>,
    /// Why there was no repair.
    pub no_repair: Vec<String>,
}

/// One episode from its first look to its commit.
pub fn run(memory: &mut Memory, drafter: &mut Drafter, bench: &mut Bench, sentence: &str, start_secs: i64) -> Told {
    let scene = present(bench);
    let mut scribe = Scribe::begin(memory, sentence, &scene, "fr3", at(start_secs), bench.now).unwrap();
    let draft = drafter.draft_remembering(memory, sentence, &scene, bench.executor.epoch()).unwrap();
    scribe.attempt(&draft, bench.now).unwrap();
    bench.begin(&draft.plan);
    let mut plans = vec![(draft.source, draft.origin)];
    let (mut plan, mut asked, mut heard, mut seen) = (draft.plan, None, bench.log.len(), bench.observed.stamp);
    let mut no_repair = Vec::new();
    let outcome = loop {
        let tick = bench.tick();
        if std::mem::replace(&mut seen, bench.observed.stamp) != bench.observed.stamp {
            scribe.look(&present(bench), bench.now).unwrap();
        }
        scribe.events(&bench.log[heard..]).unwrap();
        heard = bench.log.len();
        if let Some(request) = tick.request.filter(|request| asked != Some(request.id)) {
            asked = Some(request.id);
            let (scene, epoch) = (present(bench), bench.executor.epoch());
            let answer = match request.ask {
                Ask::Recall => {
                    let failed = FailedLeaf { plan: &plan, node: request.node, reason: request.reason };
                    let found = drafter.repair(memory.store(), &failed, scribe.tried(), &scene, epoch);
                    found.map_err(|why| no_repair.push(why.to_string())).ok()
                }
                Ask::Replan => drafter.draft_on(sentence, &scene, epoch).ok(),
            };
            if let Some(draft) = &answer {
                scribe.attempt(draft, bench.now).unwrap();
                plans.push((draft.source, draft.origin.clone()));
                plan = draft.plan.clone();
            }
            let answer = Answer { id: request.id, epoch, program: answer.map(|draft| draft.program) };
            let now = bench.now;
            bench.executor.answer(now, answer, &mut Events::new(&mut [Event::NONE; 64]));
        }
        if tick.outcome != Outcome::Running {
            break tick.outcome;
        }
    };
    let episode = scribe.end(memory, &outcome, &present(bench), bench.now).unwrap();
    Told { episode, outcome, plans, no_repair }
}
