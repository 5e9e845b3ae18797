//! One tick of the cerebellum: predictions in, a segment of motion out.

mod adopt;
mod arrive;
mod source;
mod task;

use std::sync::Arc;

use neuraxis_core::{ArmState, Commanded, Fault, JointPath, KeyFrame, Nanos, Prediction, Progress, Segment};
use neuraxis_motion::Mover;
use neuraxis_robot::{JointLimits, Robot};

use self::source::Source;
pub use self::source::{STOP_ACCELERATION_SHARE, STOP_JERK_SHARE};
use crate::{
    CerebellumConfig, CommitRule, Refusal, Refusals,
    chain::{Chain, Grip},
    grip::{Grasp, GripWatch},
    intake::Intake,
    late::LateJump,
};

/// What the cerebellum is doing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Still, ready for a key-frame.
    Waiting,
    /// On the way to the active key-frame, or settling there.
    Moving,
    /// Arrived; the fingers move.
    Gripper,
    /// A fault ended the motion: decelerating, or still. The next valid prediction starts again once still.
    Stopped,
}

/// What one tick decided.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct CerebellumTick {
    /// For the brainstem.
    pub segment: Segment,
    /// For the policy.
    pub progress: Progress,
    /// The key-frame being approached, as retargeted last.
    pub active: Option<KeyFrame>,
    /// Phase after the tick.
    pub phase: Phase,
    /// What the fingers have hold of.
    pub grasp: Grasp,
    /// Why motion stopped or does not begin; stays until the next key-frame is begun.
    pub fault: Option<Fault>,
    /// Key-frames begun in this task.
    pub adopted: u64,
    /// Times that a key-frame's pose was moved within the gate.
    pub retargeted: u64,
    /// Predictions not used in this task.
    pub refused: Refusals,
    /// Why the prediction looked at in this tick was not used.
    pub refusal: Option<Refusal>,
    /// During motion, the policy's last valid prediction is older than its lease.
    pub policy_is_late: bool,
}

/// The executor of key-frames. One owner, one thread.
pub struct Cerebellum {
    robot: Arc<Robot>,
    config: CerebellumConfig,
    limits: Vec<JointLimits>,
    stop_limits: Vec<JointLimits>,
    mover: Mover,
    chain: Chain,
    commit: CommitRule,
    late: LateJump,
    intake: Intake,
    source: Source,
    epoch: u32,
    phase: Phase,
    active: Option<KeyFrame>,
    fault: Option<Fault>,
    progress: Progress,
    /// What the fingers are told.
    told: Grip,
    /// What they were told before that.
    told_before: Grip,
    /// The force with which they close next; `None`: the configuration's [N].
    next_force_n: Option<f64>,
    /// See [`Cerebellum::leave_fingers`].
    leaves_fingers: bool,
    /// Only observations from here on may choose the next key-frame.
    ready_at: Nanos,
    last_heard: Nanos,
    /// With the newest usable prediction.
    path: Option<JointPath>,
    /// Of the newest prediction that may be used.
    confidence: f64,
    newest_images: Option<Nanos>,
    waiting_since: Nanos,
    motion_ended_at: Option<Nanos>,
    grip: Option<GripWatch>,
    grasp: Grasp,
    /// The commanded state is to be taken over once it is still and the brainstem follows.
    resuming: bool,
    /// A new task began: stop what moves.
    halt: bool,
    /// It was told to rest since it listened last.
    rests: bool,
    /// The source starts at the opening of this tick.
    source_is_new: bool,
    adopted: u64,
    retargeted: u64,
    refused: Refusals,
    last_tick: Option<CerebellumTick>,
}

impl Cerebellum {
    /// One tick at 200 Hz. `commanded` is of the brainstem's last tick; `prediction` is the newest one, seen before or
    /// not. Called too early for the next segment, it repeats its last answer.
    pub fn step(
        &mut self,
        now: Nanos,
        state: &ArmState,
        commanded: &Commanded,
        prediction: Option<&Prediction>,
    ) -> CerebellumTick {
        if self.chain.is_ahead_of(now) {
            self.lose(now, commanded);
            self.last_heard = now;
        }
        // Where both stand, only the brainstem's word tells that it does not follow.
        if !commanded.is_following && !self.resuming {
            self.lose(now, commanded);
        }
        // Where the next segment starts; if the brainstem went its own way, start again from where it stands.
        let opening = self.chain.opening(now, &commanded.motion);
        let Some(opening) = opening else {
            return match self.last_tick {
                Some(tick) => tick,
                None => self.hold(now, commanded, None),
            };
        };
        let seen = self.look(now, prediction);
        if !self.resuming && self.chain.has_diverged(now, &opening, &commanded.motion) {
            self.lose(now, commanded);
        }
        self.grasp = Grasp::of(self.told, state, &self.config);
        if self.resuming && !self.resume(commanded) {
            let refusal = self.refuse_unwanted(seen);
            return self.hold(now, commanded, refusal);
        }
        let opening =
            if self.chain.is_new() { self.chain.opening(now, &commanded.motion).unwrap_or(opening) } else { opening };

        if std::mem::take(&mut self.halt) && !matches!(self.source, Source::Hold(_)) {
            self.begin_stop(&opening.start);
        }

        // Decide: predictions, arrival, gripper, silence.
        let refusal = self.decide(now, &opening, seen);
        self.arrive(now, state);
        self.listen(now, &opening);

        // Move.
        let end = self.advance(now, &opening);
        let segment = self.chain.emit(self.epoch, &opening, &end, self.told, &self.limits);
        self.tick(now, segment, refusal)
    }

    /// Motion goes on at this share of its speed: what the brainstem's last tick says of the room that the arm has.
    pub fn set_speed_scale(&mut self, scale: f64) {
        self.mover.set_speed_scale(scale);
    }

    /// Fingers that close from now on squeeze with this force [N]; `None`, or no positive number: with the configuration's.
    /// Fingers that are closed go on as they were told. The brainstem's `grip_force_max_n` bounds it.
    pub fn set_grip_force(&mut self, force_n: Option<f64>) {
        self.next_force_n = force_n.filter(|force_n| force_n.is_finite() && *force_n > 0.0);
    }

    /// From now on key-frames are poses alone: whatever they say of the gripper, the fingers go on as they are commanded, for they
    /// may hold something.
    pub fn leave_fingers(&mut self) {
        self.leaves_fingers = true;
    }

    /// Images taken at `stamp` have reached the policy: if it falls silent, this says whether for want of images.
    pub fn see_images(&mut self, stamp: Nanos) {
        self.newest_images = Some(stamp);
    }

    /// The configuration in force.
    pub fn config(&self) -> &CerebellumConfig {
        &self.config
    }

    fn hold(&mut self, now: Nanos, commanded: &Commanded, refusal: Option<Refusal>) -> CerebellumTick {
        let segment = self.chain.hold(self.epoch, now, commanded.motion.q, self.told);
        self.chain.break_off();
        self.tick(now, segment, refusal)
    }

    fn tick(&mut self, now: Nanos, segment: Segment, refusal: Option<Refusal>) -> CerebellumTick {
        let tick = CerebellumTick {
            segment,
            progress: self.progress,
            active: self.active,
            phase: self.phase,
            grasp: self.grasp,
            fault: self.fault,
            adopted: self.adopted,
            retargeted: self.retargeted,
            refused: self.refused,
            refusal,
            policy_is_late: self.phase == Phase::Moving
                && self.config.repredict
                && now.secs_since(self.last_heard) > self.config.prediction_lease_secs,
        };
        self.last_tick = Some(CerebellumTick { refusal: None, ..tick });
        tick
    }
}
