//! Time of a tick of the executor: whole plans in the scripted world, and the worst plan that is accepted.
//!
//! Budget: under 20 us a tick. No peer publishes this figure for the same work. The world's own work (its skills, its
//! facts) is in the time. Run: `cargo run --release -p neuraxis-executor --example tick_time`.

#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
#[path = "../tests/world/mod.rs"]
mod world;

use std::time::Instant;

use neuraxis_executor::{ExecutorConfig, Outcome, Program, Thresholds};
use neuraxis_plan::{Plan, Scene, Skill};
use serde_json::{Value, json};
use ten_tasks::TASKS;
use world::{Bench, Fault, checked};

fn main() {
    let scene = TASKS[9].scene();
    let longest = checked(&scene, include_str!("../../plan/tests/plans/clear_the_table.json"));
    measure("the longest of the ten tasks, each skill failing once", &scene, &longest, ExecutorConfig::default());
    let every = checked(&TASKS[0].scene(), include_str!("../../plan/tests/plans/every_kind.json"));
    let ahead = ExecutorConfig { foresight_secs: 0.5, ..ExecutorConfig::default() };
    measure("every kind of node, looking ahead", &TASKS[0].scene(), &every, ahead);
    let worst = checked(&scene, &worst().to_string());
    measure("as many operations at once as are accepted", &scene, &worst, ExecutorConfig::default());
    measure("the same, looking ahead", &scene, &worst, ahead);

    let begin = Instant::now();
    for _ in 0..100 {
        std::hint::black_box(Program::compile(&longest, &scene).is_ok());
    }
    println!("compiling the longest, outside the loop: {:.0} us", begin.elapsed().as_secs_f64() * 1e4);
}

/// Tests of nearly as many operations as may be looked at in one tick, over one skill.
fn worst() -> Value {
    let expr = (0..10).fold(json!(["z", "ee"]), |inner, _| {
        json!(["max", inner, ["dist", "ee", ["offset", "red_block", [0, 0, 0.1]]], ["abs", ["sub", ["z", "ee"], 1]]])
    });
    let test = json!({"expr": expr, "op": "<", "val": 9.0, "unit": "m", "n": 32, "m": 32});
    let many = |count: usize| vec![test.clone(); count];
    let mut guards = many(3);
    guards.push(json!({"expr": ["force", "norm"], "op": "<", "val": 30, "unit": "N", "n": 2, "m": 3}));
    json!({"goal": ["holding(red_block)"], "nodes": [
        {"id": 0, "parent": null, "kind": "sequence", "guards": many(3), "maintain": many(3)},
        {"id": 1, "parent": 0, "kind": "skill", "skill": "grasp",
         "args": {"obj": "red_block", "from": "table"}, "post": ["holding(red_block)"], "timeout_s": 30, "guards": guards,
         "on_fail": [{"level": 2, "do": "retry", "max": 2}]}]})
}

fn measure(name: &str, scene: &Scene, plan: &Plan, config: ExecutorConfig) {
    let mut times = Vec::new();
    while times.len() < 100_000 {
        let mut bench = Bench::new(scene, config, Thresholds::default());
        let cues = Skill::ALL.map(|skill| (skill, 0, Fault::Fails));
        bench.world().cues.extend(cues);
        bench.begin(plan);
        loop {
            let begin = Instant::now();
            let tick = bench.tick_and(false);
            times.push(begin.elapsed().as_nanos() as u64);
            if tick.outcome != Outcome::Running {
                break;
            }
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 * 1e-3;
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
    println!("{name}: p50 {p50:.2} us, p99 {p99:.2}, p99.9 {p999:.2}, max {max:.2} ({} ticks)", times.len());
}
