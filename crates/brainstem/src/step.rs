//! One millisecond of the brainstem.

mod limits;
mod segments;
mod state;
mod stops;
mod tick;

use std::sync::Arc;

use neuraxis_core::{ArmState, Commanded, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Segment, SegmentState};
use neuraxis_motion::StopProfile;
use neuraxis_robot::{JointLimits, Robot};

use self::limits::working_limits;
pub use self::tick::Tick;
use crate::{
    BrainstemConfig, BrainstemError, Clearance, gate::SegmentGate, guard::Guard, range::Ranges, torque::FeedForward,
};

/// A tick makes good at most three missed periods: after a longer gap the command goes on from where it was, late, as
/// the arm would see a larger step as a leap.
const LONGEST_STEP_SECS: f64 = 0.004;
/// Segments that may wait for their start: the longest lead holds four periods of the cerebellum.
const PENDING: usize = 4;

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
    /// Times that it was.
    latches: u32,
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
            latches: 0,
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

    /// Latches so far: who looks seldom sees by it that there was one, reset or not.
    pub fn latches(&self) -> u32 {
        self.latches
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
}

fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
}
