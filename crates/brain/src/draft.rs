//! From a sentence and a scene to a program that the executor may run: planner or memory, validator, compiler.

use std::sync::Arc;

use neuraxis_cortex::{
    PlanRequest, Planner,
    vlm::{Cancel, Context, Image},
};
use neuraxis_executor::Program;
use neuraxis_hippocampus::{Memory, PlanId, RepairId, Reuse};
use neuraxis_plan::{Geometry, Limits, Plan, RawNode, RawPlan, Scene, Truth, Validator};

use crate::{
    BrainConfig, BrainError, Learned,
    asked::{Asked, ModelUse},
    learned::with_learned,
};

/// What the arm can reach.
pub type Reach = Arc<dyn Geometry + Send + Sync>;

/// Names memory as the source of a plan.
const MEMORY: &str = "memory";

/// A proved plan, ready to run.
#[derive(Clone, Debug)]
pub struct Draft {
    /// As it was proved.
    pub plan: Plan,
    /// As it runs.
    pub program: Box<Program>,
    /// Whose plan it is; `memory` for one that was used before, `repair` for one that was mended from memory.
    pub source: &'static str,
    /// The epoch that it was asked for in.
    pub epoch: u32,
    /// How it came about.
    pub origin: Origin,
}

/// How a plan came about.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// A planner made it.
    New {
        /// Why no plan of the past was used, one reason for each that was near; empty if none was near, or nobody asked.
        not_reused: Vec<String>,
    },
    /// It was used before, about these things or others: no planner was asked.
    Reused {
        /// As it is remembered.
        plan: PlanId,
        /// Why it fits, for a person.
        why: String,
    },
    /// The plan that failed, with a repair from memory in it.
    Mended {
        /// The repair.
        repair: RepairId,
        /// Its nodes, about the things of the leaf that failed.
        nodes: Vec<RawNode>,
    },
}

/// Asks a planner, or memory first, and lets nothing pass that is not proved. Allocates and may take long: in a thread
/// of its own.
pub struct Drafter {
    asked: Asked,
    limits: Limits,
    reach: Option<Reach>,
    /// The sentence of the task, and the scene in which it was said.
    said: Option<(String, Scene)>,
}

impl Drafter {
    /// Plans by `planner`, within the usual limits, wherever things are.
    pub fn new(planner: Box<dyn Planner>) -> Self {
        Self { asked: Asked::other(planner), limits: Limits::default(), reach: None, said: None }
    }

    /// Plans by whom the configuration says, within its limits, about what the arm can reach.
    pub fn of(config: &BrainConfig, reach: Reach) -> Result<Self, BrainError> {
        let asked = Asked::of(config, reach.clone())?;
        Ok(Self { asked, limits: config.limits.clone(), reach: Some(reach), said: None })
    }

    /// How a vision-language model has served so far.
    pub fn model(&self) -> ModelUse {
        self.asked.served()
    }

    /// A new task begins, by a sentence that was not said before: a model's calls are counted anew, and one whose call was
    /// broken off may be asked again.
    pub fn begin_task(&mut self) {
        self.asked.begin_task();
    }

    /// Whether there is a model to be asked.
    pub fn has_model(&self) -> bool {
        self.asked.has_model()
    }

    /// Whether a fact of a scene holds in these images, as a model sees it: one call of the task's budget. Unknown without
    /// a model, if it cannot tell, and, without a call, where it would be shown no image.
    pub fn check(&mut self, fact: &str, images: &[Image]) -> Result<Truth, BrainError> {
        Ok(self.asked.check(fact, images)?)
    }

    /// Breaks a call of a model off, from any thread; `None`: there is no model.
    pub fn cancel(&self) -> Option<Cancel> {
        self.asked.cancel()
    }

    /// What the next question to a model, and no other, tells beside sentence and scene; made only if there is a model.
    pub fn tell(&mut self, context: impl FnOnce() -> Context) {
        if self.asked.has_model() {
            self.asked.tell(context());
        }
    }

    /// A program for a sentence that is said now, proved from the scene's present facts.
    pub fn draft(&mut self, instruction: &str, scene: &Scene, epoch: u32) -> Result<Draft, BrainError> {
        self.said = Some((instruction.into(), scene.clone()));
        self.draft_on(instruction, scene, epoch)
    }

    /// Level 5 of the ladder: as [`Drafter::draft`], for the sentence of the task that runs. It means what it meant when it
    /// was said. What has just failed is not looked for in memory.
    pub fn draft_on(&mut self, instruction: &str, scene: &Scene, epoch: u32) -> Result<Draft, BrainError> {
        let request = PlanRequest { instruction, scene, epoch };
        let said_in = self.said.as_ref().filter(|(said, _)| said == instruction).map(|(_, scene)| scene);
        let proposal = self.asked.plan_on(&request, said_in.unwrap_or(scene))?;
        let origin = Origin::New { not_reused: Vec::new() };
        self.prove(&proposal.plan, proposal.source, origin, scene, proposal.epoch)
    }

    /// As [`Drafter::draft`], after a look into memory: a plan that worked before and is proved for this scene goes out,
    /// and the planner is not asked. What is wrong with memory is no reason not to plan.
    pub fn draft_remembering(
        &mut self,
        memory: &mut Memory,
        instruction: &str,
        scene: &Scene,
        epoch: u32,
    ) -> Result<Draft, BrainError> {
        self.said = Some((instruction.into(), scene.clone()));
        let not_reused = match memory.reuse(instruction, scene, None) {
            Ok(Reuse::Found(found)) => {
                let origin = Origin::Reused { plan: found.plan_id, why: found.to_string() };
                match self.prove(&found.plan, MEMORY, origin, scene, epoch) {
                    Ok(draft) => return Ok(draft),
                    Err(error) => vec![format!("episode {}: {error}", found.episode)],
                }
            }
            Ok(Reuse::Nothing { why }) => why,
            Err(error) => vec![error.to_string()],
        };
        let draft = self.draft(instruction, scene, epoch)?;
        Ok(Draft { origin: Origin::New { not_reused }, ..draft })
    }

    /// The draft with the learned policy in the place of these skills, if that can be proved.
    pub fn with_learned(&self, draft: &Draft, scene: &Scene, learned: &[Learned]) -> Result<Draft, BrainError> {
        let raw = with_learned(&draft.plan, scene, learned);
        self.prove(&raw, draft.source, draft.origin.clone(), scene, draft.epoch)
    }

    /// Nothing runs that does not pass here.
    pub(crate) fn prove(
        &self,
        raw: &RawPlan,
        source: &'static str,
        origin: Origin,
        scene: &Scene,
        epoch: u32,
    ) -> Result<Draft, BrainError> {
        let validator = Validator::new(scene, &self.limits);
        let validator = match &self.reach {
            Some(reach) => validator.with_geometry(reach.as_ref()),
            None => validator,
        };
        let plan = validator.check(raw).map_err(|errors| BrainError::Refused { planner: source, errors })?;
        let program = Program::compile(&plan, scene)?;
        Ok(Draft { plan, program, source, epoch, origin })
    }
}
