//! The brain in a lockstep run: it looks at the scene at its rate, plans once, and steers the arm at 200 Hz.
//!
//! Nothing of the simulator goes in but what cameras, joints and gripper measure; see [`Pilot::predict`], whose `plant`
//! stays unused here.

mod context;
mod feel;
mod meant;
mod plans;
mod story;

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_brain::{BrainError, Drafter, Eyes, Look, Perception, Scribe, Withdraw, WithdrawConfig, outcome_text};
use neuraxis_core::{
    Gripper, Instruction, KeyFrame, Nanos, Observation, PolicyError, Pose, Prediction, Progress, StageTimes,
};
use neuraxis_executor::{Event, Events, Executor, Input, Outcome, Request, Want, primitives};
use neuraxis_hippocampus::Memory;
use neuraxis_plan::{FactId, Plan, Scene, Truth};
use neuraxis_policy::PolicyConfig;
use neuraxis_robot::Robot;
use neuraxis_scene::{Finding, Track};
use neuraxis_sim::Plant;
use neuraxis_vision::Cloud;
use serde::{Deserialize, Serialize};

use self::{
    feel::{held, signals, thresholds},
    plans::Coming,
};
pub use self::{plans::open_memory, story::Story};
use crate::{
    config::Config,
    lockstep::{Moment, Pilot, Steer},
};

/// Events of one tick.
const EVENTS: usize = 512;
/// After its plan has ended the brain waits so long for the judge [s].
const AFTER_SECS: f64 = 3.0;
/// A hand this near to a handle has hold of it [m].
const HANDLE_M: f64 = 0.05;

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

/// A brain as a pilot. One per episode.
pub struct BrainPilot {
    robot: Arc<Robot>,
    looks_first: u32,
    look_latency: Nanos,
    plan_latency: Nanos,
    /// Each call of a model beside that [s].
    vlm_secs: f64,
    /// Their pictures go to a model.
    cameras: Vec<String>,
    perception: Perception,
    drafter: Drafter,
    without: Vec<Without>,
    executor: Executor,
    fuse: PolicyConfig,
    cloud: Cloud,
    look: Look,
    /// Looks on their way to the executor.
    coming: Vec<(Nanos, Look)>,
    /// Plans on their way, in the order in which they were asked for.
    drafts: Vec<Coming>,
    memory: Option<Memory>,
    scribe: Option<Scribe>,
    robot_name: String,
    /// What is to be done, as it is meant.
    sentence: String,
    /// Nobody else says when it is done.
    judges_itself: bool,
    asked: Option<u32>,
    plan: Option<(Plan, Scene)>,
    force: Vector3<f64>,
    most_force_n: f64,
    tool_in_world: Vector3<f64>,
    /// At first.
    tool_from: Option<Vector3<f64>>,
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
            vlm_secs: brain.lockstep_vlm_secs,
            cameras: brain.vlm_cameras.clone(),
            perception: Perception::new(brain)?,
            drafter,
            without,
            executor: Executor::new(brain.executor, pool, thresholds()?)?,
            fuse: PolicyConfig::default(),
            cloud: Cloud::default(),
            look: Look::default(),
            coming: Vec::new(),
            drafts: Vec::new(),
            memory: None,
            scribe: None,
            robot_name: config.name.clone(),
            sentence: String::new(),
            judges_itself: false,
            asked: None,
            plan: None,
            force: Vector3::zeros(),
            most_force_n: 0.0,
            tool_in_world: Vector3::zeros(),
            tool_from: None,
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

    /// With nobody else to say when it is done: the run goes on until the brain has ended its plan.
    #[must_use]
    pub fn judging_itself(self, judges_itself: bool) -> Self {
        Self { judges_itself, ..self }
    }

    /// Ends the episode: what happened, and the memory, which has been told.
    pub fn end(mut self) -> (Story, Option<Memory>) {
        let scene = self.plan.as_ref().map(|(_, scene)| scene);
        let ended = scene.map(|scene| outcome_text(&self.outcome, scene));
        self.story.ended = ended.or(self.story.trouble.clone()).unwrap_or_else(|| "nothing was begun".into());
        self.story.goal_seen = self.outcome == Outcome::Succeeded;
        // What is still under way comes too late.
        self.story.late_plans += self.drafts.iter().filter(|coming| coming.is_plan()).count() as u32;
        if let (Some(scribe), Some(memory), Ok(scene)) =
            (self.scribe.take(), &mut self.memory, self.perception.present())
        {
            let told = scribe.end(memory, &self.outcome, &scene, self.now);
            self.story.heard(told.map(|_| ()));
        }
        (self.story, self.memory)
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
        self.answer(seen);
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
        let from = *self.tool_from.get_or_insert(self.tool_in_world);
        self.story.tool_moved_m = self.story.tool_moved_m.max((self.tool_in_world - from).norm());
        let progress = moment.mind.map_or(
            Progress {
                reached_world_from_tool: Pose::new(body.world_from_tool),
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
        let world_from_tool = Pose::new(body.world_from_tool);
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
        let is_open = self.judges_itself && self.story.trouble.is_none();
        (self.scribe.is_some() || is_open) && self.ended_at.is_none()
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
