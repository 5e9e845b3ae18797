//! Cerebellum and brainstem in closed loop with an ideal arm, on a virtual clock. `Body::tick` checks every command
//! against position, velocity, acceleration and jerk limits.
#![allow(dead_code)]

#[path = "../../../brainstem/tests/rig/mod.rs"]
mod rig;

use neuraxis_brainstem::{Brainstem, BrainstemConfig, Tick};
use neuraxis_cerebellum::{Cerebellum, CerebellumConfig, CerebellumTick};
use neuraxis_core::{
    ArmCommand, ArmState, Gripper, JointPath, Joints, KeyFrame, Nanos, Pose, Prediction, Progress, Segment, StageTimes,
    Tool, World,
};
use neuraxis_robot::{JointLimits, Robot};
use std::sync::Arc;

pub const EPOCH: u32 = 3;
/// The policy sees at this rate, and its answer comes this much later.
const LOOK_MS: u64 = 100;
const LATENCY_MS: u64 = 80;
/// Fingers close at this speed.
const FINGER_M_S: f64 = 0.2;

pub struct Body {
    /// Of the robot, those that the brainstem's configuration leaves.
    pub limits: Vec<JointLimits>,
    pub robot: Arc<Robot>,
    pub brainstem: Brainstem,
    pub cerebellum: Cerebellum,
    pub state: ArmState,
    pub now: Nanos,
    pub mind: Option<CerebellumTick>,
    pub prediction: Option<Prediction>,
    /// Segments do not reach the brainstem while true.
    pub cut: bool,
    /// The cerebellum gets joints that could not be read while true.
    pub blind: bool,
    /// Comes with every prediction.
    pub path: Option<JointPath>,
    /// Of every prediction.
    pub confidence: f32,
    on_the_way: Option<(Nanos, Prediction)>,
    previous: Option<ArmCommand>,
    ms: u64,
    seq: u64,
}

/// `base` moved in the world, tool orientation kept.
pub fn moved(base: &Pose<World, Tool>, x: f64, y: f64, z: f64) -> Pose<World, Tool> {
    Pose::from_parts(base.position() + nalgebra::Vector3::new(x, y, z), base.rotation())
}

pub fn key(world_from_tool: Pose<World, Tool>, gripper: Gripper, ignore_collisions: bool) -> KeyFrame {
    KeyFrame { world_from_tool, gripper, ignore_collisions }
}

/// A policy that says nothing.
pub fn silent(_: &Progress) -> Option<KeyFrame> {
    None
}

/// A key-frame script, indexed by what has been reached.
pub fn script(keyframes: Vec<KeyFrame>) -> impl FnMut(&Progress) -> Option<KeyFrame> {
    move |progress| keyframes.get(progress.reached_count as usize).or(keyframes.last()).copied()
}

/// A key-frame to the left of home.
pub fn far(body: &Body) -> KeyFrame {
    key(moved(&body.home(), 0.0, 0.25, -0.05), Gripper::Open, false)
}

impl Body {
    pub fn new(config: CerebellumConfig) -> Self {
        Self::within(config, BrainstemConfig::default())
    }

    pub fn within(config: CerebellumConfig, brainstem: BrainstemConfig) -> Self {
        Self::found(config, brainstem, 0.08)
    }

    /// With the fingers so far apart [m].
    pub fn found(config: CerebellumConfig, brainstem: BrainstemConfig, width_m: f64) -> Self {
        let robot = rig::fr3();
        let limits = robot.slowed(&brainstem.shares()).limits().to_vec();
        let mut state = rig::at_rest(robot.home());
        state.gripper_width_m = width_m;
        let mut body = Self {
            cerebellum: Cerebellum::new(&robot, config, &brainstem.shares()).unwrap(),
            brainstem: Brainstem::new(robot.clone(), brainstem).unwrap(),
            robot,
            limits,
            state,
            now: Nanos::from_millis(5000),
            mind: None,
            prediction: None,
            cut: false,
            blind: false,
            path: None,
            confidence: 1.0,
            on_the_way: None,
            previous: None,
            ms: 0,
            seq: 0,
        };
        body.state.stamp = body.now;
        let state = body.state;
        body.brainstem.step(body.now, &state, None);
        body.start_task(EPOCH);
        body
    }

    pub fn start_task(&mut self, epoch: u32) {
        let commanded = self.brainstem.to_continue();
        self.cerebellum.start_task(epoch, self.now, &commanded);
    }

    /// Where the tool of the commanded arm is.
    pub fn tool(&self) -> Pose<World, Tool> {
        self.robot.world_from_tool(&self.brainstem.commanded().q)
    }

    pub fn home(&self) -> Pose<World, Tool> {
        self.robot.world_from_tool(&self.robot.home())
    }

    /// A prediction made from an observation at this moment.
    pub fn predict(&mut self, keyframe: KeyFrame) -> Prediction {
        self.seq += 1;
        Prediction {
            seq: self.seq,
            epoch: EPOCH,
            observed_at: self.now,
            keyframe,
            confidence: self.confidence,
            times: StageTimes::default(),
            path: self.path,
        }
    }

    /// One millisecond. `policy` is asked at its rate; what it says arrives after its latency.
    pub fn tick(&mut self, policy: &mut dyn FnMut(&Progress) -> Option<KeyFrame>) -> (CerebellumTick, Tick) {
        self.now = self.now + Nanos::from_millis(1);
        self.state.stamp = self.now;
        if let Some((at, prediction)) = self.on_the_way
            && self.now >= at
        {
            self.prediction = Some(prediction);
            self.on_the_way = None;
        }
        let (mut state, commanded) = (self.state, self.brainstem.to_continue());
        if self.blind {
            state.q = Joints::from_fn(state.q.len(), |_| f64::NAN);
        }
        let mind = match self.mind {
            Some(mind) if !self.ms.is_multiple_of(5) => mind,
            _ => self.cerebellum.step(self.now, &state, &commanded, self.prediction.as_ref()),
        };
        let tick = self.act(Some(&mind.segment).filter(|_| !self.cut));
        if self.ms.is_multiple_of(LOOK_MS)
            && let Some(keyframe) = policy(&mind.progress)
        {
            let prediction = self.predict(keyframe);
            self.on_the_way = Some((self.now + Nanos::from_millis(LATENCY_MS), prediction));
        }
        self.ms += 1;
        self.mind = Some(mind);
        (mind, tick)
    }

    /// One millisecond in which the cerebellum is called or not, whatever its turn.
    pub fn out_of_turn(&mut self, thinks: bool) -> Tick {
        self.now = self.now + Nanos::from_millis(1);
        self.state.stamp = self.now;
        let (state, commanded) = (self.state, self.brainstem.to_continue());
        if thinks {
            self.mind = Some(self.cerebellum.step(self.now, &state, &commanded, None));
        }
        let segment = self.mind.map(|mind| mind.segment);
        self.act(segment.as_ref())
    }

    /// The brainstem's step, checked, and what the arm makes of it.
    fn act(&mut self, segment: Option<&Segment>) -> Tick {
        let state = self.state;
        let tick = self.brainstem.step(self.now, &state, segment);
        if let Some(previous) = self.previous.replace(tick.command) {
            rig::check_step(&previous, &tick.command, &self.limits, 0.001);
        }
        (self.state.q, self.state.qd) = (tick.command.q, tick.command.qd);
        let missing = tick.command.gripper_width_m - self.state.gripper_width_m;
        self.state.gripper_width_m += missing.clamp(-FINGER_M_S * 0.001, FINGER_M_S * 0.001);
        tick
    }

    /// What the policy was thinking about is lost.
    pub fn clock_steps_back(&mut self, by: Nanos) {
        self.now = self.now - by;
        self.on_the_way = None;
    }

    /// Ticks until `done`, at most `secs`; panics after that.
    pub fn until(
        &mut self,
        secs: f64,
        policy: &mut dyn FnMut(&Progress) -> Option<KeyFrame>,
        mut done: impl FnMut(&CerebellumTick, &Tick) -> bool,
    ) -> (CerebellumTick, Tick) {
        for _ in 0..(secs * 1000.0) as u64 {
            let (mind, tick) = self.tick(policy);
            if done(&mind, &tick) {
                return (mind, tick);
            }
        }
        panic!("not within {secs} s: {:?}", self.mind)
    }
}
