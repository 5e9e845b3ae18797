//! Who answers questions for plans: memory and a planner. Allocates, and may take seconds where a model is asked.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use neuraxis_brain::{BrainError, Draft, Drafter, FailedLeaf, Learned, ModelUse, Origin, Scribe, put_back_instruction};
use neuraxis_core::Nanos;
use neuraxis_cortex::vlm::{Cancel, Context};
use neuraxis_executor::{Outcome, Reason};
use neuraxis_hippocampus::{Memory, RepairId, Stamp};
use neuraxis_plan::{Plan, Scene};
use neuraxis_robot::Robot;

use crate::{config::Config, reach::reach};

/// Whoever makes plans by the configuration, about what this arm can reach.
pub fn drafter(config: &Config, robot: Arc<Robot>) -> Result<Drafter, BrainError> {
    Drafter::of(&config.brain, reach(config, robot))
}

/// The memory in a file, which is made if it is not there; its sentences are encoded as the policy's.
pub fn open_memory(config: &Config, file: &Path) -> anyhow::Result<Memory> {
    let embedder = crate::package::text_encoder(&config.root)?;
    Ok(Memory::open(file, Box::new(embedder))?)
}

/// What is asked for.
pub enum Wanted {
    /// What the sentence means, where it speaks of the past: "put it back where it was" is about what memory knows.
    Meaning,
    /// A task's first plan.
    First,
    /// A repair of a leaf that failed, from memory.
    Repair {
        /// The plan that fails.
        plan: Box<Plan>,
        /// The leaf, as it was sent.
        node: u16,
        /// Why it failed.
        reason: Reason,
        /// Repairs that did not help.
        tried: BTreeSet<RepairId>,
    },
    /// Another plan.
    Replan,
}

/// A question for a plan.
pub struct Question {
    /// Which task it is about.
    pub task: u32,
    /// Of the executor's request, where it has one.
    pub id: Option<u32>,
    /// The executor's, when it was asked.
    pub epoch: u32,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is to be done.
    pub words: String,
    /// For a model, if one may be asked.
    pub context: Option<Box<Context>>,
    /// As it is now.
    pub scene: Scene,
    /// When it was asked.
    pub at: Nanos,
}

/// The answer.
pub enum Reply {
    /// To [`Wanted::Meaning`].
    Meant {
        /// As in the question.
        task: u32,
        /// As in the question.
        words: String,
        /// The sentence in words of the present, if it was about the past; or why nobody knows what it means.
        said: Result<Option<String>, String>,
    },
    /// To the others.
    Plan(Box<PlanReply>),
}

/// A plan, or why there is none.
pub struct PlanReply {
    /// As in the question.
    pub task: u32,
    /// As in the question.
    pub id: Option<u32>,
    /// As in the question.
    pub epoch: u32,
    /// A proved plan and its scene, or why there is none.
    pub draft: Result<Box<(Draft, Scene)>, String>,
    /// Another look at the scene would change nothing: the model has no plan.
    pub is_final: bool,
    /// For people: where it came from.
    pub lines: Vec<String>,
    /// It came from memory as it was.
    pub reused: bool,
    /// Writes down what becomes of a new task, where there is a memory.
    pub scribe: Option<Scribe>,
    /// How a model has served so far.
    pub model: ModelUse,
}

/// How a task ended, for memory.
pub struct Record {
    /// Has accompanied it.
    pub scribe: Scribe,
    /// The executor's word.
    pub outcome: Outcome,
    /// At the end.
    pub scene: Scene,
    /// Then.
    pub at: Nanos,
}

/// Work for a planner's thread.
pub enum Job {
    /// To be answered.
    Answer(Box<Question>),
    /// To be remembered.
    Keep(Box<Record>),
}

/// Answers, in a thread of its own where a robot moves.
pub struct Plans {
    drafter: Drafter,
    memory: Option<Memory>,
    robot: String,
    learned: Vec<Learned>,
    troubles: Vec<String>,
}

impl Plans {
    /// For a robot, with a memory or without.
    pub fn new(config: &Config, drafter: Drafter, memory: Option<Memory>) -> Self {
        let learned = config.brain.learned.clone();
        Self { drafter, memory, robot: config.name.clone(), learned, troubles: Vec::new() }
    }

    /// Calls the planner or looks into memory.
    pub fn answer(&mut self, question: Question) -> Reply {
        let Question { task, id, epoch, wanted, words, context, scene, at } = question;
        let text = |error: &BrainError| error.to_string();
        let (mut lines, mut scribe, mut reused) = (Vec::new(), None, false);
        let drafted = match wanted {
            Wanted::Meaning => {
                let memory = self.memory.as_ref();
                let said = memory.map_or(Ok(None), |memory| put_back_instruction(memory.store(), &scene, &words));
                let said = said.map_err(|error| error.to_string());
                return Reply::Meant { task, words, said };
            }
            Wanted::First => {
                self.drafter.tell(|| context.map(|context| *context).unwrap_or_default());
                self.first(&words, &scene, epoch, at).map(|(draft, who)| {
                    lines.extend(where_from(&draft).filter(|_| who.is_some()));
                    reused = matches!(draft.origin, Origin::Reused { .. });
                    scribe = who;
                    if self.learned.is_empty() {
                        return draft;
                    }
                    self.drafter.with_learned(&draft, &scene, &self.learned).unwrap_or_else(|error| {
                        lines.push(format!("without the learned policy: {error}"));
                        draft
                    })
                })
            }
            Wanted::Repair { plan, node, reason, tried } => match &self.memory {
                None => Err((false, "there is no memory in this run".into())),
                Some(memory) => {
                    let failed = FailedLeaf { plan: &plan, node, reason };
                    let found = self.drafter.repair(memory.store(), &failed, &tried, &scene, epoch);
                    found.map_err(|error| (false, error.to_string()))
                }
            },
            Wanted::Replan => {
                self.drafter.tell(|| context.map(|context| *context).unwrap_or_default());
                self.drafter.draft_on(&words, &scene, epoch).map_err(|error| (error.is_of_the_model(), text(&error)))
            }
        };
        let is_final = matches!(drafted, Err((true, _)));
        let draft = drafted.map(|draft| Box::new((draft, scene))).map_err(|(_, why)| why);
        let model = self.drafter.model();
        Reply::Plan(Box::new(PlanReply { task, id, epoch, draft, is_final, lines, reused, scribe, model }))
    }

    /// The first plan of a task: one that worked before, if memory has one.
    fn first(
        &mut self,
        words: &str,
        scene: &Scene,
        epoch: u32,
        at: Nanos,
    ) -> Result<(Draft, Option<Scribe>), (bool, String)> {
        let text = |error: BrainError| (error.is_of_the_model(), error.to_string());
        let Some(memory) = &mut self.memory else {
            return Ok((self.drafter.draft(words, scene, epoch).map_err(text)?, None));
        };
        let draft = self.drafter.draft_remembering(memory, words, scene, epoch).map_err(text)?;
        let zero = Stamp::from_unix_ms(unix_ms() - (at.0 / 1_000_000) as i64);
        let scribe = Scribe::begin(memory, words, scene, &self.robot, zero, at).map_err(text)?;
        Ok((draft, Some(scribe)))
    }

    /// Breaks a call of a model off, from any thread; `None`: there is no model.
    pub fn cancel(&self) -> Option<Cancel> {
        self.drafter.cancel()
    }

    /// Whether there is a memory to ask.
    pub fn remembers(&self) -> bool {
        self.memory.is_some()
    }

    /// Tells memory how a task ended: on return it is on the disk. What goes wrong is kept in [`Plans::troubles`].
    pub fn keep(&mut self, record: Record) {
        let Record { scribe, outcome, scene, at } = record;
        let told = self.memory.as_mut().map(|memory| scribe.end(memory, &outcome, &scene, at));
        self.troubles.extend(told.and_then(Result::err).map(|error| format!("memory: {error}")));
    }

    /// Why memory was not told.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }

    /// Gives the memory back.
    pub fn into_memory(self) -> Option<Memory> {
        self.memory
    }
}

fn where_from(draft: &Draft) -> Option<String> {
    Some(match &draft.origin {
        Origin::New { not_reused } => format!("not from memory: {}", not_reused.join("; ")),
        Origin::Reused { why, .. } => format!("from memory: {why}"),
        Origin::Mended { .. } => "from memory, mended".into(),
    })
}

/// Wall-clock time: memories outlive the process.
fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
