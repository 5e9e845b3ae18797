//! The lockstep clock: one driver runs every thread's work in a fixed order on simulated time.
//!
//! The same step functions as on a robot, the same rates; only the waiting is gone. A prediction made from the
//! observation at time t reaches the cerebellum at t + `policy_latency`, whatever the machine's speed, so that two
//! runs on one machine are byte-identical and success rates do not depend on load.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::{Brainstem, BrainstemConfig, Requests, TickInputs, TickRecord};
use neuraxis_cerebellum::{Cerebellum, CerebellumConfig, CerebellumTick};
use neuraxis_core::{
    ArmState, Fault, Gripper, Instruction, KeyFrame, Nanos, Observation, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM,
    PolicyError, Prediction, Progress, Segment,
};
use neuraxis_robot::Robot;
use neuraxis_sim::{CameraRig, Goal, Plant, Setup, Snapshot};

use crate::{
    brain::{Manner, Moment, Steer},
    config::Surroundings,
    route::Router,
    threads::Seen,
};

/// Rates and limits of a run.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// Time between two observations.
    pub policy_period: Nanos,
    /// Observation to prediction at the cerebellum.
    pub policy_latency: Nanos,
    /// The run is a failure after this time.
    pub time_limit: Nanos,
    /// What the path planner knows of the world.
    pub surroundings: Surroundings,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The goal was met.
    pub success: bool,
    /// The goal can no longer be met (a wrong button, say).
    pub failed: bool,
    /// Simulated time at the end [s].
    pub secs: f64,
    /// Key-frames reached.
    pub reached: u32,
    /// First fault of the loop, if any.
    pub fault: Option<Fault>,
    /// Why the policy gave no prediction, the last time.
    pub refused: Option<String>,
}

/// Gives key-frames in a lockstep run. Policies look at the observation, experts at the true world.
pub trait Pilot {
    /// Observations must come with images.
    fn looks(&self) -> bool;
    /// As [`neuraxis_core::Policy::predict`]; `None`: nothing to say. `plant` is for experts only.
    fn predict(
        &mut self,
        observation: &Observation,
        words: &Instruction,
        plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError>;
    /// Each 5 ms: what the arm shall do, for pilots that think as fast as the cerebellum.
    fn steer(&mut self, _moment: &Moment<'_>) -> Steer {
        Steer::AsPredicted(Manner::USUAL)
    }
    /// No way was found to a key-frame that was predicted.
    fn no_way(&mut self, _now: Nanos, _to: &KeyFrame) {}
    /// What the last answer rests on, which was made from what was captured at `stamp`, if this pilot sees.
    fn looked(&self, _stamp: Nanos) -> Option<Seen> {
        None
    }
    /// The run need not go on.
    fn is_over(&self) -> bool {
        false
    }
    /// The run shall go on after the goal is met: the pilot has not noticed yet.
    fn is_busy(&self) -> bool {
        false
    }
}

/// Sees everything as it happens; recorders and data generation hang here.
pub trait Witness {
    /// Should the cameras be rendered for the observation due now? Asked when the pilot does not look.
    fn wants_images(&mut self, _cerebellum: &CerebellumTick) -> bool {
        false
    }
    /// An observation, with images if the pilot or [`Witness::wants_images`] asked for them.
    fn observation(&mut self, _observation: &Observation, _cerebellum: &CerebellumTick) -> Result<()> {
        Ok(())
    }
    /// A prediction, when it is made.
    fn prediction(&mut self, _prediction: &Prediction) -> Result<()> {
        Ok(())
    }
    /// Shall it be told what answers rest on?
    fn keeps_views(&self) -> bool {
        false
    }
    /// What an answer rests on, before a way to it is planned; there may be none.
    fn looked(&mut self, _seen: &Seen) -> Result<()> {
        Ok(())
    }
    /// Each millisecond; the cerebellum has not thought yet in the first.
    fn tick(&mut self, _record: &TickRecord, _cerebellum: Option<&CerebellumTick>) -> Result<()> {
        Ok(())
    }
}

/// A witness that looks away.
pub struct Nobody;

impl Witness for Nobody {}

/// Body and world of one episode.
pub struct Lockstep {
    robot: Arc<Robot>,
    plant: Plant,
    brainstem: Brainstem,
    cerebellum: Cerebellum,
    router: Option<Router>,
    config: RunConfig,
}

impl Lockstep {
    /// Puts the arm at home in a freshly sampled scene.
    pub fn new(
        robot: Arc<Robot>,
        setup: &Setup,
        brainstem: BrainstemConfig,
        cerebellum: CerebellumConfig,
        config: RunConfig,
    ) -> Result<Self> {
        // Where the loop lets no joint go, nobody plans to go.
        let inner = Arc::new(robot.within_margin(brainstem.position_margin_rad));
        Ok(Self {
            router: Router::new(config.surroundings, inner.clone(), &cerebellum.motion)?,
            plant: Plant::new(setup).context("starting the simulation")?,
            cerebellum: Cerebellum::new(&inner, cerebellum, &brainstem.shares())?,
            brainstem: Brainstem::new(robot.clone(), brainstem)?,
            robot,
            config,
        })
    }

    /// Puts things where they were in a snapshot; the arm stays at home.
    pub fn resume(&mut self, snapshot: &Snapshot, setup: &Setup) -> Result<()> {
        Ok(self.plant.resume(snapshot, setup)?)
    }

    /// The simulated world, for experts and scoring.
    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    /// Runs until success, failure or the time limit. `rig` may be absent if nobody wants images.
    pub fn run(
        &mut self,
        pilot: &mut dyn Pilot,
        instruction: &Instruction,
        goal: &Goal,
        mut rig: Option<&mut CameraRig>,
        witness: &mut dyn Witness,
    ) -> Result<Outcome> {
        let every = |period: Nanos| (period.0 / PERIOD_BRAINSTEM.0).max(1);
        let (think, look) = (every(PERIOD_CEREBELLUM), every(self.config.policy_period));
        let limit = self.config.time_limit.0 / PERIOD_BRAINSTEM.0;
        let mut now = self.plant.state().stamp;
        let first = self.live(0, &self.plant.state(), None);
        self.plant.step(&first.tick.command);
        witness.tick(&first, None)?;
        let mut last_tick = first.tick;
        let commanded = self.brainstem.to_continue();
        self.cerebellum.start_task(instruction.epoch, now, &commanded);

        let mut on_the_way: Option<(Nanos, Prediction)> = None;
        let mut newest: Option<Prediction> = None;
        let mut outcome = Outcome { success: false, failed: false, secs: 0.0, reached: 0, fault: None, refused: None };
        let mut thought: Option<CerebellumTick> = None;
        for tick in 0..limit {
            let state = self.plant.state();
            now = state.stamp;
            if let Some((at, prediction)) = on_the_way
                && now >= at
            {
                newest = Some(prediction);
                on_the_way = None;
            }
            if tick % think == 0 || thought.is_none() {
                let moment = Moment {
                    now,
                    epoch: instruction.epoch,
                    state: &state,
                    commanded_q: last_tick.command.q,
                    commanded_tau_nm: last_tick.command.tau_nm,
                    fault: last_tick.fault,
                    mind: thought.as_ref(),
                };
                let steer = pilot.steer(&moment);
                let wanted = steer.pass_on(&mut self.cerebellum, now, newest, last_tick.speed_scale);
                let commanded = self.brainstem.to_continue();
                thought = Some(self.cerebellum.step(now, &state, &commanded, wanted.as_ref()));
            }
            let Some(mind) = thought else { continue };
            let record = self.live(tick + 1, &state, Some(mind.segment));
            let loop_tick = record.tick;
            last_tick = loop_tick;
            self.cerebellum.set_speed_scale(loop_tick.speed_scale);
            self.plant.step(&loop_tick.command);
            witness.tick(&record, Some(&mind))?;
            outcome.fault = outcome.fault.or(mind.fault).or(loop_tick.fault);

            if tick % look == 0 && on_the_way.is_none() {
                let looks = pilot.looks() || self.router.as_ref().is_some_and(Router::looks);
                let images = looks || witness.wants_images(&mind);
                let observation =
                    self.observe(tick / look, &state, mind.progress, rig.as_deref_mut().filter(|_| images))?;
                self.cerebellum.see_images(observation.stamp);
                witness.observation(&observation, &mind)?;
                let predicted = pilot.predict(&observation, instruction, &self.plant);
                if let (Ok(Some(_)), true) = (&predicted, witness.keeps_views()) {
                    pilot.looked(observation.stamp).map_or(Ok(()), |seen| witness.looked(&seen))?;
                }
                let routed = predicted.and_then(|prediction| match (prediction, &mut self.router) {
                    (Some(prediction), Some(router)) => {
                        let way = router.route(&observation, prediction, Some(&self.plant));
                        if let Err(PolicyError::NoWay(_)) = way {
                            pilot.no_way(now, &prediction.keyframe);
                        }
                        way.map(Some)
                    }
                    (prediction, _) => Ok(prediction),
                });
                match routed {
                    Ok(None) => {}
                    Ok(Some(prediction)) => {
                        witness.prediction(&prediction)?;
                        on_the_way = Some((now + self.config.policy_latency, prediction));
                    }
                    Err(error) => outcome.refused = Some(error.to_string()),
                }
            }
            outcome.reached = mind.progress.reached_count;
            outcome.success = self.plant.success(goal);
            outcome.failed = self.plant.failed(goal);
            if outcome.failed || pilot.is_over() || outcome.success && !pilot.is_busy() {
                break;
            }
        }
        outcome.secs = now.secs();
        Ok(outcome)
    }

    /// One tick of the brainstem; nobody asks for anything, and nothing fails.
    fn live(&mut self, number: u64, state: &ArmState, segment: Option<Segment>) -> TickRecord {
        let inputs = TickInputs {
            now: state.stamp,
            state: *state,
            segment,
            requests: Requests::default(),
            read: None,
            write: None,
            overrun: false,
        };
        let tick = self.brainstem.tick(&inputs);
        TickRecord { number, inputs, tick, wake_latency: Nanos(0), compute: Nanos(0), missed: 0 }
    }

    /// What a policy sees before anything has moved.
    pub fn first_observation(&self, rig: &mut CameraRig) -> Result<Observation> {
        let state = self.plant.state();
        let reached_world_from_tool = self.robot.world_from_tool(&state.q);
        let progress = Progress { reached_world_from_tool, gripper: Gripper::Open, reached_count: 0 };
        self.observe(0, &state, progress, Some(rig))
    }

    fn observe(
        &self,
        seq: u64,
        state: &ArmState,
        progress: Progress,
        rig: Option<&mut CameraRig>,
    ) -> Result<Observation> {
        Ok(Observation {
            seq,
            stamp: state.stamp,
            cameras: match rig {
                Some(rig) => rig.render(&self.plant).context("rendering the cameras")?,
                None => Vec::new(),
            },
            q: state.q,
            world_from_tool: self.robot.world_from_tool(&state.q),
            gripper_width_m: state.gripper_width_m,
            progress,
        })
    }
}
