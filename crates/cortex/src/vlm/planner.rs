//! Plans from the model: asked, checked, mended once, and weighed.

use std::{ops::Range, time::Duration};

use neuraxis_plan::{ErrorKind, Geometry, Limits, Plan, PlanError, PlanErrors, Scene, Validator};

use super::{
    ask::Question,
    budget::Purpose,
    chat::{Chat, Image},
    client::VlmClient,
    config::VlmConfig,
    context::Context,
    error::{Unusable, VlmError},
    extract::find_object,
    prompt,
    reply::Reply,
};
use crate::{
    CortexError, PlanRequest, Planner, Proposal, read_goals,
    trust::{Grounding, Probes, TrustGate, Verdict, decision_entropy, perceptual_entropy},
};

/// Name of this source of plans.
const SOURCE: &str = "vlm";
/// Images that the model is asked about, each on its own, to learn how far its perception can be trusted.
const MOST_LOOKS: usize = 3;

/// Where a plan comes from (R10: what decides is logged with its inputs).
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// The model.
    pub model: String,
    /// BLAKE3 of the prompt, images included.
    pub prompt_hash: [u8; 32],
    /// BLAKE3 of the images.
    pub image_hashes: Vec<[u8; 32]>,
    /// Time of all its calls.
    pub latency: Duration,
    /// Tokens read in all its calls.
    pub tokens_in: u32,
    /// Tokens written.
    pub tokens_out: u32,
    /// What was wrong with the first answer; empty if it was good.
    pub mended: Vec<PlanError>,
    /// How far the plan was trusted.
    pub verdict: Option<Verdict>,
}

/// Asks a vision-language model. Blocks as long as the client's deadline; [`VlmClient::cancel`] breaks it off.
pub struct VlmPlanner {
    client: VlmClient,
    limits: Limits,
    geometry: Option<Box<dyn Geometry + Send>>,
    context: Context,
    gate: TrustGate,
    last: Option<Provenance>,
}

/// An answer and what the validator says to it.
struct Checked {
    reply: Reply,
    /// Where the plan stands in the words.
    range: Range<usize>,
    result: Result<Plan, PlanErrors>,
    unusable: Option<Unusable>,
    grounding: Grounding,
}

impl VlmPlanner {
    /// Sends nothing yet; the first plan, or [`VlmClient::probe`], asks what the server can do.
    pub fn new(config: VlmConfig, limits: Limits) -> Result<Self, VlmError> {
        Ok(Self::with_client(VlmClient::new(config)?, limits))
    }

    /// With a client that is there.
    pub fn with_client(client: VlmClient, limits: Limits) -> Self {
        let gate = TrustGate::new(&client.config().trust);
        Self { client, limits, geometry: None, context: Context::default(), gate, last: None }
    }

    /// With what the arm can reach: the model is told of it, too.
    #[must_use]
    pub fn with_geometry(mut self, geometry: Box<dyn Geometry + Send>) -> Self {
        self.geometry = Some(geometry);
        self
    }

    /// What the next request, and no other, tells beside sentence and scene.
    pub fn tell(&mut self, context: Context) {
        self.context = context;
    }

    /// The client: its health, costs, cancel token.
    pub fn client(&mut self) -> &mut VlmClient {
        &mut self.client
    }

    /// The trust gate.
    pub fn gate(&self) -> &TrustGate {
        &self.gate
    }

    /// Where the last answer came from, also if it was refused.
    pub fn last(&self) -> Option<&Provenance> {
        self.last.as_ref()
    }

    fn ask(&mut self, request: &PlanRequest, said_in: &Scene) -> Result<Plan, VlmError> {
        let context = std::mem::take(&mut self.context);
        self.last = None;
        let capabilities = self.client.probe()?;
        let tokens = self.client.config().max_tokens;
        let unwritable = |error: serde_json::Error| VlmError::Unreadable { why: format!("the request: {error}") };
        let goal = self.goal(request, said_in);
        let chat = prompt::first(request, &context, &goal, &self.limits, capabilities.takes_images, tokens);
        let chat = chat.map_err(unwritable)?;
        self.last = Some(Provenance {
            model: capabilities.model,
            prompt_hash: chat.hash(),
            image_hashes: chat.images().map(Image::hash).collect(),
            latency: Duration::ZERO,
            tokens_in: 0,
            tokens_out: 0,
            mended: Vec::new(),
            verdict: None,
        });

        let first = self.checked(Purpose::Plan, &chat, request, said_in)?;
        // Entropy and conflict are the first answer's: the second was told what to say.
        let decision = first.decision_entropy(request.scene);
        let probes = Probes {
            perception: self.perceptual_entropy(decision, request.scene, &context.images),
            decision,
            conflict: first.grounding.conflict(),
        };
        let plan = match first.wrong() {
            None => first,
            Some(errors) => {
                let chat = prompt::again(&chat, &first.reply.content, &errors).map_err(unwritable)?;
                if let Some(last) = &mut self.last {
                    last.mended = errors.0;
                }
                self.checked(Purpose::Repair, &chat, request, said_in)?
            }
        };
        self.weigh(plan, probes)
    }

    /// What the sentence asked for in the scene in which it was said, where that was another state of things.
    fn goal(&self, request: &PlanRequest, said_in: &Scene) -> Vec<String> {
        if !self.client.config().trust.compare_goal || said_in.state() == request.scene.state() {
            return Vec::new();
        }
        // What the grammar does not read the model reads itself.
        let goals = read_goals(request.instruction, said_in).ok();
        goals.and_then(|goals| Some(said_in.names(goals.stages.last()?))).unwrap_or_default()
    }

    /// How far the model's answers about several images disagree, if it is undecided enough to be asked. What could not be
    /// measured is as usual.
    fn perceptual_entropy(&mut self, decision: Option<f64>, scene: &Scene, images: &[Image]) -> Option<f64> {
        let from = self.client.config().trust.look_from;
        if from >= 1.0 || decision.unwrap_or(0.0) < from {
            return None;
        }
        let things: Vec<&str> = scene.object_ids().map(|id| scene.object_name(id)).collect();
        let (purpose, text) = (Purpose::Ground, "Which of these things are in the image?");
        let looks = images.iter().take(MOST_LOOKS).map(|image| {
            let images = std::slice::from_ref(image);
            self.client.choose_all(&Question { purpose, text, answers: &things, images })
        });
        perceptual_entropy(&looks.collect::<Result<Vec<_>, _>>().ok()?)
    }

    /// One call, checked.
    fn checked(
        &mut self,
        purpose: Purpose,
        chat: &Chat,
        request: &PlanRequest,
        said_in: &Scene,
    ) -> Result<Checked, VlmError> {
        let reply = self.client.ask(purpose, chat)?;
        if let Some(last) = &mut self.last {
            last.latency += reply.latency;
            last.tokens_in = last.tokens_in.saturating_add(reply.tokens_in);
            last.tokens_out = last.tokens_out.saturating_add(reply.tokens_out);
        }
        let found = reply.words().and_then(|words| find_object(words, "nodes").ok_or(Unusable::NoObject));
        let range = found.as_ref().cloned().unwrap_or_default();
        let said = found.map(|range| reply.content.get(range).unwrap_or_default());
        let unusable = said.as_ref().err().cloned();
        let validator = Validator::new(request.scene, &self.limits);
        let result = match (&said, &self.geometry) {
            (Err(unusable), _) => Err(PlanErrors(vec![no_plan(unusable)])),
            (Ok(text), None) => validator.read(text),
            (Ok(text), Some(geometry)) => validator.with_geometry(geometry.as_ref()).read(text),
        };
        let faults = result.as_ref().err().map_or(0, |errors| errors.0.len());
        // A refused plan is read as far as it can be.
        let refused = said.ok().filter(|_| result.is_err()).and_then(|text| serde_json::from_str(text).ok());
        let raw = result.as_ref().ok().map(Plan::raw).or(refused.as_ref());
        let grounding = Grounding::of(raw, request, said_in, faults, self.client.config().trust.compare_goal);
        Ok(Checked { reply, range, result, unusable, grounding })
    }

    /// The last word: the validator's, then the gate's.
    fn weigh(&mut self, checked: Checked, probes: Probes) -> Result<Plan, VlmError> {
        let plan = match (checked.result, checked.unusable) {
            (Ok(plan), _) => plan,
            (Err(_), Some(unusable)) => return Err(VlmError::Unusable(unusable)),
            (Err(errors), None) => return Err(VlmError::Refused(errors)),
        };
        let verdict = self.gate.judge(&probes, &checked.grounding);
        let why = verdict.refusal();
        if let Some(last) = &mut self.last {
            last.verdict = Some(verdict);
        }
        match why {
            Some(why) => Err(VlmError::Untrusted { why }),
            None => {
                self.gate.learn(&probes);
                Ok(plan)
            }
        }
    }
}

impl Checked {
    fn decision_entropy(&self, scene: &Scene) -> Option<f64> {
        decision_entropy(&self.reply.content, self.range.clone(), &self.reply.tokens, scene)
    }

    /// What to tell the model; `None`: there is nothing wrong.
    fn wrong(&self) -> Option<PlanErrors> {
        match &self.result {
            Err(errors) => Some(errors.clone()),
            Ok(_) if self.grounding.contradicted.is_empty() => None,
            Ok(_) => {
                let error = |what: &String| PlanError {
                    node: None,
                    kind: ErrorKind::NotProved,
                    what: what.clone(),
                    missing: Vec::new(),
                    fix: "plan for what the task asks, on what the scene says".into(),
                };
                Some(PlanErrors(self.grounding.contradicted.iter().map(error).collect()))
            }
        }
    }
}

fn no_plan(unusable: &Unusable) -> PlanError {
    PlanError {
        node: None,
        kind: ErrorKind::NotJson,
        what: unusable.to_string(),
        missing: Vec::new(),
        fix: "send one JSON object with the plan and nothing else".into(),
    }
}

impl Planner for VlmPlanner {
    fn plan(&mut self, request: &PlanRequest) -> Result<Proposal, CortexError> {
        self.plan_on(request, request.scene)
    }

    fn plan_on(&mut self, request: &PlanRequest, said_in: &Scene) -> Result<Proposal, CortexError> {
        let plan = self.ask(request, said_in)?;
        Ok(Proposal { epoch: request.epoch, plan: plan.raw().clone(), source: SOURCE })
    }
}
