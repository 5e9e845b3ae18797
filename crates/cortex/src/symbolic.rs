//! The planner that needs no language model.

use neuraxis_plan::Scene;

use crate::{CortexError, PlanRequest, Planner, Proposal, read_goals, search::search, tree::tree};

/// Goals by grammar, steps by search. No state: the same request gives the same plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct SymbolicPlanner;

impl Planner for SymbolicPlanner {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        self.plan_on(request, request.scene)
    }

    fn plan_on(&mut self, request: &PlanRequest, said_in: &Scene) -> Result<Proposal, CortexError> {
        let scene = request.scene;
        let goals = read_goals(request.instruction, said_in)?;
        let (mut state, mut steps) = (*scene.state(), Vec::new());
        for goal in &goals.stages {
            let found = search(scene, &state, goal)?;
            state = found.end;
            steps.extend(found.steps);
        }
        let goal = goals.stages.last().copied().unwrap_or_default();
        let plan = tree(scene, &steps, &goal, request.instruction)?;
        Ok(Proposal { epoch: request.epoch, plan, source: "symbolic" })
    }
}
