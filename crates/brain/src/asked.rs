//! Who makes plans, and how a vision-language model has served where one is asked.

use std::time::Duration;

use neuraxis_cortex::{
    CortexError, Fallback, PlanFile, PlanRequest, Planner, Proposal, SymbolicPlanner,
    vlm::{Cancel, Context, Image, Monitor, Purpose, Question, VlmPlanner},
};
use neuraxis_plan::{Scene, Truth};

use crate::{BrainConfig, BrainError, PlannerKind, draft::Reach};

/// How a vision-language model has served so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUse {
    /// Calls made; looking at what its server can do is none.
    pub calls: u32,
    /// Tokens that it read in them, as its server counts.
    pub tokens_in: u64,
    /// Tokens that it wrote.
    pub tokens_out: u64,
    /// Time of all of them.
    pub time: Duration,
    /// Plans that were asked of it in vain.
    pub failures: u32,
    /// Why, the last time.
    pub why: Option<String>,
}

impl ModelUse {
    /// What came after `before`.
    pub fn since(&self, before: &Self) -> Self {
        let failures = self.failures - before.failures;
        Self {
            calls: self.calls - before.calls,
            tokens_in: self.tokens_in - before.tokens_in,
            tokens_out: self.tokens_out - before.tokens_out,
            time: self.time.saturating_sub(before.time),
            failures,
            why: self.why.clone().filter(|_| failures > 0),
        }
    }
}

/// The answers of a closed question, in the order of what they mean.
const ANSWERS: [(&str, Truth); 3] = [("true", Truth::True), ("false", Truth::False), ("unknown", Truth::Unknown)];

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
        match &config.planner {
            PlannerKind::Symbolic => return Ok(Self::other(Box::new(SymbolicPlanner))),
            PlannerKind::File(file) => return Ok(Self::other(Box::new(PlanFile::new(&file.file)))),
            PlannerKind::Vlm | PlannerKind::VlmOrSymbolic => {}
        }
        let model = VlmPlanner::new(config.vlm.clone(), config.limits.clone());
        let mut model = model.map_err(CortexError::from)?.with_geometry(Box::new(reach));
        let (calls, cancel) = (Some(model.client().monitor()), Some(model.client().cancel()));
        let who = match config.planner {
            PlannerKind::VlmOrSymbolic => Who::ModelOrSearch(Box::new(Fallback::new(model, SymbolicPlanner))),
            _ => Who::Model(Box::new(model)),
        };
        Ok(Self { who, calls, cancel, failures: 0, why: None })
    }

    fn model(&mut self) -> Option<&mut VlmPlanner> {
        match &mut self.who {
            Who::Other(_) => None,
            Who::Model(model) => Some(model),
            Who::ModelOrSearch(both) => Some(both.first()),
        }
    }

    /// A new task: a model's calls are counted anew, and it may be asked again if a call was broken off.
    pub(crate) fn begin_task(&mut self) {
        if let Some(model) = self.model() {
            model.client().begin_task();
        }
    }

    /// Whether a fact holds in these images, as a model sees it; unknown without one that is shown one. Costs a call.
    pub(crate) fn check(&mut self, fact: &str, images: &[Image]) -> Result<Truth, CortexError> {
        let Some(model) = self.model() else { return Ok(Truth::Unknown) };
        // Without a picture its word would be a guess.
        if images.is_empty() || !model.client().probe()?.takes_images {
            return Ok(Truth::Unknown);
        }
        let text = format!("Is this so in what the images show: {fact}?");
        let answers = ANSWERS.map(|(answer, _)| answer);
        let question = Question { purpose: Purpose::Check, text: &text, answers: &answers, images };
        let place = model.client().choose(&question)?;
        Ok(ANSWERS.get(place).map_or(Truth::Unknown, |(_, truth)| *truth))
    }

    /// What a model, if one is asked next, is told beside sentence and scene.
    pub(crate) fn tell(&mut self, context: Context) {
        if let Some(model) = self.model() {
            model.tell(context);
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
    pub(crate) fn served(&self) -> ModelUse {
        let cost = self.calls.as_ref().map(|monitor| monitor.status().costs.total()).unwrap_or_default();
        ModelUse {
            calls: cost.calls,
            tokens_in: cost.tokens_in,
            tokens_out: cost.tokens_out,
            time: cost.time,
            failures: self.failures,
            why: self.why.clone(),
        }
    }
}
