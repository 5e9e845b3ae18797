//! One tick of the cerebellum: predictions in, a segment of motion out.

use std::sync::Arc;

use neuraxis_core::{
    ArmState, Fault, Gripper, JointPath, Joints, KeyFrame, Nanos, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM, Prediction,
    Progress, Segment, SegmentState,
};
use neuraxis_motion::{Mover, StopProfile};
use neuraxis_robot::{JointLimits, Robot};

use crate::{
    CerebellumConfig, CerebellumError, CommitRule, Decision, Refusal, Refusals,
    chain::{Chain, Grip, Opening},
    grip::{Grasp, GripWatch},
    intake::Intake,
    late::{Late, LateJump},
};

/// Share of the robot's acceleration limits that a stop uses: the rest is the brainstem's room to follow.
const STOP_ACCELERATION_SHARE: f64 = 0.8;
/// Share of the jerk limits: acceleration changes once in five of the brainstem's ticks, by five ticks' worth.
const STOP_JERK_SHARE: f64 = 0.15;
/// Commanded joint speed under which the arm counts as still [rad/s].
const STILL_RAD_S: f64 = 1e-4;
/// Finger distances closer than this are the same command [m].
const SAME_WIDTH_M: f64 = 0.002;
/// A key-frame this close to the one just reached, with the same gripper state, is the same [m], [rad].
const SAME_POSE: (f64, f64) = (0.0005, 0.005);

/// Fingers wait no longer than this for predictions to agree that their goal has moved aside [s].
const DOUBT_SECS: f64 = 0.5;

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

/// Where the motion comes from. The stop stays in place: a box would allocate in the tick.
#[allow(clippy::large_enum_variant)]
enum Source {
    Hold(Joints),
    Mover,
    Stop(StopProfile),
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
    /// The force with which they close next; `None`: the configuration's [N].
    next_force_n: Option<f64>,
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
    /// The commanded state is to be taken over once still.
    resuming: bool,
    /// A new task began: stop what moves.
    halt: bool,
    /// The source starts at the opening of this tick.
    source_is_new: bool,
    adopted: u64,
    retargeted: u64,
    refused: Refusals,
    last_tick: Option<CerebellumTick>,
}

impl Cerebellum {
    /// Checks the configuration. Allocates here and in the mover's construction, not in [`Cerebellum::step`].
    pub fn new(robot: Arc<Robot>, config: CerebellumConfig) -> Result<Self, CerebellumError> {
        config.validate()?;
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
            told: Grip { width_m: config.open_width_m, force_n: config.grip_force_n },
            next_force_n: None,
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
    /// `commanded` and `gripper_width_m` are what the brainstem commands now (not what is measured: a grip would
    /// loosen). Epochs must increase over the life of a brainstem.
    pub fn start_task(&mut self, epoch: u32, now: Nanos, commanded: &SegmentState, gripper_width_m: f64) {
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

        let (open, closed) = (self.config.open_width_m, self.config.closed_width_m);
        self.told.width_m = [open, closed]
            .into_iter()
            .find(|width| (width - gripper_width_m).abs() <= SAME_WIDTH_M)
            .unwrap_or_else(|| gripper_width_m.clamp(closed, open));
        self.progress = Progress {
            reached_world_from_tool: self.robot.world_from_tool(&commanded.q),
            gripper: if self.told.width_m > 0.5 * (open + closed) { Gripper::Open } else { Gripper::Closed },
            reached_count: 0,
        };
        self.next_force_n = None;
        if self.progress.gripper == Gripper::Open {
            self.told.force_n = self.config.grip_force_n;
        }
        (self.ready_at, self.last_heard, self.waiting_since) = (now, now, now);
        self.last_tick = None;
    }

    /// Stops what moves and waits: nothing is wanted of the arm any more. Fingers that move go on; progress stays.
    pub fn rest(&mut self, now: Nanos) {
        if self.phase == Phase::Moving {
            self.halt = true;
            self.wait(now);
        }
    }

    /// One tick at 200 Hz. `commanded` is the brainstem's last commanded state; `prediction` is the newest one, seen
    /// before or not. Called too early for the next segment, it repeats its last answer.
    pub fn step(
        &mut self,
        now: Nanos,
        state: &ArmState,
        commanded: &SegmentState,
        prediction: Option<&Prediction>,
    ) -> CerebellumTick {
        if self.chain.is_ahead_of(now) {
            self.lose(now);
            self.last_heard = now;
        }
        // Where the next segment starts; if the brainstem went its own way, start again from where it stands.
        let opening = self.chain.opening(now, commanded);
        let Some(opening) = opening else {
            return match self.last_tick {
                Some(tick) => tick,
                None => self.hold(now, commanded, None),
            };
        };
        let seen = self.look(now, prediction);
        if !self.resuming && self.chain.has_diverged(now, &opening, commanded) {
            self.lose(now);
        }
        if self.resuming && !self.resume(commanded) {
            let refusal = self.refuse_unwanted(seen);
            return self.hold(now, commanded, refusal);
        }
        let opening = if self.chain.is_new() { self.chain.opening(now, commanded).unwrap_or(opening) } else { opening };

        if std::mem::take(&mut self.halt) && !matches!(self.source, Source::Hold(_)) {
            self.begin_stop(&opening.start);
        }

        self.grasp = Grasp::of(self.told, state, &self.config);

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

    /// Images taken at `stamp` have reached the policy: if it falls silent, this says whether for want of images.
    pub fn see_images(&mut self, stamp: Nanos) {
        self.newest_images = Some(stamp);
    }

    /// The configuration in force.
    pub fn config(&self) -> &CerebellumConfig {
        &self.config
    }

    /// Checks the newest prediction, once.
    fn look(&mut self, now: Nanos, prediction: Option<&Prediction>) -> Option<Result<KeyFrame, Refusal>> {
        let observed_at = prediction.map_or(now, |p| p.observed_at);
        let seen = self.intake.look(now, prediction, &self.config)?;
        Some(seen.and_then(|keyframe| {
            self.last_heard = now;
            if observed_at < self.ready_at {
                return Err(Refusal::BeforeArrival);
            }
            self.path = prediction.and_then(|p| p.path);
            self.confidence = prediction.map_or(1.0, |p| f64::from(p.confidence));
            Ok(keyframe)
        }))
    }

    /// Commit rule and adoption. What was not used, and why.
    fn decide(&mut self, now: Nanos, opening: &Opening, seen: Option<Result<KeyFrame, Refusal>>) -> Option<Refusal> {
        let result = match seen? {
            Err(refusal) => Err(refusal),
            Ok(keyframe) => match (self.phase, self.active) {
                (Phase::Waiting | Phase::Stopped, _) if matches!(self.source, Source::Hold(_)) => {
                    if self.is_there(&keyframe) {
                        Err(Refusal::AlreadyThere)
                    } else {
                        self.begin(now, opening, keyframe)
                    }
                }
                (Phase::Moving, Some(active)) if self.config.repredict && self.hears_late(&active) => {
                    let least_m = self.config.freeze_m;
                    match self.late.consider(&active, &keyframe, &self.config.commit, least_m) {
                        Late::No if self.motion_ended_at.is_some() => Err(Refusal::NotWanted),
                        Late::No => self.reconsider(now, opening, &active, keyframe),
                        Late::Wait => Err(Refusal::Unconfirmed),
                        Late::Adopt => self.retarget(now, opening, keyframe),
                    }
                }
                (Phase::Moving, Some(active)) if self.config.repredict && self.motion_ended_at.is_none() => {
                    self.reconsider(now, opening, &active, keyframe)
                }
                _ => Err(Refusal::NotWanted),
            },
        };
        let refusal = result.err()?;
        self.refused.count(refusal);
        Some(refusal)
    }

    /// The commit rule.
    fn reconsider(
        &mut self,
        now: Nanos,
        opening: &Opening,
        active: &KeyFrame,
        keyframe: KeyFrame,
    ) -> Result<(), Refusal> {
        match self.commit.consider(active, &keyframe, self.confidence) {
            Decision::Keep => Ok(()),
            Decision::Wait => Err(Refusal::Unconfirmed),
            Decision::Retarget(_) if self.mover.remaining_m() < self.config.freeze_m => Ok(()),
            Decision::Retarget(goal) => self.retarget(now, opening, goal),
            Decision::Adopt(goal) => self.begin(now, opening, goal),
        }
    }

    /// On a way in, as good as there or settling, with fingers that are to move.
    fn hears_late(&self, active: &KeyFrame) -> bool {
        let is_near = self.motion_ended_at.is_some() || self.mover.remaining_m() < self.config.freeze_m;
        is_near && self.mover.is_coming_in() && self.is_new_to_fingers(self.grip_at(active))
    }

    /// What the fingers are told at a key-frame.
    fn grip_at(&self, keyframe: &KeyFrame) -> Grip {
        let usual_n = self.config.grip_force_n;
        match keyframe.gripper {
            Gripper::Open => Grip { width_m: self.config.open_width_m, force_n: usual_n },
            Gripper::Closed => {
                Grip { width_m: self.config.closed_width_m, force_n: self.next_force_n.unwrap_or(usual_n) }
            }
        }
    }

    /// Fingers that are told so move.
    fn is_new_to_fingers(&self, grip: Grip) -> bool {
        (grip.width_m - self.told.width_m).abs() > SAME_WIDTH_M
    }

    fn refuse_unwanted(&mut self, seen: Option<Result<KeyFrame, Refusal>>) -> Option<Refusal> {
        let refusal = seen?.err().unwrap_or(Refusal::NotWanted);
        self.refused.count(refusal);
        Some(refusal)
    }

    fn is_there(&self, keyframe: &KeyFrame) -> bool {
        let (metres, radians) = keyframe.world_from_tool.distance(&self.progress.reached_world_from_tool);
        self.progress.reached_count > 0
            && keyframe.gripper == self.progress.gripper
            && metres <= SAME_POSE.0
            && radians <= SAME_POSE.1
    }

    fn begin(&mut self, now: Nanos, opening: &Opening, goal: KeyFrame) -> Result<(), Refusal> {
        // The chain approaches rest asymptotically; for the mover rest is rest.
        let start = if is_still(&opening.start) { at_rest(opening.start.q) } else { opening.start };
        let started = match self.path.filter(|_| !goal.ignore_collisions) {
            Some(path) => self.mover.start_along(&start, &goal, &path),
            None => self.mover.start(&start, &goal),
        };
        match started {
            Ok(()) => {
                self.commit.clear();
                self.late.clear();
                self.source = Source::Mover;
                self.source_is_new = true;
                self.phase = Phase::Moving;
                self.active = Some(goal);
                self.fault = None;
                self.motion_ended_at = None;
                self.last_heard = now;
                self.adopted += 1;
                Ok(())
            }
            Err(fault) => {
                self.stop(now, &opening.start, fault);
                Err(Refusal::Unreachable)
            }
        }
    }

    fn retarget(&mut self, now: Nanos, opening: &Opening, goal: KeyFrame) -> Result<(), Refusal> {
        match self.mover.retarget(&goal) {
            Ok(()) => {
                // Also where it had come to rest.
                if self.motion_ended_at.take().is_some() {
                    self.source = Source::Mover;
                    self.source_is_new = true;
                }
                self.active = Some(goal);
                self.retargeted += 1;
                Ok(())
            }
            Err(fault) => {
                self.stop(now, &opening.start, fault);
                Err(Refusal::Unreachable)
            }
        }
    }

    /// Moving -> Gripper -> Waiting.
    fn arrive(&mut self, now: Nanos, state: &ArmState) {
        let Some(active) = self.active else { return };
        match (self.phase, self.motion_ended_at) {
            (Phase::Moving, Some(ended_at)) => {
                let Source::Hold(q) = &self.source else { return };
                let is_close = state.q.max_abs_diff(q) <= self.config.arrival_rad;
                let settled_secs = now.secs_since(ended_at);
                if !is_close && settled_secs < self.config.arrival_timeout_secs {
                    return;
                }
                // Fingers do not close on what may have moved away: a few more predictions tell.
                if self.late.is_open() && settled_secs < DOUBT_SECS {
                    return;
                }
                self.progress.gripper = active.gripper;
                let grip = self.grip_at(&active);
                if self.is_new_to_fingers(grip) {
                    self.told = grip;
                    self.grip = Some(GripWatch::new(now, state, self.told));
                    self.phase = Phase::Gripper;
                } else {
                    self.told.width_m = grip.width_m;
                    self.reach(now, &active);
                }
            }
            (Phase::Gripper, _) => {
                let config = &self.config;
                if self.grip.as_mut().is_none_or(|watch| watch.is_done(now, state, config)) {
                    self.grip = None;
                    self.reach(now, &active);
                }
            }
            _ => {}
        }
    }

    fn reach(&mut self, now: Nanos, active: &KeyFrame) {
        self.progress.reached_world_from_tool = active.world_from_tool;
        self.progress.reached_count += 1;
        self.wait(now);
    }

    fn wait(&mut self, now: Nanos) {
        self.phase = Phase::Waiting;
        self.active = None;
        self.motion_ended_at = None;
        self.grip = None;
        self.commit.clear();
        self.late.clear();
        (self.ready_at, self.waiting_since) = (now, now);
    }

    /// A policy that falls silent: stop during motion, complaint while waiting.
    fn listen(&mut self, now: Nanos, opening: &Opening) {
        let silent_secs = now.secs_since(self.last_heard);
        match (self.phase, self.config.policy_silence_stop_secs) {
            (Phase::Moving, Some(limit_secs)) if self.config.repredict && silent_secs > limit_secs => {
                self.stop(now, &opening.start, self.silenced_by(now, limit_secs));
            }
            (Phase::Waiting, _) => {
                let waited_secs = silent_secs.min(now.secs_since(self.waiting_since));
                if waited_secs > self.config.waiting_timeout_secs {
                    self.fault = Some(self.silenced_by(now, self.config.waiting_timeout_secs));
                }
            }
            _ => {}
        }
    }

    /// Whose fault the policy's silence is.
    fn silenced_by(&self, now: Nanos, limit_secs: f64) -> Fault {
        let blind = self.newest_images.is_some_and(|stamp| now.secs_since(stamp) > limit_secs);
        if blind { Fault::CameraStale } else { Fault::PolicyStale }
    }

    /// The trajectory at the end of the next segment.
    fn advance(&mut self, now: Nanos, opening: &Opening) -> SegmentState {
        let mut end = opening.start;
        // After an overrun the trajectory went on in the meantime, unless it only starts here.
        let periods = if std::mem::take(&mut self.source_is_new) { 1 } else { opening.periods };
        for _ in 0..periods {
            end = match &mut self.source {
                Source::Hold(q) => at_rest(*q),
                Source::Mover => match self.mover.step() {
                    Ok(state) => {
                        if self.mover.is_done() {
                            self.source = Source::Hold(state.q);
                            self.motion_ended_at = Some(now);
                        }
                        state
                    }
                    Err(fault) => {
                        self.stop(now, &opening.start, fault);
                        self.step_stop().unwrap_or(opening.start)
                    }
                },
                Source::Stop(_) => self.step_stop().unwrap_or(opening.start),
            };
        }
        end
    }

    fn step_stop(&mut self) -> Option<SegmentState> {
        let Source::Stop(profile) = &mut self.source else { return None };
        // In the brainstem's steps: a stop is finer than our period.
        let steps = PERIOD_CEREBELLUM.0 / PERIOD_BRAINSTEM.0;
        let mut state = profile.step(PERIOD_BRAINSTEM.secs());
        for _ in 1..steps {
            state = profile.step(PERIOD_BRAINSTEM.secs());
        }
        if profile.is_still() {
            self.source = Source::Hold(state.q);
        }
        Some(state)
    }

    /// Ends the motion smoothly because of a fault.
    fn stop(&mut self, now: Nanos, from: &SegmentState, fault: Fault) {
        self.wait(now);
        self.begin_stop(from);
        self.phase = Phase::Stopped;
        self.fault = Some(fault);
    }

    fn begin_stop(&mut self, from: &SegmentState) {
        self.source_is_new = true;
        self.source = if is_still(from) {
            Source::Hold(from.q)
        } else {
            Source::Stop(StopProfile::from_state(from, &self.stop_limits))
        };
    }

    /// The brainstem stopped or was reset: give up the motion, and wait for a prediction made after that.
    fn lose(&mut self, now: Nanos) {
        self.wait(now);
        self.phase = Phase::Stopped;
        self.resuming = true;
        self.chain.break_off();
    }

    /// Takes over the commanded state once it is still.
    fn resume(&mut self, commanded: &SegmentState) -> bool {
        if !is_still(commanded) || commanded.q.len() != self.limits.len() {
            return false;
        }
        self.chain.break_off();
        self.source = Source::Hold(commanded.q);
        self.resuming = false;
        if self.phase == Phase::Stopped && self.fault.is_none() {
            self.phase = Phase::Waiting;
        }
        true
    }

    fn hold(&mut self, now: Nanos, commanded: &SegmentState, refusal: Option<Refusal>) -> CerebellumTick {
        let segment = self.chain.hold(self.epoch, now, commanded.q, self.told);
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

fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
}

fn is_still(state: &SegmentState) -> bool {
    state.qd.iter().all(|qd| qd.abs() < STILL_RAD_S)
}
