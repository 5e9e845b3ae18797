//! Who answers questions for plans: memory and a planner. Allocates, and may take seconds where a model is asked.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use neuraxis_brain::{
    BrainError, Draft, Drafter, FailedLeaf, Learned, ModelUse, Origin, Scribe, put_back_instruction, recollect,
};
use neuraxis_core::Nanos;
use neuraxis_cortex::vlm::{Cancel, Context, Image};
use neuraxis_executor::{Outcome, Reason};
use neuraxis_hippocampus::{Memory, RepairId, Stamp};
use neuraxis_plan::{FactId, Plan, Scene, Truth};
use neuraxis_robot::Robot;

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
    Replan {
        /// What the one before failed for because nobody knows whether it holds.
        unknown: Option<FactId>,
        /// Repairs that did not help.
        tried: BTreeSet<RepairId>,
    },
}

/// A question for a plan.
pub struct Question {
    /// Which task it is about.
    pub task: u32,
    /// Which sentence the task is from: the calls of a model are counted for each.
    pub sentence: u32,
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
    /// Nobody has asked: why memory was not told something, as in [`Plans::troubles`].
    Untold(String),
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
    /// A fact that a model was asked about, and whether it holds.
    pub checked: Option<(FactId, bool)>,
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
mod tests {
    use std::time::Instant;

    use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
    use neuraxis_hippocampus::{Attempt, Likeness, Ranking, Reuse};
    use neuraxis_plan::SceneFile;

    use neuraxis_brain::PlannerKind;

    use super::{
        wire::{Act, Server, good},
        *,
    };
    use crate::config::workspace_root;

    const SAID: &str = "put the red block in the top drawer and close it";

    fn scene(root: &Path) -> Scene {
        let text = std::fs::read_to_string(root.join("sim/scenes/workbench.yaml")).unwrap();
        Scene::try_from(serde_yaml::from_str::<SceneFile>(&text).unwrap()).unwrap()
    }

    /// With the sentence encoder that is shipped: what means the same is done as before, what does not is planned anew.
    #[test]
    fn a_paraphrase_is_done_from_memory_and_another_task_is_not() {
        let root = workspace_root().unwrap();
        let config = Config::load(&root, "fr3").unwrap();
        let folder = std::env::temp_dir().join(format!("neuraxis-paraphrase-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut memory = open_memory(&config, &folder.join("memory.sqlite")).unwrap();
        let scene = scene(&root);
        let plan = SymbolicPlanner.plan(&PlanRequest { instruction: SAID, scene: &scene, epoch: 0 }).unwrap().plan;
        let at = |secs: i64| Stamp::from_unix_ms(1_800_000_000_000 + 1000 * secs);
        let mut notes = memory.begin(SAID, &scene, "fr3", at(0)).unwrap();
        let attempt = Attempt { plan: plan.clone(), source: "symbolic".into(), derived_from: None };
        notes.attempt(attempt, at(0)).unwrap();
        let mut done = scene.clone();
        let facts = ["on(red_block,table)", "visible(red_block)", "in(red_block,top_drawer)"];
        let state = facts
            .iter()
            .fold(*scene.state(), |state, text| state.with(scene.literal(text).unwrap().fact, text.starts_with("in(")));
        done.set_state(state).unwrap();
        memory.commit(&notes.conclude(&done, &plan.goal, at(20)).unwrap()).unwrap();

        let any = Ranking { least_similarity: -1.0, ..Ranking::default() };
        let mut cosine = |sentence: &str| memory.recall(sentence, at(30), &any).unwrap()[0].similarity;
        let same = "place the red block into the top drawer, then shut the drawer";
        let others = [
            "put the blue block in the top drawer and close it",
            "take the red block out of the top drawer",
            "press the pink button",
        ];
        say!("{:.2} {same}", cosine(same));
        others.iter().for_each(|other| say!("{:.2} {other}", cosine(other)));
        match memory.reuse(same, &scene, None).unwrap() {
            Reuse::Found(found) => assert!(found.likeness == Likeness::OtherWords, "{found}"),
            Reuse::Nothing { why } => panic!("{why:?}"),
        }
        for other in others {
            match memory.reuse(other, &scene, None).unwrap() {
                // Another block in the same words is the same with another block.
                Reuse::Found(found) => {
                    say!("{other}: {found}");
                    assert!(found.likeness != Likeness::OtherWords, "{other}: {found}");
                }
                Reuse::Nothing { why } => say!("{other}: {why:?}"),
            }
        }
        // What a question costs, the encoder's time included.
        let mut millis: Vec<f64> = (0..50)
            .map(|i| {
                let began = Instant::now();
                memory.reuse(&format!("{same} {i}"), &scene, None).unwrap();
                1e3 * began.elapsed().as_secs_f64()
            })
            .collect();
        millis.sort_by(f64::total_cmp);
        say!("a question with its encoding: p50 {:.1} ms, most {:.1} ms", millis[25], millis[49]);
        drop(memory);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// A new plan, because nobody knows whether the middle drawer is shut.
    fn replanned(server: &Server, checks: bool) -> (PlanReply, FactId) {
        let root = workspace_root().unwrap();
        let mut config = Config::load(&root, "fr3").unwrap();
        (config.brain.planner, config.brain.vlm) = (PlannerKind::Vlm, wire::config(server));
        config.brain.vlm_checks = checks;
        config.brain.validate().unwrap();
        let robot = Arc::new(config.load_robot().unwrap());
        let mut plans = Plans::new(&config, drafter(&config, robot).unwrap(), None);
        let mut scene = scene(&root);
        let fact = scene.literal("closed(middle_drawer)").unwrap().fact;
        let hidden = ["closed(middle_drawer)", "open(middle_drawer)"].map(|text| scene.literal(text).unwrap().fact);
        scene.set_state(scene.state().forget(&hidden.into_iter().collect())).unwrap();
        let wanted = Wanted::Replan { unknown: Some(fact), tried: BTreeSet::new() };
        let (words, at) = (SAID.into(), Nanos::from_secs(1.0));
        let image = Image::new("front", vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10], Vec::new()).unwrap();
        let context = Some(Box::new(Context { images: vec![image], ..Context::default() }));
        let question = Question { task: 1, sentence: 1, id: Some(1), epoch: 1, wanted, words, context, scene, at };
        match plans.answer(question) {
            Reply::Plan(reply) => (*reply, fact),
            Reply::Meant { .. } | Reply::Untold(_) => panic!("nobody asked what it means"),
        }
    }

    #[test]
    fn a_model_that_may_be_asked_about_a_fact_is_and_its_word_is_in_the_new_plans_scene() {
        for (answer, checked) in [("true", Some(true)), ("false", Some(false)), ("unknown", None), ("maybe", None)] {
            let server = Server::new([Act::say(format!("{{\"answer\": \"{answer}\"}}")), Act::plan(&good())]);
            let (reply, fact) = replanned(&server, true);
            say!("{answer}: {:?} {:?}", reply.lines, reply.draft.as_ref().err());
            assert_eq!(reply.checked, checked.map(|holds| (fact, holds)), "{answer}");
            let asked = server.asked();
            assert!(asked[0].last_words().contains("Is this so in what the images show: closed(middle_drawer)?"));
            let scene = asked[1].last_words();
            let (_, holds) = scene.split_once("\"holds\":").unwrap();
            let holds = holds.split(']').next().unwrap();
            assert_eq!(holds.contains("closed(middle_drawer)"), checked == Some(true), "{answer}: {holds}");
            // A plan that assumes the drawer to be shut is begun only if it is.
            assert_eq!(reply.draft.is_ok(), checked == Some(true), "{answer}");
        }
        let server = Server::new([Act::plan(&good()), Act::plan(&good())]);
        let (reply, _) = replanned(&server, false);
        assert_eq!((reply.checked, reply.lines.len()), (None, 0));
        assert!(!server.asked()[0].body.contains("Is this so"), "the switch is off");
    }
}
