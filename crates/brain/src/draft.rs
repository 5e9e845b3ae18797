//! From a sentence and a scene to a program that the executor may run: planner, validator, compiler.

use neuraxis_cortex::{PlanRequest, Planner};
use neuraxis_executor::Program;
use neuraxis_plan::{Limits, Plan, Scene, Validator};

use crate::BrainError;

/// A proved plan, ready to run.
#[derive(Clone, Debug)]
pub struct Draft {
    /// As it was proved.
    pub plan: Plan,
    /// As it runs.
    pub program: Box<Program>,
    /// Whose plan it is.
    pub source: &'static str,
    /// The epoch that it was asked for in.
    pub epoch: u32,
}

/// Asks a planner, and lets nothing pass that is not proved. Allocates and may take long: in a thread of its own.
pub struct Drafter {
    planner: Box<dyn Planner>,
    limits: Limits,
}

impl Drafter {
    /// Plans by `planner`, within the usual limits.
    pub fn new(planner: Box<dyn Planner>) -> Self {
        Self { planner, limits: Limits::default() }
    }

    /// A program for a sentence, proved from the scene's present facts.
    pub fn draft(&mut self, instruction: &str, scene: &Scene, epoch: u32) -> Result<Draft, BrainError> {
        let proposal = self.planner.plan(&PlanRequest { instruction, scene, epoch })?;
        let source = proposal.source;
        let plan = Validator::new(scene, &self.limits)
            .check(&proposal.plan)
            .map_err(|errors| BrainError::Refused { planner: source, errors })?;
        let program = Program::compile(&plan, scene)?;
        Ok(Draft { plan, program, source, epoch: proposal.epoch })
    }
}
