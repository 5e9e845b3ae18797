//! One planner, and another for when it has nothing.

use neuraxis_plan::Scene;

use crate::{CortexError, PlanRequest, Planner, Proposal};

/// Asks the first planner, and the second where the first fails: a model, then the symbolic planner. Which one it was says
/// [`Proposal::source`]; why it was not the first, [`Fallback::why_second`]. What is cancelled is not asked again.
#[derive(Clone, Debug)]
pub struct Fallback<A, B> {
    first: A,
    second: B,
    why_second: Option<CortexError>,
}

impl<A: Planner, B: Planner> Fallback<A, B> {
    /// Of two planners.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second, why_second: None }
    }

    /// The preferred one.
    pub fn first(&mut self) -> &mut A {
        &mut self.first
    }

    /// The other.
    pub fn second(&mut self) -> &mut B {
        &mut self.second
    }

    /// Why the last request was not answered by the first; `None`: it was.
    pub fn why_second(&self) -> Option<&CortexError> {
        self.why_second.as_ref()
    }
}

impl<A: Planner, B: Planner> Planner for Fallback<A, B> {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        self.plan_on(request, request.scene)
    }

    fn plan_on(&mut self, request: &PlanRequest, said_in: &Scene) -> Result<Proposal, CortexError> {
        self.why_second = None;
        let first = match self.first.plan_on(request, said_in) {
            Err(error) if !error.is_cancelled() => error,
            result => return result,
        };
        self.why_second = Some(first.clone());
        let second = self.second.plan_on(request, said_in);
        second.map_err(|second| CortexError::Neither { first: first.into(), second: second.into() })
    }
}
