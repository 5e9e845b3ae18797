//! The brain in a lockstep run: it looks at the scene at its rate, plans once, and steers the arm at 200 Hz.
//!
//! Nothing of the simulator goes in but what cameras, joints and gripper measure; see [`Pilot::predict`], whose `plant`
//! stays unused here.

use std::{collections::BTreeMap, sync::Arc};

use nalgebra::{Matrix6, Vector3, Vector6};
use neuraxis_brain::{
    BodySense, BrainError, Draft, Drafter, Eyes, FailedLeaf, Look, Origin, Perception, Scribe, Withdraw,
    WithdrawConfig, describe,
};
use neuraxis_brainstem::Tick;
use neuraxis_cerebellum::{CerebellumTick, Grasp};
use neuraxis_core::{
    ArmState, Gripper, Instruction, Joints, KeyFrame, Nanos, Observation, PolicyError, Prediction, Progress, StageTimes,
};
use neuraxis_executor::{
    Answer, Ask, Channel, Event, Events, Executor, Input, Outcome, Request, Signals, Thresholds, Want, What, primitives,
};
use neuraxis_hippocampus::{Memory, Stamp};
use neuraxis_plan::{FactId, Plan, RawTest, Scene, Skill, Truth};
use neuraxis_policy::{PolicyConfig, views};
use neuraxis_robot::Robot;
use neuraxis_scene::{Finding, Hand, Track};
use neuraxis_sim::Plant;
use neuraxis_vision::Cloud;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    lockstep::{Moment, Pilot, Steer},
};

/// Events of one tick.
const EVENTS: usize = 512;
/// After its plan has ended the brain waits so long for the judge [s].
const AFTER_SECS: f64 = 3.0;
/// A plan is tried for this many times as long as the first look takes.
const LOOKS_MOST: u32 = 7;
/// Torques of joints that nobody expects [N m]; forces [N] and torques [N m] that a tool meets.
const FRICTION_NM: f64 = 0.7;
const LIKELY_N: f64 = 30.0;
const LIKELY_NM: f64 = 5.0;
/// See [`thresholds`] [s].
const STALL_SECS: f64 = 3.0;
/// A hand this near to a handle has hold of it [m].
const HANDLE_M: f64 = 0.05;
/// Forces are smoothed over this time [s].
const FORCE_SECS: f64 = 0.02;

/// What a brain goes without, to see what it is good for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// Guards and maintained facts.
    Monitors,
    /// Recovery: the first failure is the last.
    Ladder,
    /// Looking: the scene is looked at once, and every step is taken for done.
    Feedback,
}

/// How a brain did, beside success.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What happened, in words.
    pub lines: Vec<String>,
    /// As it happened.
    pub events: Vec<Event>,
    /// The same, each in words.
    pub told: Vec<(Event, String)>,
    /// How far each node of the present plan is, as a sign: in work, done, failed.
    pub marks: BTreeMap<u16, char>,
    /// Force on the tool at which the skill that runs is broken off [N].
    pub force_limit_n: Option<f64>,
    /// Plans asked for, the first included.
    pub plans: u32,
    /// The first plan came from memory.
    pub reused: bool,
    /// Why there is no plan, if there is none.
    pub trouble: Option<String>,
}

/// A brain as a pilot. One per episode.
pub struct BrainPilot {
    robot: Arc<Robot>,
    looks_first: u32,
    look_latency: Nanos,
    plan_latency: Nanos,
    perception: Perception,
    drafter: Drafter,
    without: Vec<Without>,
    executor: Executor,
    fuse: PolicyConfig,
    cloud: Cloud,
    look: Look,
    /// Looks on their way to the executor.
    coming: Vec<(Nanos, Look)>,
    /// A plan on its way.
    draft: Option<(Nanos, Option<u32>, Option<Box<(Draft, Scene)>>)>,
    memory: Option<Memory>,
    scribe: Option<Scribe>,
    robot_name: String,
    asked: Option<u32>,
    plan: Option<(Plan, Scene)>,
    force: Vector3<f64>,
    most_force_n: f64,
    tool_in_world: Vector3<f64>,
    seq: u64,
    slots: Box<[Event; EVENTS]>,
    story: Story,
    outcome: Outcome,
    ended_at: Option<Nanos>,
    request: Option<Request>,
    /// Free key-frames go out with what is seen, for a planner of ways.
    ways_are_planned: bool,
    free: Option<KeyFrame>,
    withdraw: Withdraw,
    withdraw_config: WithdrawConfig,
    now: Nanos,
}

impl BrainPilot {
    /// With a planner, for one task.
    pub fn new(
        config: &Config,
        robot: Arc<Robot>,
        drafter: Drafter,
        without: Vec<Without>,
    ) -> Result<Self, BrainError> {
        let brain = &config.brain;
        let pool = primitives(brain.primitives)?;
        Ok(Self {
            robot,
            looks_first: brain.looks_first,
            look_latency: Nanos::from_secs(brain.lockstep_look_secs),
            plan_latency: Nanos::from_secs(brain.lockstep_plan_secs),
            perception: Perception::new(brain)?,
            drafter,
            without,
            executor: Executor::new(brain.executor, pool, thresholds()?)?,
            fuse: PolicyConfig::default(),
            cloud: Cloud::default(),
            look: Look::default(),
            coming: Vec::new(),
            draft: None,
            memory: None,
            scribe: None,
            robot_name: config.name.clone(),
            asked: None,
            plan: None,
            force: Vector3::zeros(),
            most_force_n: 0.0,
            tool_in_world: Vector3::zeros(),
            seq: 0,
            slots: Box::new([Event::NONE; EVENTS]),
            story: Story::default(),
            outcome: Outcome::Idle,
            ended_at: None,
            request: None,
            ways_are_planned: false,
            free: None,
            withdraw: Withdraw::default(),
            withdraw_config: brain.withdraw,
            now: Nanos::default(),
        })
    }

    /// Lets a planner find the way to free key-frames.
    #[must_use]
    pub fn with_planned_ways(self, planned: bool) -> Self {
        Self { ways_are_planned: planned, ..self }
    }

    /// What happened so far.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The plan that runs, and its scene.
    pub fn plan(&self) -> Option<&(Plan, Scene)> {
        self.plan.as_ref()
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

    /// What is seen, each with its name in the plan.
    pub fn things(&self) -> impl Iterator<Item = (Option<&str>, &Track)> {
        self.perception.tracks().iter().map(|track| (self.perception.name_of(track.id), track))
    }

    /// Force on the tool, smoothed [N].
    pub fn force_n(&self) -> f64 {
        self.force.norm()
    }

    /// Where the tool is [m].
    pub fn tool_in_world(&self) -> Vector3<f64> {
        self.tool_in_world
    }

    /// With a memory that is asked first and told afterwards.
    #[must_use]
    pub fn with_memory(self, memory: Option<Memory>) -> Self {
        Self { memory, ..self }
    }

    /// Ends the episode: what happened, and the memory, which has been told.
    pub fn end(mut self) -> (Story, Option<Memory>) {
        if let (Some(scribe), Some(memory), Ok(scene)) =
            (self.scribe.take(), &mut self.memory, self.perception.present())
        {
            let told = scribe.end(memory, &self.outcome, &scene, self.now);
            self.story.heard(told.map(|_| ()));
        }
        (self.story, self.memory)
    }

    /// Looks, and begins the task once the scene has been seen often enough.
    fn see(&mut self, seen: &Observation, words: &Instruction) -> Result<(), String> {
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
    fn answer(&mut self, words: &str) {
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
    fn deliver(&mut self, now: Nanos) {
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

    fn note(&mut self, events: &[Event]) {
        self.story.events.extend_from_slice(events);
        if let Some(scribe) = &mut self.scribe {
            let told = scribe.events(events);
            self.story.heard(told);
        }
        if let Some((plan, scene)) = &self.plan {
            for event in events {
                let mut line = describe(event, plan, scene);
                match event.what {
                    What::Started => self.most_force_n = 0.0,
                    What::Confirming => line += &format!(", {:.0} N at most", self.most_force_n),
                    _ => {}
                }
                match event.what {
                    What::Entered | What::Started | What::Confirming => drop(self.story.marks.insert(event.node, '>')),
                    What::Succeeded => drop(self.story.marks.insert(event.node, '+')),
                    What::Failed => drop(self.story.marks.insert(event.node, 'x')),
                    _ => {}
                }
                if event.what == What::Started {
                    self.story.force_limit_n = force_limit_n(event.node, plan);
                }
                self.story.told.push((*event, line.clone()));
                self.story.lines.push(line);
                if event.what == What::Failed {
                    self.story.lines.extend(self.unclear(event.node, plan, scene));
                }
            }
        }
    }

    fn prediction(&mut self, now: Nanos, epoch: u32, keyframe: KeyFrame) -> Prediction {
        self.seq += 1;
        Prediction {
            seq: self.seq,
            epoch,
            observed_at: now,
            keyframe,
            confidence: 1.0,
            times: StageTimes::default(),
            path: None,
        }
    }

    /// What was not known of the facts that a node is about, and why.
    fn unclear(&self, node: u16, plan: &Plan, scene: &Scene) -> Vec<String> {
        let raw = plan.raw().nodes.iter().find(|raw| raw.id == node);
        let names = raw
            .into_iter()
            .flat_map(|raw| raw.post.iter().chain(raw.maintain.iter().filter_map(|maintain| maintain.pred.as_ref())));
        let facts = names.filter_map(|name| scene.literal(name).ok());
        let findings = facts.filter_map(|literal| self.perception.finding(literal.fact));
        let line = |f: &Finding| format!("            {} is {:?}: {}", scene.name(f.fact), f.truth, f.why);
        let args = raw_args(node, plan);
        let things = args.iter().filter_map(|name| Some((name, self.perception.thing_named(name)?)));
        let things = things
            .map(|(name, track)| format!("            {name}: {}, seen at {:.1} s", track.thing, track.seen_at.secs()));
        let [x, y, z] = [self.tool_in_world.x, self.tool_in_world.y, self.tool_in_world.z];
        let force = format!("            force on the tool {:.1} N, at ({x:.3}, {y:.3}, {z:.3}) m", self.force.norm());
        findings.map(line).chain(things).chain([force]).collect()
    }

    fn body(&mut self, moment: &Moment<'_>) -> BodySense {
        let world_from_tool = self.robot.world_from_tool(&moment.state.q).iso;
        self.tool_in_world = world_from_tool.translation.vector;
        let force = force_in_world(&self.robot, moment.state, moment.commanded);
        let share = (0.005 / FORCE_SECS).min(1.0);
        self.force += share * (force - self.force);
        self.most_force_n = self.most_force_n.max(self.force.norm());
        let twist = self.robot.jacobian(&moment.state.q).0.twist(&moment.state.qd);
        let velocity = self.robot.world_from_base().rotation() * twist.fixed_rows::<3>(0).into_owned();
        BodySense {
            world_from_tool,
            velocity_in_world_m_s: velocity,
            force_in_world_n: self.force.iter().all(|v| v.is_finite()).then_some(self.force),
            grip_width_m: moment.state.gripper_width_m,
        }
    }
}

impl Pilot for BrainPilot {
    fn looks(&self) -> bool {
        true
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        _plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        self.see(seen, words).map_err(|reason| PolicyError::Observation { seq: seen.seq, reason })?;
        if let Some(trouble) = &self.story.trouble {
            return Err(PolicyError::Instruction { text: words.text.to_string(), reason: trouble.clone() });
        }
        self.answer(&words.text);
        // A way there is planned from what is seen now.
        Ok(self.free.map(|keyframe| self.prediction(seen.stamp, words.epoch, keyframe)))
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        let now = moment.now;
        self.now = now;
        self.deliver(now);
        while let Some(at) = self.coming.iter().position(|(due, _)| *due <= now) {
            self.look = self.coming.remove(at).1;
        }
        let body = self.body(moment);
        let progress = moment.mind.map_or(
            Progress {
                reached_world_from_tool: self.robot.world_from_tool(&moment.state.q),
                gripper: Gripper::Open,
                reached_count: 0,
            },
            |mind| mind.progress,
        );
        let held = held(moment.mind);
        let eyes = Eyes { look: &self.look, body };
        let input = Input {
            now,
            observed: (self.look.observed.stamp > Nanos::default()).then_some(&self.look.observed),
            sights: &eyes,
            signals: signals(moment, &body),
            progress,
            held,
            fault: moment.mind.and_then(|mind| mind.fault).or(moment.commanded.fault),
        };
        let mut events = Events::new(&mut self.slots[..]);
        let tick = self.executor.tick(&input, &mut events);
        let written = events.written().to_vec();
        self.note(&written);
        if !matches!(tick.outcome, Outcome::Running | Outcome::Idle) && self.ended_at.is_none() {
            self.ended_at = Some(now);
        }
        (self.outcome, self.request) = (tick.outcome, tick.request);
        // What the hand has hold of stays there, unless it is a handle.
        let at_handle = self.look.handle_distance_m(&body.world_from_tool.translation.vector);
        let holds = held == Truth::True && at_handle.is_none_or(|distance_m| distance_m > HANDLE_M);
        let world_from_tool = self.robot.world_from_tool(&moment.state.q);
        let back = self.withdraw.tick(now, tick.waits, holds, &progress, &world_from_tool, &self.withdraw_config);
        self.free = None;
        match (tick.want, back) {
            (Want::Still, Some(keyframe)) => Steer::Reach(self.prediction(now, moment.epoch, keyframe), tick.speed),
            (Want::Still, None) => Steer::Rest,
            (Want::Policy, _) => Steer::AsPredicted(tick.speed),
            (Want::Reach(keyframe), _) if self.ways_are_planned && !keyframe.ignore_collisions => {
                self.free = Some(keyframe);
                Steer::AsPredicted(tick.speed)
            }
            (Want::Reach(keyframe) | Want::Touch(keyframe), _) => {
                Steer::Reach(self.prediction(now, moment.epoch, keyframe), tick.speed)
            }
        }
    }

    fn is_busy(&self) -> bool {
        // What is remembered is what the brain itself has observed.
        self.scribe.is_some() && self.ended_at.is_none()
    }

    fn is_over(&self) -> bool {
        let gave_up = self.story.trouble.is_some() && self.plan.is_none();
        gave_up || self.ended_at.is_some_and(|at| self.now.secs_since(at) > AFTER_SECS)
    }
}

/// A brain that is shown another world as the true one: what it does must not change.
pub struct Poisoned<'a> {
    /// The brain.
    pub brain: &'a mut BrainPilot,
    /// Of another scene.
    pub world: Plant,
}

impl Pilot for Poisoned<'_> {
    fn looks(&self) -> bool {
        self.brain.looks()
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        _plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        self.brain.predict(seen, words, &self.world)
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        self.brain.steer(moment)
    }

    fn is_over(&self) -> bool {
        self.brain.is_over()
    }

    fn is_busy(&self) -> bool {
        self.brain.is_busy()
    }
}

/// Where the guard of a node's force lies [N].
fn force_limit_n(node: u16, plan: &Plan) -> Option<f64> {
    let raw = plan.raw().nodes.iter().find(|raw| raw.id == node)?;
    let is_force = |guard: &&RawTest| guard.expr.get(0).and_then(|word| word.as_str()) == Some("force");
    raw.guards.iter().find(is_force).map(|guard| guard.val)
}

/// Wall-clock time: memories outlive the process.
fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Story {
    /// A memory that cannot be told goes on record; it stops nothing.
    fn heard(&mut self, told: Result<(), BrainError>) {
        if let Err(error) = told {
            self.lines.push(format!("memory: {error}"));
        }
    }

    /// Recoveries by level, L2 to L6.
    pub fn recoveries(&self) -> [u32; 5] {
        let mut counts = [0; 5];
        for event in &self.events {
            if let What::Recovering(level @ 2..=6) = event.what {
                counts[usize::from(level) - 2] += 1;
            }
        }
        counts
    }
}

/// Names of the things that a node is about.
fn raw_args(node: u16, plan: &Plan) -> Vec<String> {
    let raw = plan.raw().nodes.iter().find(|raw| raw.id == node);
    let args = raw.map(|raw| [&raw.args.obj, &raw.args.from, &raw.args.to, &raw.args.at]);
    args.into_iter().flatten().flatten().cloned().collect()
}

/// Until there are runs to calibrate from: whoever does not come nearer for so long will not arrive.
fn thresholds() -> Result<Thresholds, BrainError> {
    let mut thresholds = Thresholds::default();
    for skill in Skill::ALL.into_iter().filter(|skill| skill.moves() && *skill != Skill::Policy) {
        thresholds.arm(skill, Channel::Stall, STALL_SECS)?;
    }
    Ok(thresholds)
}

fn held(mind: Option<&CerebellumTick>) -> Truth {
    match mind.map(|mind| mind.grasp) {
        Some(Grasp::Held) => Truth::True,
        Some(Grasp::Empty | Grasp::Open) => Truth::False,
        None => Truth::Unknown,
    }
}

fn signals(moment: &Moment<'_>, body: &BodySense) -> Signals {
    let is_held = moment.mind.is_some_and(|mind| mind.grasp == Grasp::Held);
    let active = moment.mind.and_then(|mind| mind.active);
    let tool = body.world_from_tool.translation.vector;
    Signals {
        tracking_rad: Some(moment.state.q.max_abs_diff(&moment.commanded.command.q)),
        held_width_m: is_held.then_some(moment.state.gripper_width_m),
        held_force_n: moment.state.grip_force_n.filter(|_| is_held),
        distance_m: active.map(|keyframe| (keyframe.world_from_tool.position() - tool).norm()),
        ..Signals::default()
    }
}

/// Force on the tool from outside [N], from the torques that the commanded motion does not take: the most likely wrench
/// if joints differ by their friction and forces are such as a tool meets. Without that, near a singularity a little
/// friction would look like a large force.
fn force_in_world(robot: &Robot, state: &ArmState, commanded: &Tick) -> Vector3<f64> {
    let (jacobian, _) = robot.jacobian(&state.q);
    let likely = Vector6::new(LIKELY_N, LIKELY_N, LIKELY_N, LIKELY_NM, LIKELY_NM, LIKELY_NM);
    let mut normal = Matrix6::from_diagonal(&likely.map(|most| (FRICTION_NM / most).powi(2)));
    let mut right = Vector6::zeros();
    for (i, column) in jacobian.columns().iter().enumerate() {
        let tau = |joints: &Joints| joints.get(i).copied().unwrap_or(0.0);
        normal += column * column.transpose();
        right += column * (tau(&state.tau_nm) - tau(&commanded.command.tau_nm));
    }
    let wrench = normal.cholesky().map_or(Vector6::zeros(), |c| c.solve(&right));
    robot.world_from_base().rotation() * -wrench.fixed_rows::<3>(0).into_owned()
}
