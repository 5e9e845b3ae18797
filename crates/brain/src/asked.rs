//! Who makes plans, and how a vision-language model has served where one is asked.

use neuraxis_cortex::{
    CortexError, Fallback, PlanRequest, Planner, Proposal, SymbolicPlanner,
    vlm::{Cancel, Context, Monitor, VlmPlanner},
};
use neuraxis_plan::{Limits, Scene};

use crate::{BrainConfig, BrainError, PlannerKind, draft::Reach};

/// How a vision-language model has served so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUse {
    /// Calls made; looking at what its server can do is none.
    pub calls: u32,
    /// Plans that were asked of it in vain.
    pub failures: u32,
    /// Why, the last time.
    pub why: Option<String>,
}

/// A planner, and where to look if a model is in it.
pub(crate) struct Asked {
    who: Who,
    calls: Option<Monitor>,
    cancel: Option<Cancel>,
    failures: u32,
    why: Option<String>,
}

enum Who {
    Other(Box<dyn Planner>),
    Model(Box<VlmPlanner>),
    ModelOrSearch(Box<Fallback<VlmPlanner, SymbolicPlanner>>),
}

impl Asked {
    /// A planner that asks no model, for all that is known.
    pub(crate) fn other(planner: Box<dyn Planner>) -> Self {
        Self { who: Who::Other(planner), calls: None, cancel: None, failures: 0, why: None }
    }

    /// Whom the configuration says.
    pub(crate) fn of(config: &BrainConfig, reach: Reach) -> Result<Self, BrainError> {
        if config.planner == PlannerKind::Symbolic {
            return Ok(Self::other(Box::new(SymbolicPlanner)));
        }
        let model = VlmPlanner::new(config.vlm.clone(), Limits::default());
        let mut model = model.map_err(CortexError::from)?.with_geometry(Box::new(reach));
        let (calls, cancel) = (Some(model.client().monitor()), Some(model.client().cancel()));
        let who = match config.planner {
            PlannerKind::VlmOrSymbolic => Who::ModelOrSearch(Box::new(Fallback::new(model, SymbolicPlanner))),
            PlannerKind::Vlm | PlannerKind::Symbolic => Who::Model(Box::new(model)),
        };
        Ok(Self { who, calls, cancel, failures: 0, why: None })
    }

    /// What a model, if one is asked next, is told beside sentence and scene.
    pub(crate) fn tell(&mut self, context: Context) {
        match &mut self.who {
            Who::Other(_) => {}
            Who::Model(model) => model.tell(context),
            Who::ModelOrSearch(both) => both.first().tell(context),
        }
    }

    /// Breaks a call of a model off, from any thread; `None`: there is no model.
    pub(crate) fn cancel(&self) -> Option<Cancel> {
        self.cancel.clone()
    }

    /// Whether there is a model to be asked.
    pub(crate) fn has_model(&self) -> bool {
        self.calls.is_some()
    }

    /// Asks about a sentence that was said in another scene, or in this one.
    pub(crate) fn plan_on(&mut self, request: &PlanRequest, said_in: &Scene) -> Result<Proposal, CortexError> {
        let (result, failed) = match &mut self.who {
            Who::Other(planner) => (planner.plan_on(request, said_in), None),
            Who::Model(model) => {
                let result = model.plan_on(request, said_in);
                let failed = result.as_ref().err().cloned();
                (result, failed)
            }
            Who::ModelOrSearch(both) => {
                let result = both.plan_on(request, said_in);
                (result, both.why_second().cloned())
            }
        };
        if let Some(error) = failed {
            self.failures += 1;
            self.why = Some(error.to_string());
        }
        result
    }

    /// How the model has served.
    pub(crate) fn model(&self) -> ModelUse {
        let calls = self.calls.as_ref().map_or(0, |monitor| monitor.status().costs.calls());
        ModelUse { calls, failures: self.failures, why: self.why.clone() }
    }
}
