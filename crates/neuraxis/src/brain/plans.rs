//! Who answers questions for plans: memory and a planner. Allocates, and may take seconds where a model is asked.

mod question;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use neuraxis_brain::{
    BrainError, Draft, Drafter, FailedLeaf, Learned, ModelUse, Origin, Scribe, put_back_instruction, recollect,
};
use neuraxis_core::Nanos;
use neuraxis_cortex::vlm::{Cancel, Context, Image};
use neuraxis_hippocampus::{Memory, RepairId, Stamp};
use neuraxis_plan::{FactId, Scene, Truth};
use neuraxis_robot::Robot;

pub use self::question::{Job, PlanReply, Question, Record, Reply, Wanted};
use super::recent::Recent;
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

/// Answers, in a thread of its own where a robot moves.
pub struct Plans {
    drafter: Drafter,
    memory: Option<Memory>,
    robot: String,
    learned: Vec<Learned>,
    /// A model is asked about facts that stay unknown.
    checks: bool,
    /// Where the recording lies.
    recording: Option<String>,
    sentence: Option<u32>,
    /// How the model had served before.
    served: ModelUse,
    troubles: Recent<String>,
}

impl Plans {
    /// For a robot, with a memory or without.
    pub fn new(config: &Config, drafter: Drafter, memory: Option<Memory>) -> Self {
        Self {
            served: drafter.model(),
            drafter,
            memory,
            robot: config.name.clone(),
            learned: config.brain.learned.clone(),
            checks: config.brain.vlm_checks,
            recording: None,
            sentence: None,
            troubles: Recent::default(),
        }
    }

    /// What is remembered names this folder as the place of its recording.
    #[must_use]
    pub fn recorded_in(self, recording: Option<&Path>) -> Self {
        Self { recording: recording.map(|folder| folder.display().to_string()), ..self }
    }

    /// What comes is about this sentence: for one that is new, a model's calls are counted anew, and it may be asked again
    /// if a call was broken off.
    pub fn begin(&mut self, sentence: u32) {
        if self.sentence.replace(sentence) != Some(sentence) {
            self.drafter.begin_task();
        }
    }

    /// Calls the planner or looks into memory.
    pub fn answer(&mut self, question: Question) -> Reply {
        let Question { task, sentence, id, epoch, wanted, words, context, mut scene, at } = question;
        self.begin(sentence);
        let text = |error: &BrainError| error.to_string();
        let (mut lines, mut scribe, mut reused, mut checked) = (Vec::new(), None, false, None);
        let drafted = match wanted {
            Wanted::Meaning => {
                let memory = self.memory.as_ref();
                let said = memory.map_or(Ok(None), |memory| put_back_instruction(memory.store(), &scene, &words));
                let said = said.map_err(|error| error.to_string());
                return Reply::Meant { task, words, said };
            }
            Wanted::First => {
                self.tell(context, &words, &scene, &BTreeSet::new());
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
                    lines.extend(found.as_ref().ok().and_then(where_from));
                    found.map_err(|error| (false, error.to_string()))
                }
            },
            Wanted::Replan { unknown, tried } => {
                if let Some(fact) = unknown.filter(|_| self.checks) {
                    let images = context.as_ref().map(|context| &*context.images).unwrap_or_default();
                    let (said, line) = self.check(fact, &scene, images);
                    checked = said;
                    lines.push(line);
                    let state = said.map(|(fact, holds)| scene.state().with(fact, holds));
                    // What contradicts the rest is not believed.
                    checked = checked.filter(|_| state.is_some_and(|state| scene.set_state(state).is_ok()));
                }
                self.tell(context, &words, &scene, &tried);
                self.drafter.draft_on(&words, &scene, epoch).map_err(|error| (error.is_of_the_model(), text(&error)))
            }
        };
        let is_final = matches!(drafted, Err((true, _)));
        let draft = drafted.map(|draft| Box::new((draft, scene))).map_err(|(_, why)| why);
        let model = self.drafter.model().since(&self.served);
        Reply::Plan(Box::new(PlanReply { task, id, epoch, draft, is_final, lines, reused, scribe, model, checked }))
    }

    /// What a model, if one is asked next, is told: what is seen and what failed, and what memory knows about it.
    fn tell(&mut self, context: Option<Box<Context>>, words: &str, scene: &Scene, tried: &BTreeSet<RepairId>) {
        if !self.drafter.has_model() {
            return;
        }
        let mut context = context.map(|context| *context).unwrap_or_default();
        if let Some(memory) = &mut self.memory {
            let now = Stamp::from_unix_ms(unix_ms());
            let told = recollect(memory, words, scene, tried, now, &mut context);
            self.troubles.extend(told.err().map(|error| format!("memory: {error}")));
        }
        self.drafter.tell(|| context);
    }

    /// Asks a model about a fact; in words what came of it.
    fn check(&mut self, fact: FactId, scene: &Scene, images: &[Image]) -> (Option<(FactId, bool)>, String) {
        let name = scene.name(fact);
        match self.drafter.check(name, images) {
            Ok(Truth::Unknown) => (None, format!("the model cannot tell whether {name}")),
            Ok(truth) => (Some((fact, truth == Truth::True)), format!("{name} is {truth:?}, says the model")),
            Err(error) => (None, format!("whether {name} is not known: {error}")),
        }
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
        let mut scribe = Scribe::begin(memory, words, scene, &self.robot, zero, at).map_err(text)?;
        if let Some(recording) = &self.recording {
            scribe.recorded_in(recording).map_err(text)?;
        }
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

    /// Tells memory how a task ended: on return it is on the disk, and what is usually so is summed up anew. What goes wrong is kept in [`Plans::troubles`].
    pub fn keep(&mut self, record: Record) {
        let Record { scribe, outcome, scene, at } = record;
        let told = self.memory.as_mut().map(|memory| {
            let episode = scribe.end(memory, &outcome, &scene, at)?;
            let ended = memory.store().episode(episode)?.map(|episode| episode.ended);
            ended.map(|ended| memory.consolidate(ended)).transpose()?;
            Ok::<(), BrainError>(())
        });
        self.troubles.extend(told.and_then(Result::err).map(|error| format!("memory: {error}")));
    }

    /// Why memory was not told.
    pub fn troubles(&self) -> &Recent<String> {
        &self.troubles
    }

    /// Gives planner and memory back, for another task.
    pub fn into_parts(self) -> (Drafter, Option<Memory>) {
        (self.drafter, self.memory)
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

#[cfg(test)]
#[path = "../../../cortex/tests/wire/mod.rs"]
mod wire;

#[cfg(test)]
mod tests;
