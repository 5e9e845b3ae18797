//! Plans the ten long tasks and prints how long it took; `--write` stores the plans beside the validator's tests.
//!
//! Budget: 100 ms for a plan, 5 ms for its validation (issue 6). Peer: none, the budget is the measure.
//!
//! ```text
//! cargo run --release -p neuraxis-cortex --example ten_tasks
//! ```

#[path = "../tests/ten_tasks/mod.rs"]
mod ten_tasks;

use std::{path::Path, time::Instant};

use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner, read_goals, search};
use neuraxis_plan::{Limits, Validator};
use ten_tasks::TASKS;

const RUNS: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    println!(
        "{:<22} {:>6} {:>9} {:>10} {:>10} {:>12}",
        "task", "nodes", "expanded", "plan p50", "plan max", "validate max"
    );
    for task in &TASKS {
        let scene = task.scene();
        let (mut plans, mut checks, mut nodes) = (Vec::new(), Vec::new(), 0);
        for run in 0..RUNS {
            let instruction = task.say[run % task.say.len()];
            let started = Instant::now();
            let proposal = SymbolicPlanner.plan(&PlanRequest { instruction, scene: &scene, epoch: 0 })?;
            plans.push(started.elapsed().as_secs_f64() * 1e3);
            let text = serde_json::to_string(&proposal.plan)?;
            let started = Instant::now();
            nodes = Validator::new(&scene, &limits).read(&text)?.nodes().len();
            checks.push(started.elapsed().as_secs_f64() * 1e3);
            if run == 0 && std::env::args().any(|argument| argument == "--write") {
                let file =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plan/tests/plans/{}.json", task.name));
                std::fs::write(file, serde_json::to_string_pretty(&proposal.plan)? + "\n")?;
            }
        }
        let (mut state, mut expanded) = (*scene.state(), 0);
        for goal in &read_goals(task.say[0], &scene)?.stages {
            let found = search(&scene, &state, goal)?;
            (state, expanded) = (found.end, expanded + found.expanded);
        }
        plans.sort_by(f64::total_cmp);
        checks.sort_by(f64::total_cmp);
        let (p50, max, check, worst) = (plans[RUNS / 2], plans[RUNS - 1], checks[RUNS / 2], checks[RUNS - 1]);
        println!("{:<22} {nodes:>6} {expanded:>7} {p50:>11.2} {max:>8.2} {check:>14.3} {worst:>8.3}", task.name);
    }
    Ok(())
}
