//! What every planner does.

use neuraxis_plan::{RawPlan, Scene};

use crate::CortexError;

/// What is asked of a planner.
#[derive(Copy, Clone, Debug)]
pub struct PlanRequest<'a> {
    /// The sentence.
    pub instruction: &'a str,
    /// What is there and what is known.
    pub scene: &'a Scene,
    /// Number of the task instance; the proposal carries it, and a late one is dropped by it.
    pub epoch: u32,
}

/// A plan that nobody has checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Of the request.
    pub epoch: u32,
    /// The plan as it was sent.
    pub plan: RawPlan,
    /// Who proposes it.
    pub source: &'static str,
}

/// A source of plans. May allocate and take long; runs in its own thread.
pub trait Planner: Send {
    /// A plan for the request.
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError>;

    /// A plan that goes on from the request's scene, for a sentence that was said in another: "swap" means where things
    /// lay then. Things and facts have the same numbers in both.
    fn plan_on(&mut self, request: &PlanRequest, _said_in: &Scene) -> Result<Proposal, CortexError> {
        self.plan(request)
    }
}
