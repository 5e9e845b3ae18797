//! One millisecond of the brainstem.

use std::sync::Arc;

use neuraxis_core::{
    ArmCommand, ArmState, Commanded, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Reaction, Segment, SegmentState,
};
use neuraxis_motion::StopProfile;
use neuraxis_robot::{JointLimits, Robot};

use crate::{
    BrainstemConfig, BrainstemError, Clearance, RefusedSegments, follow::follow, gate::SegmentGate, guard::Guard,
    range::Ranges, torque::FeedForward,
};

/// A tick makes good at most three missed periods: after a longer gap the command goes on from where it was, late, as
/// the arm would see a larger step as a leap.
const LONGEST_STEP_SECS: f64 = 0.004;
/// A state may be stamped this far ahead of the loop's clock.
const STAMP_AHEAD_SECS: f64 = 0.01;
/// Segments that may wait for their start: the longest lead holds four periods of the cerebellum.
const PENDING: usize = 4;
/// A joint that reports to be this far outside its range [rad], or to be this many times too fast, reports nonsense:
/// nothing may be held there, at the start or after a reset.
const BEYOND_RAD: f64 = 0.2;
const BEYOND_SPEEDS: f64 = 10.0;

/// What the brainstem is doing.
///
/// Hold -> Track: a fresh segment continues from the commanded state. Track -> Stopping: any stop or latch.
/// Stopping -> Hold: still, nothing latched. Stopping -> Latched: still. Hold -> Latched: a latch.
/// Latched -> Hold: [`Brainstem::reset`]. There are no other ways.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Still, at the commanded position, waiting for segments.
    Hold,
    /// Following segments.
    Track,
    /// Decelerating within the limits.
    Stopping,
    /// Still; only an operator's reset leads out.
    Latched,
}

/// What one tick decided.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Tick {
    /// Time of the tick.
    pub now: Nanos,
    /// What the arm is told. Must not be sent while `started` is false.
    pub command: ArmCommand,
    /// False until the first well-formed state: before it nobody knows where the arm is.
    pub started: bool,
    /// Mode after the tick.
    pub mode: Mode,
    /// Why the arm stops, has stopped or is latched; stays until motion resumes or a reset.
    pub fault: Option<Fault>,
    /// Why the segment offered in this tick was not used.
    pub rejected: Option<Fault>,
    /// Task instance of the segment followed.
    pub segment_epoch: Option<u32>,
    /// Number of the segment followed.
    pub segment_seq: Option<u64>,
    /// Segments not used so far.
    pub refused: RefusedSegments,
    /// Largest distance of a joint from its last command [rad].
    pub tracking_error_rad: f64,
    /// Room left at the end of a stop from here.
    pub clearance: Clearance,
    /// Share of its speed at which motion should go on, for want of room; 1 in free space.
    pub speed_scale: f64,
}

/// The loop's state. One owner, one thread.
#[derive(Clone)]
pub struct Brainstem {
    /// In force now: wider by as much as a joint was found in its margin.
    limits: Vec<JointLimits>,
    ranges: Ranges,
    config: BrainstemConfig,
    gate: SegmentGate,
    guard: Guard,
    feed_forward: FeedForward,
    mode: Mode,
    fault: Option<Fault>,
    latched: bool,
    started: bool,
    commanded: SegmentState,
    gripper_width_m: f64,
    grip_force_n: f64,
    current: Option<Segment>,
    /// Accepted, but starting later.
    pending: [Option<Segment>; PENDING],
    /// The way to rest from the commanded state, always at hand.
    stop: StopProfile,
    /// At the end of it.
    clearance: Clearance,
    /// Commands have been given for the time up to here.
    lived_until: Option<Nanos>,
    last_state: Option<ArmState>,
    newest_stamp: Nanos,
    state_changed_at: Nanos,
    off_track_since: Option<Nanos>,
    tracking_error_rad: f64,
}

impl Brainstem {
    /// Checks the configuration and the robot's limits. Allocates here, never afterwards.
    pub fn new(robot: Arc<Robot>, config: BrainstemConfig) -> Result<Self, BrainstemError> {
        config.validate()?;
        let limits = working_limits(&robot, &config)?;
        let dof = limits.len();
        let gate =
            SegmentGate::new(dof, Nanos::from_secs(config.lease_max_secs), Nanos::from_secs(config.lead_max_secs));
        let rest = at_rest(Joints::zeros(dof));
        // Until somebody says how firmly: as firmly as it may, as something may be held already.
        let grip_force_n = config.grip_force_max_n;
        Ok(Self {
            stop: StopProfile::from_state(&rest, &limits),
            clearance: Clearance::FREE,
            guard: Guard::new(robot.clone(), &config)?,
            ranges: Ranges::new(robot.limits(), &limits),
            feed_forward: FeedForward::new(robot),
            limits,
            config,
            gate,
            mode: Mode::Hold,
            fault: None,
            latched: false,
            started: false,
            commanded: rest,
            gripper_width_m: 0.0,
            grip_force_n,
            current: None,
            pending: [None; PENDING],
            lived_until: None,
            last_state: None,
            newest_stamp: Nanos::default(),
            state_changed_at: Nanos::default(),
            off_track_since: None,
            tracking_error_rad: 0.0,
        })
    }

    /// One tick: check, decide, limit. `segment` is the newest one, seen before or not. No heap, no clock, no I/O.
    pub fn step(&mut self, now: Nanos, state: &ArmState, segment: Option<&Segment>) -> Tick {
        let elapsed_secs = self.live_until(now);
        let dt_secs = elapsed_secs.min(LONGEST_STEP_SECS);

        // Check the arm, and start bumplessly: the first command is the measured state.
        let state_is_good = self.is_well_formed(state);
        if state_is_good {
            self.observe(now, state);
        } else {
            self.last_state = None;
            if self.started {
                self.trip(Fault::StateMalformed);
            } else if self.mode == Mode::Hold {
                self.fault = Some(Fault::StateMalformed);
            }
        }

        // Check the segment. Segments that arrive while stopping are not kept for later.
        let rejected = match self.gate.offer(now, segment) {
            Ok(Some(fresh)) if self.mode == Mode::Hold || self.mode == Mode::Track => {
                self.keep_pending(fresh);
                None
            }
            Ok(Some(_)) => {
                self.gate.refused.while_stopping += 1;
                self.fault
            }
            Ok(None) => None,
            Err(fault) => Some(fault),
        };

        // Decide and limit.
        let jump = if self.started { self.promote_pending(now, elapsed_secs) } else { None };
        if self.mode == Mode::Track
            && let Err(fault) = self.track(now, dt_secs)
        {
            // A target out of reach only because time was lost is the loop's fault, not the segment's.
            let lost_time = fault == Fault::SegmentJump && elapsed_secs > dt_secs;
            self.trip(if lost_time { Fault::Overrun } else { fault });
        }
        if self.mode == Mode::Stopping {
            self.step_stop(dt_secs);
        }
        let tau_nm = self.feed_forward.step(&self.commanded, dt_secs, &self.limits);
        self.decided(now, tau_nm, rejected.or(jump))
    }

    /// A stop that holds until [`Brainstem::reset`].
    pub fn request_stop(&mut self) {
        self.trip(Fault::StopRequested);
    }

    /// Reacts to a fault that somebody else found (arm I/O, cameras, overruns) as the table in core says.
    pub fn trip(&mut self, fault: Fault) {
        match fault.reaction() {
            Reaction::Reject => {}
            Reaction::Stop if self.mode == Mode::Track => {
                self.fault = Some(fault);
                self.begin_stop();
            }
            // Still or stopping already.
            Reaction::Stop => {}
            Reaction::Latch => {
                // The first cause is kept.
                if !self.latched {
                    self.latched = true;
                    self.fault = Some(fault);
                }
                match self.mode {
                    Mode::Track => self.begin_stop(),
                    Mode::Hold => self.mode = Mode::Latched,
                    Mode::Stopping | Mode::Latched => {}
                }
            }
        }
    }

    /// Leaves the latched mode, if the arm is still and reports a well-formed state. Holds where the arm is now.
    pub fn reset(&mut self) -> Result<(), BrainstemError> {
        let refused = |reason| Err(BrainstemError::ResetRefused { mode: self.mode, fault: self.fault, reason });
        if self.mode != Mode::Latched {
            return refused("nothing is latched, or the arm has not come to rest yet");
        }
        let Some(state) = self.last_state else {
            return refused("the arm's last state is malformed");
        };
        if self.lived_until.is_some_and(|now| now.secs_since(self.state_changed_at) > self.config.state_timeout_secs) {
            return refused("the arm's last state is old");
        }
        if state.qd.iter().any(|qd| qd.abs() > self.config.still_rad_s) {
            return refused("the arm moves");
        }
        self.hold_at(&state.q);
        self.latched = false;
        self.fault = None;
        self.off_track_since = None;
        if let Some(now) = self.lived_until {
            self.state_changed_at = now;
        }
        Ok(())
    }

    /// What a motion continues from, and whether it may.
    pub fn to_continue(&self) -> Commanded {
        Commanded {
            motion: self.commanded,
            gripper_width_m: self.gripper_width_m,
            is_following: self.mode == Mode::Track,
        }
    }

    /// The state commanded last: where motion has to continue from. Zeros before the first tick.
    pub fn commanded(&self) -> SegmentState {
        self.commanded
    }

    /// The finger distance commanded last [m].
    pub fn commanded_gripper_width_m(&self) -> f64 {
        self.gripper_width_m
    }

    /// Mode after the last tick.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// True if the commanded state does not move.
    pub fn is_still(&self) -> bool {
        self.mode == Mode::Hold || self.mode == Mode::Latched
    }

    /// Joints of the robot.
    pub fn dof(&self) -> usize {
        self.limits.len()
    }

    /// The limits in force: the robot's with the configuration's margins.
    pub(crate) fn limits(&self) -> &[JointLimits] {
        &self.limits
    }

    /// The configuration in force.
    pub fn config(&self) -> &BrainstemConfig {
        &self.config
    }

    /// Time for this tick to make up for [s]. While the clock stands, or turns back, the arm lives one period a tick.
    fn live_until(&mut self, now: Nanos) -> f64 {
        let Some(lived_until) = self.lived_until else {
            self.lived_until = Some(now);
            return PERIOD_BRAINSTEM.secs();
        };
        let elapsed_secs = now.secs_since(lived_until);
        let goes_on = elapsed_secs > 0.0;
        let lost_the_clock = elapsed_secs < -LONGEST_STEP_SECS;
        self.lived_until = Some(if goes_on || lost_the_clock { now } else { lived_until + PERIOD_BRAINSTEM });
        if goes_on { elapsed_secs } else { PERIOD_BRAINSTEM.secs() }
    }

    fn is_well_formed(&self, state: &ArmState) -> bool {
        let dof = self.limits.len();
        state.q.len() == dof
            && state.qd.len() == dof
            && state.q.is_finite()
            && state.qd.is_finite()
            && state.tau_nm.is_finite()
            && state.gripper_width_m.is_finite()
            && state.grip_force_n.is_none_or(f64::is_finite)
            && self.limits.iter().zip(state.q.iter().zip(state.qd.iter())).all(|(limit, (q, qd))| {
                (limit.lower_rad - BEYOND_RAD..=limit.upper_rad + BEYOND_RAD).contains(q)
                    && qd.abs() <= BEYOND_SPEEDS * limit.velocity_rad_s
            })
    }

    /// Start, tracking error, frozen state.
    fn observe(&mut self, now: Nanos, state: &ArmState) {
        if !self.started {
            self.started = true;
            self.state_changed_at = now;
            self.gripper_width_m = state.gripper_width_m.clamp(0.0, self.config.gripper_width_max_m);
            self.hold_at(&state.q);
            // A latch from before the arm spoke, an operator's stop for one, is no less one.
            if self.latched {
                self.mode = Mode::Latched;
            } else {
                self.fault = None;
            }
        }

        // A clock that stepped back does not lend a frozen state more time.
        self.state_changed_at = self.state_changed_at.min(now);
        self.newest_stamp = self.newest_stamp.min(now);
        // Only a newer state is news, and only one of about now.
        let is_of_now = (-self.config.state_timeout_secs..=STAMP_AHEAD_SECS).contains(&state.stamp.secs_since(now));
        if is_of_now && state.stamp > self.newest_stamp {
            (self.newest_stamp, self.state_changed_at) = (state.stamp, now);
        } else if now.secs_since(self.state_changed_at) > self.config.state_timeout_secs {
            self.trip(Fault::ReadFailed);
        }
        self.last_state = Some(*state);

        self.tracking_error_rad = self.commanded.q.max_abs_diff(&state.q);
        if self.tracking_error_rad <= self.config.tracking_error_rad {
            self.off_track_since = None;
        } else {
            let since = *self.off_track_since.get_or_insert(now);
            if now.secs_since(since) >= self.config.tracking_error_secs {
                self.trip(Fault::TrackingError);
            }
        }
    }

    /// Keeps a segment until it starts; if all places are taken, the one that starts last makes room.
    fn keep_pending(&mut self, segment: Segment) {
        let place = match self.pending.iter().position(|slot| slot.is_none()) {
            Some(free) => self.pending.get_mut(free),
            None => self.pending.iter_mut().max_by_key(|slot| slot.map(|s| s.t0)),
        };
        if let Some(slot) = place {
            *slot = Some(segment);
        }
    }

    /// Puts a pending segment to use once it starts, if it continues from what is commanded.
    fn promote_pending(&mut self, now: Nanos, elapsed_secs: f64) -> Option<Fault> {
        if !(self.mode == Mode::Hold || self.mode == Mode::Track) {
            self.pending = [None; PENDING];
            return None;
        }
        let is_due = |segment: &Segment| segment.t0 <= now;
        // Nor one whose lease ran out while it waited: the clock leapt, or the loop overslept.
        let may_start = |segment: &Segment| is_due(segment) && now <= segment.valid_until;
        let segment = self.pending.iter().flatten().copied().filter(may_start).max_by_key(|s| (s.epoch, s.seq));
        for slot in &mut self.pending {
            *slot = slot.filter(|segment| !is_due(segment));
        }
        let segment = segment?;

        // Compare at the same moment: what is commanded goes on with its velocity until now.
        let (wanted, from) = (segment.at(now), &self.commanded);
        let ahead = Joints::from_fn(from.q.len(), |i| {
            let get = |joints: &Joints| joints.get(i).copied().unwrap_or(0.0);
            get(&from.q) + elapsed_secs * get(&from.qd)
        });
        let continues = wanted.q.max_abs_diff(&ahead) <= self.config.jump_rad
            && wanted.qd.max_abs_diff(&from.qd) <= self.config.jump_rad_s;
        if continues {
            self.current = Some(segment);
            self.mode = Mode::Track;
            self.fault = None;
            return None;
        }
        self.gate.refused.jump += 1;
        self.trip(Fault::SegmentJump);
        Some(Fault::SegmentJump)
    }

    /// Follows the current segment within the limits; on a fault the commanded state is left untouched.
    fn track(&mut self, now: Nanos, dt_secs: f64) -> Result<(), Fault> {
        // A lease does not hold before its time either: the clock stepped back.
        let holds = |segment: &Segment| now <= segment.valid_until && segment.t0 <= now + self.gate.lead_max;
        let segment = self.current.filter(holds).ok_or(Fault::LeaseExpired)?;
        let target = segment.at(now);
        for (limit, ((q, qd), qdd)) in
            self.limits.iter().zip(target.q.iter().zip(target.qd.iter()).zip(target.qdd.iter()))
        {
            // `contains` is false for NaN.
            if !(limit.lower_rad..=limit.upper_rad).contains(q) {
                return Err(Fault::PositionLimit);
            }
            if !(0.0..=limit.velocity_rad_s).contains(&qd.abs()) {
                return Err(Fault::VelocityLimit);
            }
            if !(0.0..=limit.acceleration_rad_s2 * (1.0 + 1e-9)).contains(&qdd.abs()) {
                return Err(Fault::AccelerationLimit);
            }
        }
        let next = follow(&self.commanded, &target, dt_secs, &self.limits);
        // Only go where there is a way to rest, all of it allowed.
        let cleared = self.guard.clear(&next, &self.limits)?;
        self.feed_forward.check(&next, &cleared.stop, &self.limits)?;
        // A target that runs away from its follower does not respect the limits, whatever it declares.
        if !(0.0..=self.config.jump_rad).contains(&next.q.max_abs_diff(&target.q)) {
            return Err(Fault::SegmentJump);
        }
        self.guard.keep_what_is_won();
        self.ranges.keep_what_is_won(&cleared.stop, &mut self.limits);
        self.commanded = next;
        (self.stop, self.clearance) = (cleared.stop, cleared.clearance);
        self.gripper_width_m = segment.gripper_width_m.clamp(0.0, self.config.gripper_width_max_m);
        self.grip_force_n = segment.grip_force_n.clamp(0.0, self.config.grip_force_max_n);
        Ok(())
    }

    fn begin_stop(&mut self) {
        self.mode = Mode::Stopping;
        self.current = None;
        self.pending = [None; PENDING];
    }

    fn step_stop(&mut self, dt_secs: f64) {
        self.commanded = self.stop.step(dt_secs);
        if self.stop.is_still() {
            let q = self.commanded.q;
            self.rest_at(&q);
            self.mode = if self.latched { Mode::Latched } else { Mode::Hold };
        }
    }

    fn hold_at(&mut self, q: &Joints) {
        self.rest_at(q);
        self.mode = Mode::Hold;
        self.current = None;
        self.pending = [None; PENDING];
    }

    fn rest_at(&mut self, q: &Joints) {
        self.ranges.stands_at(q, &mut self.limits);
        self.commanded = at_rest(*q);
        self.stop = StopProfile::from_state(&self.commanded, &self.limits);
        self.clearance = self.guard.stands_at(q, &self.limits);
    }

    fn decided(&self, now: Nanos, tau_nm: Joints, rejected: Option<Fault>) -> Tick {
        Tick {
            now,
            command: ArmCommand {
                q: self.commanded.q,
                qd: self.commanded.qd,
                qdd: self.commanded.qdd,
                tau_nm,
                gripper_width_m: self.gripper_width_m,
                grip_force_n: self.grip_force_n,
            },
            started: self.started,
            mode: self.mode,
            fault: self.fault,
            rejected,
            segment_epoch: self.current.map(|segment| segment.epoch),
            segment_seq: self.current.map(|segment| segment.seq),
            refused: self.gate.refused,
            tracking_error_rad: self.tracking_error_rad,
            clearance: self.clearance,
            speed_scale: self.guard.speed_scale(&self.clearance),
        }
    }
}

fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
}

/// The robot's limits with this configuration's margins; refuses limits that no motion can respect.
fn working_limits(robot: &Robot, config: &BrainstemConfig) -> Result<Vec<JointLimits>, BrainstemError> {
    let mut limits = robot.limits().to_vec();
    for (index, (limit, name)) in limits.iter_mut().zip(robot.joint_names()).enumerate() {
        limit.lower_rad += config.position_margin_rad;
        limit.upper_rad -= config.position_margin_rad;
        limit.slow(&config.shares());
        let refuse = |limit, value, allowed| {
            Err(BrainstemError::Limit { joint: name.to_string(), index, limit, value, allowed })
        };
        let range = limit.upper_rad - limit.lower_rad;
        if !(range.is_finite() && range > 0.0) {
            return refuse("position range without margins", range, "finite, above 0");
        }
        for (key, value) in [
            ("velocity limit", limit.velocity_rad_s),
            ("acceleration limit", limit.acceleration_rad_s2),
            ("jerk limit", limit.jerk_rad_s3),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return refuse(key, value, "finite, above 0");
            }
        }
    }
    Ok(limits)
}
