//! The plan of most tests: two blocks change places, grasp, place three times; and how a test follows it.
#![allow(dead_code)]

use neuraxis_core::Nanos;
use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
use neuraxis_executor::{ExecutorConfig, Reason, Thresholds, What};
use neuraxis_plan::{Limits, Plan, Scene, Skill, Validator};

use crate::{ten_tasks::TASKS, world::Bench};

pub fn scene() -> Scene {
    TASKS[4].scene()
}

pub fn planned(scene: &Scene) -> Plan {
    let request = PlanRequest { instruction: TASKS[4].say[0], scene, epoch: 0 };
    let proposal = SymbolicPlanner.plan(&request).unwrap();
    Validator::new(scene, &Limits::default()).check(&proposal.plan).unwrap()
}

pub fn begun(config: ExecutorConfig) -> (Bench, Plan) {
    let (scene, mut bench) = (scene(), Bench::new(&scene(), config, Thresholds::default()));
    let plan = planned(&scene);
    bench.begin(&plan);
    (bench, plan)
}

pub fn levels(bench: &Bench) -> Vec<u8> {
    let level = |what: &What| if let What::Recovering(level) = what { Some(*level) } else { None };
    bench.log.iter().filter_map(|event| level(&event.what)).collect()
}

pub fn reasons(bench: &Bench) -> Vec<Reason> {
    bench.log.iter().filter(|event| event.what == What::Failed).filter_map(|event| event.reason).collect()
}

/// Ticks until a skill has been started so often.
pub fn until_started(bench: &mut Bench, skill: Skill, starts: u32) {
    for _ in 0..4000 {
        if bench.world().starts[skill as usize] >= starts {
            return;
        }
        bench.tick();
    }
    panic!("{skill:?} was not started {starts} times");
}

/// When the newest failure was told, since `from` [s].
pub fn noticed_after(bench: &Bench, from: Nanos) -> f64 {
    bench.log.iter().rfind(|event| event.what == What::Failed).map_or(f64::NAN, |event| event.at.secs_since(from))
}

/// Ticks until the first failure, or for ten seconds.
pub fn until_failed(bench: &mut Bench) {
    for _ in 0..2000 {
        if !reasons(bench).is_empty() {
            return;
        }
        bench.tick();
    }
}
