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
            let drafted = self.perception.begin(&words.text).and_then(|scene| self.first(&words.text, scene, epoch));
            self.story.vlm_calls = self.drafter.vlm_calls();
            match drafted {
                Ok(draft) => self.draft = Some((seen.stamp + self.plan_latency, None, Some(draft))),
                // Another look may show more.
                Err(error) if self.perception.looks() < LOOKS_MOST * self.looks_first => {
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
    fn first(&mut self, instruction: &str, scene: Scene, epoch: u32) -> Result<Box<(Draft, Scene)>, BrainError> {
        self.story.plans += 1;
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
    pub(super) fn answer(&mut self, words: &str) {
        let Some(request) = self.request.filter(|request| self.asked != Some(request.id)) else { return };
        self.asked = Some(request.id);
        let draft = self.perception.present().map_err(|error| error.to_string()).and_then(|scene| {
            let epoch = self.executor.epoch();
            let draft = match request.ask {
                Ask::Recall => self.repair(&request, &scene, epoch)?,
                Ask::Replan => {
                    self.story.plans += 1;
                    self.drafter.draft(words, &scene, epoch).map_err(|error| error.to_string())?
                }
            };
            Ok(Box::new((draft, scene)))
        });
        self.story.vlm_calls = self.drafter.vlm_calls();
        let draft = draft.map_err(|why| self.story.lines.push(format!("no {:?}: {why}", request.ask))).ok();
        self.draft = Some((self.now + self.plan_latency, Some(request.id), draft));
    }

    fn repair(&self, request: &Request, scene: &Scene, epoch: u32) -> Result<Draft, String> {
        let (Some(memory), Some(scribe), Some((plan, _))) = (&self.memory, &self.scribe, &self.plan) else {
            return Err("there is no memory in this run".into());
        };
        let failed = FailedLeaf { plan, node: request.node, reason: request.reason };
        let found = self.drafter.repair(memory.store(), &failed, scribe.tried(), scene, epoch);
        found.map_err(|error| error.to_string())
    }

    /// A plan that is due goes to the executor.
    pub(super) fn deliver(&mut self, now: Nanos) {
        let Some((_, id, draft)) = self.draft.take_if(|(due, ..)| *due <= now) else { return };
        let program = draft.map(|draft| {
            let (draft, scene) = *draft;
            self.story.lines.push(format!("plan by {}\n{}", draft.source, neuraxis_plan::outline(&draft.plan, &scene)));
            self.story.marks.clear();
            if let Some(scribe) = &mut self.scribe {
                let told = scribe.attempt(&draft, now);
                self.story.heard(told);
            }
            self.plan = Some((draft.plan, scene));
            self.without.iter().fold(draft.program, |program, without| match without {
                Without::Monitors => program.without_watches(),
                Without::Ladder => program.without_ladder(),
                Without::Feedback => program.without_facts(),
            })
        });
        let mut events = Events::new(&mut self.slots[..]);
        match (id, program) {
            (None, Some(program)) => {
                let epoch = self.executor.epoch();
                if self.executor.begin(now, epoch, program, &mut events).is_err() {
                    self.story.lines.push("the plan came too late".into());
                }
            }
            (None, None) => {}
            (Some(id), program) => {
                let answer = Answer { id, epoch: self.executor.epoch(), program };
                self.executor.answer(now, answer, &mut events);
            }
        }
        let written = events.written().to_vec();
        self.note(&written);
    }
}

/// Wall-clock time: memories outlive the process.
fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
