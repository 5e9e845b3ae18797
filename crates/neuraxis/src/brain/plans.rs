//! Looks, plans, and answers to what the executor asks, each after the time that it takes on a robot.

use std::path::Path;

use neuraxis_brain::{BrainError, Draft, FailedLeaf, Origin, Scribe};
use neuraxis_core::{Instruction, Nanos, Observation};
use neuraxis_executor::{Answer, Ask, Events, Outcome, Request};
use neuraxis_hippocampus::{Memory, Stamp};
use neuraxis_plan::Scene;
use neuraxis_policy::{text::MiniLm, views};
use neuraxis_scene::Hand;

use super::{BrainPilot, Without};
use crate::config::Config;

/// A plan, or the word that there is none, on its way to the executor.
pub(super) struct Coming {
    due: Nanos,
    /// Of the request that it answers; `None`: it is the task's first.
    id: Option<u32>,
    /// That it was asked for in.
    epoch: u32,
    draft: Option<Box<(Draft, Scene)>>,
}

impl Coming {
    /// And not the word that there is none.
    pub(super) fn is_plan(&self) -> bool {
        self.draft.is_some()
    }
}

/// A plan is tried for this many times as long as the first look takes.
const LOOKS_MOST: u32 = 7;

/// The memory in a file, which is made if it is not there; its sentences are encoded as the policy's.
pub fn open_memory(config: &Config, file: &Path) -> anyhow::Result<Memory> {
    let embedder = MiniLm::load(&config.root.join(".deps/text"))?;
    Ok(Memory::open(file, Box::new(embedder))?)
}

impl BrainPilot {
    /// Looks, and begins the task once the scene has been seen often enough.
    pub(super) fn see(&mut self, seen: &Observation, words: &Instruction) -> Result<(), String> {
        views::fuse(seen, &self.fuse, &mut self.cloud).map_err(|e| e.to_string())?;
        let hand = Hand {
            world_from_tool: seen.world_from_tool,
            gripper: seen.progress.gripper,
            width_m: seen.gripper_width_m,
        };
        self.perception
            .look(seen.stamp, &self.cloud.xyz_in_world, &self.cloud.rgb, &hand)
            .map_err(|e| e.to_string())?;
        if self.perception.scene().is_none()
            && self.perception.looks() >= self.looks_first
            && self.story.trouble.is_none()
        {
            let epoch = self.executor.epoch();
            self.tell_model(seen);
            let drafted = self.begin(&words.text).and_then(|(meant, scene)| {
                self.sentence = meant;
                self.first(scene, epoch)
            });
            let due = seen.stamp + self.account();
            self.story.first_calls = self.story.model.calls;
            match drafted {
                Ok(draft) => self.drafts.push(Coming { due, id: None, epoch, draft: Some(draft) }),
                // Another look may show more.
                Err(error) if self.perception.looks() < LOOKS_MOST * self.looks_first && !error.is_of_the_model() => {
                    self.story.lines.push(format!("{error}; I look again"));
                    self.perception.end();
                }
                Err(error) => {
                    let seen: Vec<String> = self.perception.tracks().iter().map(|t| t.thing.to_string()).collect();
                    self.story.lines.push(format!("{error}; I see {}", seen.join(", ")));
                    self.story.trouble = Some(error.to_string());
                }
            }
        }
        let look = self.perception.read();
        if let Some(scribe) = &mut self.scribe
            && let Ok(scene) = self.perception.present()
        {
            let told = scribe.look(&scene, seen.stamp);
            self.story.heard(told);
        }
        if self.without.contains(&Without::Feedback) && self.outcome != Outcome::Idle {
            return Ok(());
        }
        self.coming.push((seen.stamp + self.look_latency, look));
        Ok(())
    }

    /// The first plan of a task: one that worked before, if memory has one.
    fn first(&mut self, scene: Scene, epoch: u32) -> Result<Box<(Draft, Scene)>, BrainError> {
        self.story.plans += 1;
        let instruction = &self.sentence;
        let Some(memory) = &mut self.memory else {
            let draft = self.drafter.draft(instruction, &scene, epoch)?;
            return Ok(Box::new((draft, scene)));
        };
        let draft = self.drafter.draft_remembering(memory, instruction, &scene, epoch)?;
        self.story.lines.push(match &draft.origin {
            Origin::New { not_reused } => format!("not from memory: {}", not_reused.join("; ")),
            Origin::Reused { why, .. } => format!("from memory: {why}"),
            Origin::Mended { .. } => "from memory, mended".into(),
        });
        self.story.reused = matches!(draft.origin, Origin::Reused { .. });
        let zero = Stamp::from_unix_ms(unix_ms() - (self.now.0 / 1_000_000) as i64);
        self.scribe = Some(Scribe::begin(memory, instruction, &scene, &self.robot_name, zero, self.now)?);
        Ok(Box::new((draft, scene)))
    }

    /// Answers what the executor asks, after the time that planning takes.
    pub(super) fn answer(&mut self, seen: &Observation) {
        let Some(request) = self.request.filter(|request| self.asked != Some(request.id)) else { return };
        self.asked = Some(request.id);
        let epoch = request.epoch;
        let draft = self.perception.present().map_err(|error| error.to_string()).and_then(|scene| {
            let draft = match request.ask {
                Ask::Recall => self.repair(&request, &scene, epoch)?,
                Ask::Replan => {
                    self.story.plans += 1;
                    self.tell_model(seen);
                    self.drafter.draft(&self.sentence, &scene, epoch).map_err(|error| error.to_string())?
                }
            };
            Ok(Box::new((draft, scene)))
        });
        let due = self.now + self.account();
        let draft = draft.map_err(|why| self.story.lines.push(format!("no {:?}: {why}", request.ask))).ok();
        self.drafts.push(Coming { due, id: Some(request.id), epoch, draft });
    }

    /// Keeps count of the model's calls since the last time; what all that takes on a robot.
    fn account(&mut self) -> Nanos {
        let before = std::mem::replace(&mut self.story.model, self.drafter.model());
        let model = &self.story.model;
        let calls = model.calls - before.calls;
        if let (true, Some(why)) = (model.failures > before.failures, &model.why) {
            self.story.lines.push(format!("no plan by the model: {why}"));
        }
        if let Some(scribe) = &mut self.scribe {
            (0..calls).for_each(|_| scribe.vlm_called());
        }
        self.plan_latency + Nanos::from_secs(f64::from(calls) * self.vlm_secs)
    }

    fn repair(&self, request: &Request, scene: &Scene, epoch: u32) -> Result<Draft, String> {
        let (Some(memory), Some(scribe), Some((plan, _))) = (&self.memory, &self.scribe, &self.plan) else {
            return Err("there is no memory in this run".into());
        };
        let failed = FailedLeaf { plan, node: request.node, reason: request.reason };
        let found = self.drafter.repair(memory.store(), &failed, scribe.tried(), scene, epoch);
        found.map_err(|error| error.to_string())
    }

    /// Plans that are due go to the executor, which takes none that it does not wait for (R2).
    pub(super) fn deliver(&mut self, now: Nanos) {
        while let Some(at) = self.drafts.iter().position(|coming| coming.due <= now) {
            let coming = self.drafts.remove(at);
            self.hand_over(coming, now);
        }
    }

    fn hand_over(&mut self, coming: Coming, now: Nanos) {
        let Coming { id, epoch, draft, .. } = coming;
        let (program, draft) = draft.map_or((None, None), |draft| {
            let (draft, scene) = *draft;
            let program = self.without.iter().fold(draft.program.clone(), |program, without| match without {
                Without::Monitors => program.without_watches(),
                Without::Ladder => program.without_ladder(),
                Without::Feedback => program.without_facts(),
            });
            (Some(program), Some((draft, scene)))
        });
        let before = self.executor.epoch();
        let mut events = Events::new(&mut self.slots[..]);
        match (id, program) {
            (None, Some(program)) => drop(self.executor.begin(now, epoch, program, &mut events)),
            (None, None) => {}
            (Some(id), program) => drop(self.executor.answer(now, Answer { id, epoch, program }, &mut events)),
        }
        let written = events.written().to_vec();
        match draft {
            Some((draft, scene)) if self.executor.epoch() != before => self.taken_over(draft, scene, now),
            Some((draft, _)) => {
                self.story.late_plans += 1;
                self.story.lines.push(format!("a plan by {} came too late and was not used", draft.source));
            }
            None => {}
        }
        self.note(&written);
    }

    /// The executor has a new plan.
    fn taken_over(&mut self, draft: Draft, scene: Scene, now: Nanos) {
        self.story.lines.push(format!("plan by {}\n{}", draft.source, neuraxis_plan::outline(&draft.plan, &scene)));
        self.story.marks.clear();
        if let Some(scribe) = &mut self.scribe {
            let told = scribe.attempt(&draft, now);
            self.story.heard(told);
        }
        self.plan = Some((draft.plan, scene));
    }
}

/// Wall-clock time: memories outlive the process.
fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
