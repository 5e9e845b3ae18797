//! The brain's slow half: it looks at the scene, asks for plans, and knows in words what happened. Allocates.

use neuraxis_brain::{Draft, Look, ModelUse, Perception, Scribe, outcome_text};
use neuraxis_core::{Instruction, Nanos, Observation};
use neuraxis_episode::Level;
use neuraxis_executor::{Answer, Ask, Outcome, What};
use neuraxis_plan::{FactId, Plan, Scene};
use neuraxis_policy::{PolicyConfig, views};
use neuraxis_scene::{Finding, Hand, Track};
use neuraxis_vision::Cloud;

use super::{
    Without,
    context::context,
    plans::{PlanReply, Plans, Question, Record, Reply, Wanted},
    reflex::{Order, Report, Told},
    story::Story,
};
use crate::config::Config;

/// A plan is tried for this many times as long as the first look takes.
const LOOKS_MOST: u32 = 7;

/// The slow half. One task at a time.
pub struct Mind {
    perception: Perception,
    looks_first: u32,
    fuse: PolicyConfig,
    cloud: Cloud,
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
            fuse: PolicyConfig::default(),
            cloud: Cloud::default(),
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
            clock: Nanos::default(),
            zero: Nanos::default(),
            story: Story::default(),
        })
    }

    /// From when on seconds are counted in what is told.
    #[cfg(feature = "viz")]
    pub fn count_from(&mut self, zero: Nanos) {
        self.zero = zero;
    }

    /// Looks; asks for the first plan once the scene has been seen often enough. `epoch`: the executor's.
    pub fn see(&mut self, seen: &Observation, words: &Instruction, epoch: u32) -> Result<Option<Question>, String> {
        self.clock = seen.stamp;
        views::fuse(seen, &self.fuse, &mut self.cloud).map_err(|e| e.to_string())?;
        let hand = Hand {
            world_from_tool: seen.world_from_tool,
            gripper: seen.progress.gripper,
            width_m: seen.gripper_width_m,
        };
        self.perception
            .look(seen.stamp, &self.cloud.xyz_in_world, &self.cloud.rgb, &hand)
            .map_err(|e| e.to_string())?;
        let is_due = self.perception.scene().is_none() && self.perception.looks() >= self.looks_first;
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
            self.story.heard(told);
        }
        Ok(question)
    }

    fn context(&self, seen: &Observation) -> Option<Box<neuraxis_cortex::vlm::Context>> {
        self.model_sees.as_ref().map(|cameras| Box::new(context(&self.story, seen, cameras)))
    }

    /// There is no first plan: another look may show more, for a while.
    fn no_plan(&mut self, why: &str, is_final: bool) {
        if self.perception.looks() < LOOKS_MOST * self.looks_first && !is_final {
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

    /// What the executor asks for, once.
    pub fn question(&mut self, report: &Report, seen: &Observation, words: &str) -> Option<Question> {
        let request = report.request.filter(|request| self.asked != Some(request.id))?;
        self.asked = Some(request.id);
        let scene = self.perception.present();
        let scene = scene.map_err(|why| self.story.lines.push(format!("no {:?}: {why}", request.ask))).ok()?;
        let wanted = match (request.ask, &self.plan) {
            (Ask::Recall, Some(PlanInForce { plan, .. })) => Wanted::Repair {
                plan: Box::new(plan.clone()),
                node: request.node,
                reason: request.reason,
                tried: self.scribe.as_ref().map(|scribe| scribe.tried().clone()).unwrap_or_default(),
            },
            _ => {
                self.story.plans += 1;
                let tried = self.scribe.as_ref().map(|scribe| scribe.tried().clone()).unwrap_or_default();
                Wanted::Replan { unknown: request.reason.unknown(), tried }
            }
        };
        let (task, sentence, id) = (self.task, self.sentence, Some(request.id));
        let (epoch, context) = (request.epoch, self.context(seen));
        let words = self.meant.as_deref().unwrap_or(words).to_string();
        Some(Question { task, sentence, id, epoch, wanted, words, context, scene, at: report.now })
    }

    /// Takes an answer: what the executor is to be told.
    pub fn take(&mut self, reply: Reply) -> Option<Order> {
        let reply = match reply {
            Reply::Plan(reply) => *reply,
            Reply::Meant { task, words, said } => {
                if task == self.task {
                    self.take_meaning(words, said);
                }
                return None;
            }
        };
        let PlanReply { task, id, epoch, draft, is_final, lines, reused, scribe, model, checked } = reply;
        if task != self.task {
            self.account(model, id.is_none());
            self.late(draft.as_ref().map_or("nobody", |draft| draft.0.source));
            return None;
        }
        if scribe.is_some() {
            (self.scribe, self.story.reused) = (scribe, reused);
        }
        self.account(model, id.is_none());
        if let Some((fact, holds)) = checked {
            self.perception.believe(fact, holds);
        }
        lines.into_iter().for_each(|line| self.remembers_this(self.clock, line));
        let program = match (draft, id) {
            (Ok(draft), _) => Some(self.offer(*draft, epoch)),
            (Err(why), None) => {
                self.no_plan(&why, is_final);
                None
            }
            (Err(why), Some(_)) => {
                self.story.remark(self.clock, Level::Warning, format!("no plan: {why}"));
                None
            }
        };
        match id {
            Some(id) => Some(Order::Answer(Answer { id, epoch, program })),
            None => program.map(|program| Order::Begin(epoch, program)),
        }
    }

    fn take_meaning(&mut self, words: String, said: Result<Option<String>, String>) {
        match said {
            Ok(None) => self.meant = Some(words),
            Ok(Some(plain)) => {
                self.story.lines.push(format!("{words}: that is, {plain}"));
                self.meant = Some(plain);
            }
            Err(why) => return self.no_plan(&why, false),
        }
        // The next look begins with it.
        self.perception.end();
    }

    /// Keeps count of the model's calls since the last time.
    fn account(&mut self, model: ModelUse, is_first: bool) {
        let before = std::mem::replace(&mut self.story.model, model);
        let model = self.story.model.clone();
        if let (true, Some(why)) = (model.failures > before.failures, &model.why) {
            let line = format!("no plan by the model: {why}");
            self.story.remark(self.clock, Level::Warning, line);
        }
        if is_first {
            self.story.first_calls = model.calls;
        }
        if let Some(scribe) = &mut self.scribe {
            (before.calls..model.calls).for_each(|_| scribe.vlm_called());
        }
    }

    fn offer(&mut self, (draft, scene): (Draft, Scene), epoch: u32) -> Box<neuraxis_executor::Program> {
        let program = self.without.iter().fold(draft.program.clone(), |program, without| match without {
            Without::Monitors => program.without_watches(),
            Without::Ladder => program.without_ladder(),
            Without::Feedback => program.without_facts(),
        });
        self.offered = Some(Offered { draft, scene, epoch });
        program
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

    /// The executor has taken over what it was offered, or found it late, as its events tell.
    fn settle(&mut self, told: &Told) {
        let Some(Offered { draft, scene, epoch }) = self
            .offered
            .take_if(|offered| told.event.what == What::Late || told.event.epoch == offered.epoch.wrapping_add(1))
        else {
            return;
        };
        if told.event.what == What::Late {
            return self.late(draft.source);
        }
        self.story.lines.push(format!("plan by {}\n{}", draft.source, neuraxis_plan::outline(&draft.plan, &scene)));
        self.story.marks.clear();
        if let Some(scribe) = &mut self.scribe {
            let told = scribe.attempt(&draft, told.event.at);
            self.story.heard(told);
        }
        self.before = self.plan.take();
        self.plan = Some(PlanInForce { plan: draft.plan, scene, epoch: epoch.wrapping_add(1) });
    }

    /// Keeps what happened; tells memory.
    pub fn note(&mut self, told: &[Told]) {
        for told in told {
            self.clock = told.event.at.max(self.clock);
            self.settle(told);
            let is_in_force = self.plan.as_ref().is_some_and(|plan| plan.epoch == told.event.epoch);
            if let Some(scribe) = self.scribe.as_mut().filter(|_| is_in_force) {
                let heard = scribe.events(&[told.event]);
                self.story.heard(heard);
            }
            if told.event.what == What::Started {
                self.started = Some(told.event.node);
            }
            let about = if is_in_force { &self.plan } else { &self.before };
            let Some(about) = about.as_ref().or(self.plan.as_ref()) else { continue };
            let unclear = match told.event.what {
                What::Failed => self.unclear(told, &about.plan, &about.scene),
                _ => Vec::new(),
            };
            self.story.tell(told, self.zero, &about.plan, &about.scene);
            self.story.lines.extend(unclear);
        }
    }

    /// The task is over, or another sentence came: things stay known. What is to be remembered of it comes back.
    #[must_use]
    pub fn end_task(&mut self, outcome: Outcome, at: Nanos) -> Option<Record> {
        let record = self.record(outcome, at);
        self.perception.end();
        self.task += 1;
        (self.offered, self.meant, self.story.from_memory) = (None, None, None);
        self.before = self.plan.take();
        (self.story.trouble, self.story.force_limit_n) = (None, None);
        self.story.marks.clear();
        record
    }

    /// Another sentence came. Its number: what is asked about an earlier one need not be answered any more.
    #[cfg(feature = "viz")]
    pub fn hear(&mut self) -> u32 {
        self.sentence += 1;
        self.sentence
    }

    /// What is to be remembered of a task that is over, once.
    pub fn record(&mut self, outcome: Outcome, at: Nanos) -> Option<Record> {
        let scene = self.perception.present().ok()?;
        Some(Record { scribe: self.scribe.take()?, outcome, scene, at })
    }

    /// Ends: memory is told how it ended.
    pub fn end(mut self, plans: &mut Plans, report: &Report) -> Story {
        let ended = self.plan.as_ref().map(|plan| outcome_text(&report.outcome, &plan.scene));
        self.story.ended = ended.or(self.story.trouble.clone()).unwrap_or_else(|| "nothing was begun".into());
        self.story.goal_seen = report.outcome == Outcome::Succeeded;
        self.story.tool_moved_m = report.felt.moved_m;
        self.record(report.outcome, report.now).into_iter().for_each(|record| plans.keep(record));
        self.story.lines.extend(plans.troubles().iter().cloned());
        self.story
    }

    /// What happened so far.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The newest look.
    pub fn look(&self) -> &Look {
        &self.look
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
