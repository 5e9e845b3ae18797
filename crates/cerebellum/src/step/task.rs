//! From one task to the next.

use std::sync::Arc;

use neuraxis_core::{Commanded, Gripper, Joints, Nanos, Progress};
use neuraxis_motion::Mover;
use neuraxis_robot::{Robot, Shares};

use super::{
    Cerebellum, Phase, Source,
    source::{STOP_ACCELERATION_SHARE, STOP_JERK_SHARE},
};
use crate::{
    CerebellumConfig, CerebellumError, CommitRule, Refusals,
    chain::{Chain, Grip},
    grip::Grasp,
    intake::Intake,
    late::LateJump,
};

impl Cerebellum {
    /// Checks the configuration. Allocates here and in the mover's construction, not in [`Cerebellum::step`]; but rsruckig words
    /// an error on the heap if it finds no trajectory, which ends the motion.
    ///
    /// `shares` are those of the robot's limits that the brainstem allows: motion and stops keep within them.
    pub fn new(robot: &Robot, mut config: CerebellumConfig, shares: &Shares) -> Result<Self, CerebellumError> {
        config.validate()?;
        config.motion = config.motion.slowed(shares);
        let robot = Arc::new(robot.slowed(shares));
        let mover = Mover::new(robot.clone(), config.motion.clone())
            .map_err(|error| CerebellumError::Motion(error.to_string()))?;
        let limits = robot.limits().to_vec();
        let mut stop_limits = limits.clone();
        for limit in &mut stop_limits {
            limit.acceleration_rad_s2 *= STOP_ACCELERATION_SHARE;
            limit.jerk_rad_s3 *= STOP_JERK_SHARE;
        }
        let zero = Joints::zeros(limits.len());
        let reached_world_from_tool = robot.world_from_tool(&zero);
        let told = Grip { width_m: config.open_width_m, force_n: config.grip_force_n };
        Ok(Self {
            chain: Chain::new(Nanos::from_secs(config.segment_lead_secs), Nanos::from_secs(config.segment_lease_secs)),
            commit: CommitRule::new(config.commit),
            late: LateJump::default(),
            intake: Intake::default(),
            source: Source::Hold(zero),
            epoch: 0,
            phase: Phase::Waiting,
            active: None,
            fault: None,
            progress: Progress { reached_world_from_tool, gripper: Gripper::Open, reached_count: 0 },
            told,
            told_before: told,
            next_force_n: None,
            leaves_fingers: false,
            ready_at: Nanos::default(),
            last_heard: Nanos::default(),
            path: None,
            confidence: 1.0,
            newest_images: None,
            waiting_since: Nanos::default(),
            motion_ended_at: None,
            grip: None,
            grasp: Grasp::Open,
            // Takes over the commanded state in the first tick.
            resuming: true,
            halt: false,
            rests: false,
            source_is_new: false,
            adopted: 0,
            retargeted: 0,
            refused: Refusals::default(),
            last_tick: None,
            robot,
            config,
            limits,
            stop_limits,
            mover,
        })
    }

    /// Begins a task instance: stops what moves, forgets progress and counters, waits for predictions of `epoch`.
    ///
    /// `commanded` is of the brainstem's last tick. Epochs must increase over the life of a brainstem.
    pub fn start_task(&mut self, epoch: u32, now: Nanos, commanded: &Commanded) {
        self.epoch = epoch;
        self.intake.begin(epoch);
        self.commit.clear();
        self.late.clear();
        self.halt = true;
        self.phase = Phase::Waiting;
        self.active = None;
        self.fault = None;
        self.grip = None;
        self.motion_ended_at = None;
        (self.adopted, self.retargeted, self.refused) = (0, 0, Refusals::default());

        self.progress.reached_world_from_tool = self.robot.world_from_tool(&commanded.motion.q);
        self.progress.reached_count = 0;
        self.take_over_grip(commanded.gripper_width_m);
        self.next_force_n = None;
        (self.ready_at, self.last_heard, self.waiting_since) = (now, now, now);
        // The next segment may not be due yet: until then the last one goes on.
        if let Some(last) = self.last_tick {
            self.tick(now, last.segment, None);
        }
    }

    /// Stops what moves and waits: nothing is wanted of the arm any more. Fingers that move go on; progress stays. Told
    /// again and again, it misses no predictions.
    pub fn rest(&mut self, now: Nanos) {
        if self.phase == Phase::Moving {
            self.halt = true;
            self.wait(now);
        }
        self.rests = true;
    }

    pub(super) fn wait(&mut self, now: Nanos) {
        self.phase = Phase::Waiting;
        self.active = None;
        self.motion_ended_at = None;
        self.grip = None;
        self.commit.clear();
        self.late.clear();
        (self.ready_at, self.waiting_since) = (now, now);
    }
}
