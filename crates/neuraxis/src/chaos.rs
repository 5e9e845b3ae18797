//! `neuraxis chaos`: the fault matrix over the simulated arm.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, Result, bail};
use neuraxis_core::{ArmCommand, ArmState};
use neuraxis_faults::{Cell, CellResult, CountingAllocator, Matrix, MatrixReport, Plant, Source};
use neuraxis_sim::{Setup, SimConfig, Spec};

use crate::config::Config;

/// Its buttons lie flat on the table, out of the arm's way.
const TASK: &str = "push_buttons";

/// What to run.
pub struct ChaosPlan {
    /// Rows of the matrix.
    pub sources: Vec<Source>,
    /// Of the scene and of every random delay.
    pub seed: u64,
}

/// MuJoCo's arm under the rig's clock.
struct SimulatedArm(neuraxis_sim::Plant);

impl Plant for SimulatedArm {
    fn state(&self) -> ArmState {
        self.0.state()
    }
    fn step(&mut self, command: &ArmCommand) {
        self.0.step(command);
    }
}

/// Runs the matrix; `done` is told each cell.
pub fn run(config: &Config, plan: &ChaosPlan, mut done: impl FnMut(Cell)) -> Result<MatrixReport> {
    let robot = Arc::new(config.load_robot()?);
    let sim = SimConfig { assets: config.root.clone(), ..SimConfig::default() };
    let spec = Spec { task: TASK.into(), seed: plan.seed, variation: None };
    let setup = Setup::new(&spec, &sim).with_context(|| format!("task {TASK}, seed {}", plan.seed))?;
    let arm = || neuraxis_sim::Plant::new(&setup).map(SimulatedArm).map_err(|error| error.to_string());
    let (body, mind) = (config.brainstem.clone(), config.cerebellum.clone());
    let matrix = Matrix::new(robot, body, mind, &arm, CountingAllocator::calls, plan.seed);
    let cells = Cell::all().filter(|cell| plan.sources.contains(&cell.source));
    let run = |cell| {
        done(cell);
        matrix.run_cell(cell)
    };
    Ok(MatrixReport { cells: cells.map(run).collect() })
}

/// The grid, the failures, and what cannot apply.
pub fn print(report: &MatrixReport) {
    put!("{}", report.grid());
    let [ok, failed, not] =
        [CellResult::Ok, CellResult::Failed, CellResult::NotApplicable].map(|result| report.count(result));
    say!("\n{} cells apply: {ok} ok, {failed} failed; {not} cannot apply:", ok + failed);
    let reasons: BTreeSet<&str> =
        report.cells.iter().filter(|c| c.result == CellResult::NotApplicable).map(|c| c.why.as_str()).collect();
    for reason in reasons {
        let cells = report.cells.iter().filter(|cell| cell.why == reason);
        let names: Vec<String> = cells.map(|c| Cell { source: c.source, fault: c.fault }.to_string()).collect();
        say!("  {reason}: {}", names.join(" "));
    }
    for cell in report.cells.iter().filter(|cell| cell.result == CellResult::Failed) {
        say!("failed      {}: {}", Cell { source: cell.source, fault: cell.fault }, cell.why);
    }
}

/// `state,command` or `all`.
pub fn sources(text: &str) -> Result<Vec<Source>> {
    if text == "all" {
        return Ok(Source::ALL.to_vec());
    }
    text.split(',')
        .map(|name| match Source::ALL.iter().find(|source| source.name() == name) {
            Some(source) => Ok(*source),
            None => {
                let known: Vec<&str> = Source::ALL.iter().map(|source| source.name()).collect();
                bail!("--only {name:?}; known: all, {}", known.join(", "))
            }
        })
        .collect()
}
