//! The brain's fast half: 200 Hz, beside the cerebellum. It ticks the executor and says what the arm shall do.
//!
//! Allocates while it is made and in nothing else; what it has done with comes back to be freed elsewhere.

use std::sync::Arc;

use anyhow::{Context, Result};
use nalgebra::Vector3;
use neuraxis_brain::{DeadEnd, Eyes, GiveWay, Look, Withdraw, WithdrawConfig};
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_core::{ArmState, Fault, Gripper, Joints, KeyFrame, Nanos, Pose, Prediction, Progress, StageTimes};
use neuraxis_executor::{
    Answer, Event, Events, Executor, Input, LearnedSkill, Outcome, Program, Request, Scores, Thresholds, Want, What,
    primitives,
};
use neuraxis_plan::{Skill, Truth};
use neuraxis_robot::{Robot, contact::Detector};

use super::{Without, feel::held};
use crate::config::Config;

/// Events of one tick.
const EVENTS: usize = 512;
/// A hand this near to a handle has hold of it [m].
const HANDLE_M: f64 = 0.05;

/// The body as it is felt each 5 ms.
pub struct Moment<'a> {
    /// Now.
    pub now: Nanos,
    /// Number of the task instance, for predictions.
    pub epoch: u32,
    /// The arm.
    pub state: &'a ArmState,
    /// Where the joints were told to be [rad].
    pub commanded_q: Joints,
    /// Torques of the commanded motion [N m].
    pub commanded_tau_nm: Joints,
    /// What the brainstem complains about.
    pub fault: Option<Fault>,
    /// What the cerebellum did before.
    pub mind: Option<&'a CerebellumTick>,
}

/// How something is to be done.
#[derive(Copy, Clone, Debug)]
pub struct Manner {
    /// Share of the greatest speed.
    pub speed: f64,
    /// How firmly fingers shall close that close now [N]; `None`: as they usually do.
    pub grip_force_n: Option<f64>,
}

impl Manner {
    /// At full speed, with the usual force.
    pub const USUAL: Self = Self { speed: 1.0, grip_force_n: None };
}

/// What is wanted of the arm.
// A box would allocate in the tick.
#[allow(clippy::large_enum_variant)]
#[derive(Copy, Clone, Debug)]
pub enum Steer {
    /// What was predicted.
    AsPredicted(Manner),
    /// To go there.
    Reach(Prediction, Manner),
    /// To stand still.
    Rest,
}

impl Steer {
    /// Tells the cerebellum in what manner, no faster than `fastest`, or to rest; what it is to follow comes back.
    pub fn pass_on(
        self,
        cerebellum: &mut Cerebellum,
        now: Nanos,
        predicted: Option<Prediction>,
        fastest: f64,
    ) -> Option<Prediction> {
        let (wanted, manner) = match self {
            Self::AsPredicted(manner) => (predicted, manner),
            Self::Reach(prediction, manner) => (Some(prediction), manner),
            Self::Rest => {
                cerebellum.rest(now);
                (None, Manner::USUAL)
            }
        };
        cerebellum.set_speed_scale(fastest.min(manner.speed));
        cerebellum.set_grip_force(manner.grip_force_n);
        wanted
    }
}

/// What the slow half has for the executor.
pub enum Order {
    /// A task's first plan, made for this epoch.
    Begin(u32, Box<Program>),
    /// To a request.
    Answer(Answer),
    /// To end the plan: the arm rests.
    Stop,
    /// No way was found to this key-frame, which was to be gone to.
    NoWay(KeyFrame),
}

/// What the body felt.
#[derive(Copy, Clone, Debug, Default)]
pub struct Felt {
    /// Force on the tool, smoothed [N].
    pub force_n: f64,
    /// Its most since a skill was started [N].
    pub most_force_n: f64,
    /// Where the tool is [m].
    pub tool_in_world: Vector3<f64>,
    /// How far it went from where it was at first [m].
    pub moved_m: f64,
}

/// Something that happened, and what the body felt then.
#[derive(Copy, Clone, Debug)]
pub struct Told {
    /// What happened.
    pub event: Event,
    /// Then.
    pub felt: Felt,
}

/// How things stand after a tick.
#[derive(Copy, Clone, Debug)]
pub struct Report {
    /// Time of the tick.
    pub now: Nanos,
    /// Who makes a plan names this in it.
    pub epoch: u32,
    /// Whether the plan runs.
    pub outcome: Outcome,
    /// The executor's open question.
    pub request: Option<Request>,
    /// A key-frame to which a way shall be planned.
    pub free: Option<KeyFrame>,
    /// Now.
    pub felt: Felt,
    /// Way to the key-frame that is under way [m].
    pub to_go_m: Option<f64>,
    /// The learned policy is to say where to go.
    pub wants_policy: bool,
    /// Signals of the body beside their thresholds, while a skill moves the arm.
    pub scores: Scores,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            now: Nanos::default(),
            epoch: 0,
            outcome: Outcome::Idle,
            request: None,
            free: None,
            felt: Felt::default(),
            to_go_m: None,
            wants_policy: false,
            scores: Scores::default(),
        }
    }
}

/// The fast half. One owner, one thread.
pub struct Reflex {
    pub(super) robot: Arc<Robot>,
    executor: Executor,
    look: Look,
    pub(super) force: Vector3<f64>,
    pub(super) felt: Felt,
    pub(super) tool_from: Option<Vector3<f64>>,
    /// What touches the arm, and when it was asked last.
    pub(super) contact: Option<Detector>,
    pub(super) felt_at: Nanos,
    seq: u64,
    slots: Box<[Event; EVENTS]>,
    /// Free key-frames go out for a planner of ways.
    ways_are_planned: bool,
    dead_end: DeadEnd,
    give_way: GiveWay,
    withdraw: Withdraw,
    withdraw_config: WithdrawConfig,
    report: Report,
}

impl Reflex {
    /// At rest, without a plan. Without monitors no signal of the body has a threshold either.
    pub fn new(config: &Config, robot: Arc<Robot>, without: &[Without], ways_are_planned: bool) -> Result<Self> {
        let brain = &config.brain;
        let contact = config.contact.as_ref().map(|model| model.detector(&robot)).transpose();
        let contact = contact.with_context(|| format!("configs/{}/contact.json", config.name))?;
        let pool = primitives(brain.primitives)?.with(Skill::Policy, Box::new(LearnedSkill::default()));
        Ok(Self {
            robot,
            executor: Executor::new(brain.executor, pool, thresholds(config, without)?)?,
            look: Look::default(),
            force: Vector3::zeros(),
            felt: Felt::default(),
            tool_from: None,
            contact,
            felt_at: Nanos::default(),
            seq: 0,
            slots: Box::new([Event::NONE; EVENTS]),
            ways_are_planned,
            dead_end: DeadEnd::default(),
            give_way: GiveWay::default(),
            withdraw: Withdraw::default(),
            withdraw_config: brain.withdraw,
            report: Report::default(),
        })
    }

    /// What the scene looks like from now on.
    pub fn see(&mut self, look: Look) {
        self.look = look;
    }

    /// How things stand.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Takes an order. A program that is not needed any more comes back, to be freed outside the loop.
    pub fn obey(&mut self, now: Nanos, order: Order, mut tell: impl FnMut(Told)) -> Option<Box<Program>> {
        let mut events = Events::new(&mut self.slots[..]);
        let back = match order {
            Order::Begin(epoch, program) => match self.executor.begin(now, epoch, program, &mut events) {
                Ok(before) => before,
                Err(late) => Some(late),
            },
            Order::Answer(answer) => self.executor.answer(now, answer, &mut events),
            Order::Stop => {
                self.executor.stop(now, &mut events);
                None
            }
            Order::NoWay(to) => {
                self.dead_end.no_way(&to);
                None
            }
        };
        let felt = self.felt;
        events.written().iter().for_each(|event| tell(Told { event: *event, felt }));
        self.report.epoch = self.executor.epoch();
        back
    }

    /// 200 Hz: what the arm shall do.
    pub fn tick(&mut self, moment: &Moment<'_>, mut tell: impl FnMut(Told)) -> Steer {
        let now = moment.now;
        let body = self.feel(moment);
        let progress = moment.mind.map_or(
            Progress {
                reached_world_from_tool: Pose::new(body.world_from_tool),
                gripper: Gripper::Open,
                reached_count: 0,
            },
            |mind| mind.progress,
        );
        let held = held(moment.mind);
        let no_way = self.dead_end.is_reached(self.report.free.as_ref()).then_some(Fault::Unreachable);
        let signals = self.signals(moment, &body);
        let to_go_m = signals.distance_m;
        let eyes = Eyes { look: &self.look, body };
        let input = Input {
            now,
            observed: (self.look.observed.stamp > Nanos::default()).then_some(&self.look.observed),
            sights: &eyes,
            signals,
            progress,
            held,
            fault: no_way.or(moment.mind.and_then(|mind| mind.fault)).or(moment.fault),
        };
        let mut events = Events::new(&mut self.slots[..]);
        let tick = self.executor.tick(&input, &mut events);
        let felt = self.felt;
        for event in events.written() {
            tell(Told { event: *event, felt });
            if event.what == What::Started {
                self.felt.most_force_n = 0.0;
            }
        }
        // What the hand has hold of stays there, unless it is a handle.
        let at_handle = self.look.handle_distance_m(&body.world_from_tool.translation.vector);
        let holds = held == Truth::True && at_handle.is_none_or(|distance_m| distance_m > HANDLE_M);
        let world_from_tool = Pose::new(body.world_from_tool);
        let force = body.force_in_world_n;
        let away = self.give_way.tick(now, tick.waits, holds, force, &progress, &world_from_tool);
        let waits = tick.waits && away.is_none();
        let back = self.withdraw.tick(now, waits, holds, &progress, &world_from_tool, &self.withdraw_config);
        let back = away.or(back);
        let (epoch, outcome, request) = (tick.epoch, tick.outcome, tick.request);
        let wants_policy = tick.wish.want == Want::Policy;
        // Over via points first: what is planned may end in a posture from which the contact after it fails.
        let plans_way = self.ways_are_planned && (tick.wish.retried || self.look.stands_high);
        let scores = self.executor.scores();
        self.report = Report { now, epoch, outcome, request, free: None, felt, to_go_m, wants_policy, scores };
        let manner = Manner { speed: tick.wish.speed, grip_force_n: tick.wish.grip_force_n };
        match (tick.wish.want, back) {
            (Want::Still, Some(keyframe)) => Steer::Reach(self.prediction(now, moment.epoch, keyframe), manner),
            (Want::Still, None) => Steer::Rest,
            (Want::Policy, _) => Steer::AsPredicted(manner),
            (Want::Reach(keyframe), _) if plans_way && !keyframe.ignore_collisions => {
                self.report.free = Some(keyframe);
                Steer::AsPredicted(manner)
            }
            (Want::Reach(keyframe) | Want::Touch(keyframe), _) => {
                Steer::Reach(self.prediction(now, moment.epoch, keyframe), manner)
            }
        }
    }

    /// Predictions of all sources are numbered here: the cerebellum takes none that is older than the last.
    pub fn number(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn prediction(&mut self, now: Nanos, epoch: u32, keyframe: KeyFrame) -> Prediction {
        prediction(self.number(), now, epoch, keyframe)
    }
}

/// When signals of the body are strange: never, without monitors.
fn thresholds(config: &Config, without: &[Without]) -> Result<Thresholds> {
    let is_watched = !without.contains(&Without::Monitors);
    if is_watched { Ok(config.monitors.armed()?) } else { Ok(Thresholds::default()) }
}

/// A key-frame in the form in which policies give theirs.
pub fn prediction(seq: u64, observed_at: Nanos, epoch: u32, keyframe: KeyFrame) -> Prediction {
    Prediction { seq, epoch, observed_at, keyframe, confidence: 1.0, times: StageTimes::default(), path: None }
}

#[cfg(test)]
mod tests {
    use neuraxis_executor::Channel;

    use super::*;
    use crate::config::workspace_root;

    #[test]
    fn without_monitors_no_signal_of_the_body_has_a_threshold() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let armed = |without: &[Without]| {
            let thresholds = thresholds(&config, without).unwrap();
            let of_skill = |skill: Skill| Channel::ALL.into_iter().filter(move |c| thresholds.of(skill, *c).is_some());
            Skill::ALL.into_iter().flat_map(of_skill).count()
        };
        say!("thresholds: {} with monitors, {} without", armed(&[]), armed(&[Without::Monitors]));
        assert!(armed(&[]) >= 5 && armed(&[Without::Ladder, Without::Feedback]) == armed(&[]));
        assert_eq!(armed(&[Without::Monitors]), 0);
    }
}
