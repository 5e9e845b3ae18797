//! Who answers questions for plans: memory and a planner. Allocates, and may take seconds where a model is asked.

use std::{collections::BTreeSet, path::Path};

use neuraxis_brain::{BrainError, Draft, Drafter, FailedLeaf, Origin, Scribe};
use neuraxis_core::Nanos;
use neuraxis_executor::Reason;
use neuraxis_hippocampus::{Memory, RepairId, Stamp};
use neuraxis_plan::{Plan, Scene};
use neuraxis_policy::text::MiniLm;

use crate::config::Config;

/// The memory in a file, which is made if it is not there; its sentences are encoded as the policy's.
pub fn open_memory(config: &Config, file: &Path) -> anyhow::Result<Memory> {
    let embedder = MiniLm::load(&config.root.join(".deps/text"))?;
    Ok(Memory::open(file, Box::new(embedder))?)
}

/// What is asked for.
pub enum Wanted {
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
    /// Of the executor's request, where it has one.
    pub id: Option<u32>,
    /// The executor's, when it was asked.
    pub epoch: u32,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is to be done.
    pub words: String,
    /// As it is now.
    pub scene: Scene,
    /// When it was asked.
    pub at: Nanos,
}

/// The answer.
pub struct Reply {
    /// As in the question.
    pub id: Option<u32>,
    /// As in the question.
    pub epoch: u32,
    /// A proved plan and its scene, or why there is none.
    pub draft: Result<Box<(Draft, Scene)>, String>,
    /// For people: where it came from.
    pub lines: Vec<String>,
    /// It came from memory as it was.
    pub reused: bool,
    /// Writes down what becomes of a new task, where there is a memory.
    pub scribe: Option<Scribe>,
    /// Calls of a model so far.
    pub vlm_calls: u32,
}

/// Answers, in a thread of its own where a robot moves.
pub struct Plans {
    drafter: Drafter,
    memory: Option<Memory>,
    robot: String,
}

impl Plans {
    /// For a robot, with a memory or without.
    pub fn new(drafter: Drafter, memory: Option<Memory>, robot: &str) -> Self {
        Self { drafter, memory, robot: robot.into() }
    }

    /// Calls the planner or looks into memory.
    pub fn answer(&mut self, question: Question) -> Reply {
        let Question { id, epoch, wanted, words, scene, at } = question;
        let (mut lines, mut scribe, mut reused) = (Vec::new(), None, false);
        let draft = match wanted {
            Wanted::First => self.first(&words, &scene, epoch, at).map(|(draft, who)| {
                lines.extend(where_from(&draft).filter(|_| who.is_some()));
                reused = matches!(draft.origin, Origin::Reused { .. });
                scribe = who;
                draft
            }),
            Wanted::Repair { plan, node, reason, tried } => match &self.memory {
                None => Err("there is no memory in this run".into()),
                Some(memory) => {
                    let failed = FailedLeaf { plan: &plan, node, reason };
                    let found = self.drafter.repair(memory.store(), &failed, &tried, &scene, epoch);
                    found.map_err(|error| error.to_string())
                }
            },
            Wanted::Replan => self.drafter.draft_on(&words, &scene, epoch).map_err(|error| error.to_string()),
        };
        let draft = draft.map(|draft| Box::new((draft, scene)));
        Reply { id, epoch, draft, lines, reused, scribe, vlm_calls: self.drafter.vlm_calls() }
    }

    /// The first plan of a task: one that worked before, if memory has one.
    fn first(&mut self, words: &str, scene: &Scene, epoch: u32, at: Nanos) -> Result<(Draft, Option<Scribe>), String> {
        let text = |error: BrainError| error.to_string();
        let Some(memory) = &mut self.memory else {
            return Ok((self.drafter.draft(words, scene, epoch).map_err(text)?, None));
        };
        let draft = self.drafter.draft_remembering(memory, words, scene, epoch).map_err(text)?;
        let zero = Stamp::from_unix_ms(unix_ms() - (at.0 / 1_000_000) as i64);
        let scribe = Scribe::begin(memory, words, scene, &self.robot, zero, at).map_err(text)?;
        Ok((draft, Some(scribe)))
    }

    /// The memory, to be told how it ended.
    pub fn memory(&mut self) -> Option<&mut Memory> {
        self.memory.as_mut()
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
