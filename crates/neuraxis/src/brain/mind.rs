//! The brain's slow half: it looks at the scene, asks for plans, and knows in words what happened. Allocates.

mod answers;
mod events;

use neuraxis_brain::{Draft, Look, Perception, Scribe};
use neuraxis_core::{Instruction, Nanos, Observation};
use neuraxis_episode::Level;
use neuraxis_executor::Outcome;
use neuraxis_plan::{FactId, Plan, Scene};
use neuraxis_policy::{PolicyConfig, views};
use neuraxis_scene::{Finding, Hand, Track};
use neuraxis_vision::{Cloud, FrozenWatch, MaskedCamera};

use super::{
    Without,
    context::context,
    plans::{Question, Wanted},
    reflex::Report,
    story::Story,
};
use crate::{config::Config, looked::Sight};

/// A plan is tried for this many times as long as the first look takes.
const LOOKS_MOST: u32 = 7;

/// The slow half. One task at a time.
pub struct Mind {
    perception: Perception,
    looks_first: u32,
    /// Looks of this task while no answer was waited for.
    looks: u32,
    fuse: PolicyConfig,
    /// Cameras that were there at some time.
    cameras: Vec<String>,
    watch: FrozenWatch,
    cloud: Cloud,
    /// Cameras that the newest look did without.
    masked: Vec<MaskedCamera>,
    look: Look,
    without: Vec<Without>,
    pub(super) plan: Option<PlanInForce>,
    /// A plan on its way to the executor, which may find it late.
    offered: Option<Offered>,
    /// The one before, for what is said about it late.
    before: Option<PlanInForce>,
    pub(super) scribe: Option<Scribe>,
    asked: Option<u32>,
    /// The leaf that was started last.
    started: Option<u16>,
    /// A memory may know what sentences about the past mean.
    remembers: bool,
    /// The sentence as it is meant, once that is known.
    meant: Option<String>,
    /// Pictures of these cameras go to a model, if one may be asked.
    model_sees: Option<Vec<String>>,
    /// Counts tasks: what is answered about another one is late.
    task: u32,
    /// Counts sentences: a task that is begun anew goes on with its calls of a model.
    sentence: u32,
    /// How often it was heard that memory could not be told.
    untold: usize,
    /// When something was seen or told last.
    clock: Nanos,
    /// Time zero of what is told.
    zero: Nanos,
    pub(super) story: Story,
}

/// A plan, its scene, and the epoch in which it runs.
pub struct PlanInForce {
    /// As it was proved.
    pub plan: Plan,
    /// Its scene.
    pub scene: Scene,
    pub(super) epoch: u32,
}

/// A draft, its scene, and the epoch that it was asked for in.
struct Offered {
    draft: Draft,
    scene: Scene,
    epoch: u32,
}

impl Mind {
    /// With nothing seen yet. `remembers`: there is a memory to ask.
    pub fn new(config: &Config, remembers: bool, without: Vec<Without>) -> Result<Self, neuraxis_brain::BrainError> {
        let asks_model = config.brain.planner.asks_model();
        Ok(Self {
            perception: Perception::new(&config.brain)?,
            looks_first: config.brain.looks_first,
            looks: 0,
            fuse: PolicyConfig::default(),
            cameras: Vec::new(),
            watch: FrozenWatch::default(),
            cloud: Cloud::default(),
            masked: Vec::new(),
            look: Look::default(),
            without,
            plan: None,
            offered: None,
            before: None,
            scribe: None,
            asked: None,
            started: None,
            remembers,
            meant: None,
            model_sees: asks_model.then(|| config.brain.vlm_cameras.clone()),
            task: 0,
            sentence: 0,
            untold: 0,
            clock: Nanos::default(),
            zero: Nanos::default(),
            story: Story::default(),
        })
    }

    /// From when on seconds are counted in what is told.
    pub fn count_from(&mut self, zero: Nanos) {
        self.zero = zero;
    }

    /// Looks; asks for the first plan once the scene has been seen often enough. `epoch`: the executor's.
    pub fn see(&mut self, seen: &Observation, words: &Instruction, epoch: u32) -> Result<Option<Question>, String> {
        self.clock = seen.stamp;
        for camera in &seen.cameras {
            if !self.cameras.iter().any(|name| **name == *camera.name) {
                self.cameras.push(camera.name.to_string());
            }
        }
        views::fuse_usable(seen, &self.cameras, &self.fuse, &mut self.watch, &mut self.cloud, &mut self.masked)
            .map_err(|e| e.to_string())?;
        let hand = Hand {
            world_from_tool: seen.world_from_tool,
            gripper: seen.progress.gripper,
            width_m: seen.gripper_width_m,
        };
        self.perception
            .look(seen.stamp, &self.cloud.xyz_in_world, &self.cloud.rgb, &hand)
            .map_err(|e| e.to_string())?;
        let is_free = self.perception.scene().is_none();
        self.looks += u32::from(is_free);
        let is_due = is_free && self.perception.looks() >= self.looks_first;
        let mut question = None;
        if is_due && self.story.trouble.is_none() {
            let (wanted, sentence) = match &self.meant {
                // What is to be put back need not be in view: the sentence names nothing yet.
                None if self.remembers => (Wanted::Meaning, String::new()),
                meant => (Wanted::First, meant.as_deref().unwrap_or(&words.text).to_string()),
            };
            match self.perception.begin(&sentence) {
                Ok(scene) => {
                    let said = if sentence.is_empty() { words.text.to_string() } else { sentence };
                    self.story.plans += u32::from(matches!(wanted, Wanted::First));
                    let (task, sentence) = (self.task, self.sentence);
                    // What was done before, and has failed, was for another task.
                    self.story.task_from = self.story.told.count();
                    let (at, context) = (seen.stamp, self.context(seen));
                    question =
                        Some(Question { task, sentence, id: None, epoch, wanted, words: said, context, scene, at });
                }
                Err(error) => self.no_plan(&error.to_string(), false),
            }
        }
        self.look = self.perception.read();
        if let Some(scribe) = &mut self.scribe
            && let Ok(scene) = self.perception.present()
        {
            let told = scribe.look(&scene, seen.stamp);
            self.story.heard(seen.stamp, told);
        }
        Ok(question)
    }

    fn context(&self, seen: &Observation) -> Option<Box<neuraxis_cortex::vlm::Context>> {
        let usable = |name: &&String| !self.masked.iter().any(|masked| *masked.name == ***name);
        self.model_sees.as_ref().map(|cameras| Box::new(context(&self.story, seen, cameras.iter().filter(usable))))
    }

    /// There is no first plan: another look may show more, for a while.
    fn no_plan(&mut self, why: &str, is_final: bool) {
        if self.looks < LOOKS_MOST * self.looks_first && !is_final {
            let line = format!("{why}; I look again");
            if self.story.lines.last() != Some(&line) {
                self.story.remark(self.clock, Level::Info, line);
            }
            self.perception.end();
        } else {
            let seen: Vec<String> = self.perception.tracks().iter().map(|t| t.thing.to_string()).collect();
            self.story.remark(self.clock, Level::Warning, format!("{why}; I see {}", seen.join(", ")));
            self.story.trouble = Some(why.into());
        }
    }

    /// Nobody waited for a plan any more.
    pub(super) fn late(&mut self, source: &str) {
        self.story.late_plans += 1;
        let line = format!("a plan by {source} came too late and was not used");
        self.story.remark(self.clock, Level::Warning, line);
    }

    /// What memory, or the model that was asked about a fact, did for a plan.
    pub(super) fn remembers_this(&mut self, at: Nanos, line: String) {
        if line.contains("from memory") {
            self.story.from_memory = Some(line.clone());
        }
        self.story.remark(at, Level::Info, line);
    }

    /// What happened so far.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The newest look.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// How whole the newest look was, of one that was refused, too.
    pub fn sight(&self) -> Sight {
        Sight { left_out: self.masked.iter().map(MaskedCamera::to_string).collect(), before_age_secs: None }
    }

    /// The cloud of the newest look.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// What is known of a fact, and why.
    pub fn finding(&self, fact: FactId) -> Option<&Finding> {
        self.perception.finding(fact)
    }

    /// A thing by its name in the plan.
    pub fn thing_named(&self, name: &str) -> Option<&Track> {
        self.perception.thing_named(name)
    }

    /// What is seen, each with its name in the plan.
    pub fn things(&self) -> impl Iterator<Item = (Option<&str>, &Track)> {
        self.perception.tracks().iter().map(|track| (self.perception.name_of(track.id), track))
    }

    /// There will be no plan.
    pub fn gave_up(&self) -> bool {
        self.story.trouble.is_some() && self.plan.is_none()
    }

    /// What the learned policy is told, where it is to say where to go.
    pub fn policy_words(&self, report: &Report) -> Option<&str> {
        let node = self.started.filter(|_| report.wants_policy)?;
        self.plan.as_ref()?.plan.raw().node(node)?.args.instruction.as_deref()
    }

    /// The looks matter no more: without feedback, once the plan runs.
    pub fn is_blind(&self, report: &Report) -> bool {
        self.without.contains(&Without::Feedback) && report.outcome != Outcome::Idle
    }
}
