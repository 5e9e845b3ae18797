//! An episode of dense actions: where the joints shall be a moment from now, many times a second.
//!
//! The policy says how the arm moves, so there is no cerebellum: a follower runs along the straight line in joint space
//! from one action to the next, within velocity and acceleration, and the brainstem of every run has the last word. What
//! it does not allow is a stop; the next action begins where the arm stands then. Time stands still while the policy thinks.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::{Brainstem, Mode, Requests, TickInputs};
use neuraxis_core::{
    Gripper, Joints, Nanos, Observation, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM, Progress, Segment, SegmentState,
};
use neuraxis_robot::{JointLimits, Robot};
use neuraxis_sim::{CameraRig, Goal, Plant, Setup};

use super::pilot::Seen;
use crate::episode_run::Studio;

/// How fast the follower works off its distance to the line [1/s], and its velocity's distance to what is wanted [s].
const POSITION_GAIN_PER_SEC: f64 = 15.0;
const VELOCITY_SECS: f64 = 0.02;
/// Share of the limits that it uses; the rest is the brainstem's, to work off what is missing.
const SHARE: f64 = 0.95;
/// Kept free at the ends of a joint's range, more than the brainstem's own margin [rad].
const END_RAD: f64 = 0.01;
/// A segment is good for so long: four periods [ms].
const LEASE_MS: u64 = 20;

/// How a dense action ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next one is wanted.
    Open,
    /// The goal is met.
    Success,
    /// It can no longer be met, or the arm is latched.
    Failure {
        /// The brainstem stopped the arm for good.
        latched: bool,
    },
}

/// Body and world of one episode.
pub(super) struct Dense {
    pub(super) sentence: String,
    goal: Goal,
    plant: Plant,
    brainstem: Brainstem,
    rig: CameraRig,
    robot: Arc<Robot>,
    limits: Vec<JointLimits>,
    grip_force_n: f64,
    /// Where the last action led; `None`: the arm was stopped, the next one begins where it stands.
    target: Option<Joints>,
    speed_scale: f64,
    segment: Option<Segment>,
    ticks: u64,
}

impl Dense {
    /// The arm at home in a scene.
    pub(super) fn new(studio: &Studio, setup: &Setup) -> Result<Self> {
        let robot = studio.robot.clone();
        let mut dense = Self {
            sentence: setup.goal().instruction.clone(),
            goal: setup.goal().clone(),
            plant: Plant::new(setup).context("starting the simulation")?,
            brainstem: Brainstem::new(robot.clone(), studio.config.brainstem.clone())?,
            rig: CameraRig::new(setup)?,
            limits: robot.slowed(&studio.config.brainstem.shares()).limits().to_vec(),
            robot,
            grip_force_n: studio.config.cerebellum.grip_force_n,
            target: None,
            speed_scale: 1.0,
            segment: None,
            ticks: 0,
        };
        dense.tick();
        Ok(dense)
    }

    /// Simulates one action's moment, or less if the episode ends in it.
    pub(super) fn step(&mut self, to: Joints, width_m: f64, secs: f64) -> End {
        let from = self.target.unwrap_or(self.brainstem.commanded().q);
        let to = Joints::from_fn(to.len(), |i| {
            let (angle, limit) = (at(&to, i), self.limits.get(i));
            limit.map_or(angle, |limit| angle.clamp(limit.lower_rad + END_RAD, limit.upper_rad - END_RAD))
        });
        self.target = Some(to);
        let think = (PERIOD_CEREBELLUM.0 / PERIOD_BRAINSTEM.0).max(1);
        let count = (secs / PERIOD_BRAINSTEM.secs()).round() as u64;
        for i in 0..count {
            if i % think == 0
                && let Some(target) = self.target
            {
                let share = (i as f64 / count as f64).min(1.0);
                let line = SegmentState {
                    q: Joints::from_fn(target.len(), |i| at(&from, i) + share * (at(&target, i) - at(&from, i))),
                    qd: Joints::from_fn(target.len(), |i| (at(&target, i) - at(&from, i)) / secs),
                    qdd: Joints::zeros(target.len()),
                };
                self.segment = Some(self.follow(&line, width_m));
            }
            match self.tick() {
                Mode::Latched => return End::Failure { latched: true },
                Mode::Stopping => self.target = None,
                Mode::Hold | Mode::Track => {}
            }
            if self.plant.success(&self.goal) {
                return End::Success;
            }
            if self.plant.failed(&self.goal) {
                return End::Failure { latched: false };
            }
        }
        End::Open
    }

    /// What the cameras see and the arm feels now.
    pub(super) fn look(&mut self) -> Result<Seen> {
        let state = self.plant.state();
        let world_from_tool = self.robot.world_from_tool(&state.q);
        let observation = Observation {
            seq: self.ticks,
            stamp: state.stamp,
            cameras: self.rig.render(&self.plant).context("rendering the cameras")?,
            q: state.q,
            world_from_tool,
            gripper_width_m: state.gripper_width_m,
            // Nobody counts key-frames here.
            progress: Progress { reached_world_from_tool: world_from_tool, gripper: Gripper::Open, reached_count: 0 },
        };
        Ok(Seen { observation, state })
    }

    /// Simulated time [s].
    pub(super) fn secs(&self) -> f64 {
        self.plant.now().secs()
    }

    /// The next five milliseconds along the line: from where the arm is told to be, towards where it should be by now.
    fn follow(&self, line: &SegmentState, width_m: f64) -> Segment {
        let (from, now, dt_secs) = (self.brainstem.commanded(), self.plant.now(), PERIOD_CEREBELLUM.secs());
        let mut qdd = Joints::zeros(from.q.len());
        for (i, (qdd, limit)) in qdd.iter_mut().zip(&self.limits).enumerate() {
            let fastest = SHARE * self.speed_scale * limit.velocity_rad_s;
            let hardest = SHARE * limit.acceleration_rad_s2;
            // No faster than it can brake until the line is reached.
            let missing = at(&line.q, i) - at(&from.q, i);
            let catch_up = (POSITION_GAIN_PER_SEC * missing.abs()).min((hardest * missing.abs()).sqrt());
            let wanted_qd =
                (at(&line.qd, i).clamp(-fastest, fastest) + catch_up.copysign(missing)).clamp(-fastest, fastest);
            let wanted_qdd = (wanted_qd - at(&from.qd, i)) / VELOCITY_SECS.max(dt_secs);
            *qdd = wanted_qdd.clamp(-hardest, hardest);
        }
        // The brainstem's last command is one of its periods old.
        let ahead_secs = PERIOD_BRAINSTEM.secs();
        let seq = self.segment.map_or(1, |segment| segment.seq + 1);
        Segment {
            epoch: 1,
            seq,
            t0: now,
            valid_until: now + Nanos::from_millis(LEASE_MS),
            q: Joints::from_fn(from.q.len(), |i| at(&from.q, i) + ahead_secs * at(&from.qd, i)),
            qd: from.qd,
            qdd,
            gripper_width_m: width_m,
            grip_force_n: self.grip_force_n,
        }
    }

    /// One millisecond of brainstem and world.
    fn tick(&mut self) -> Mode {
        let state = self.plant.state();
        let tick = self.brainstem.tick(&TickInputs {
            now: state.stamp,
            state,
            segment: self.segment,
            requests: Requests::default(),
            read: None,
            write: None,
            overrun: false,
        });
        self.plant.step(&tick.command);
        self.speed_scale = tick.speed_scale;
        self.ticks += 1;
        tick.mode
    }
}

fn at(joints: &Joints, i: usize) -> f64 {
    joints.get(i).copied().unwrap_or(0.0)
}
