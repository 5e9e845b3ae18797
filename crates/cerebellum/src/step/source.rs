//! Where the motion comes from, tick by tick, and how it ends before its goal.

use neuraxis_core::{Commanded, Fault, Joints, Nanos, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM, SegmentState};
use neuraxis_motion::StopProfile;

use super::{Cerebellum, Phase};
use crate::chain::Opening;

/// Share of the robot's acceleration limits that a stop uses: the rest is the brainstem's room to follow.
pub const STOP_ACCELERATION_SHARE: f64 = 0.8;
/// Share of the jerk limits: acceleration changes once in five of the brainstem's ticks, by five ticks' worth.
pub const STOP_JERK_SHARE: f64 = 0.15;
/// Commanded joint speed under which the arm counts as still [rad/s].
const STILL_RAD_S: f64 = 1e-4;

/// Where the motion comes from. The stop stays in place: a box would allocate in the tick.
#[allow(clippy::large_enum_variant)]
pub(super) enum Source {
    Hold(Joints),
    Mover,
    Stop(StopProfile),
}

impl Cerebellum {
    /// The trajectory at the end of the next segment.
    pub(super) fn advance(&mut self, now: Nanos, opening: &Opening) -> SegmentState {
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
    pub(super) fn stop(&mut self, now: Nanos, from: &SegmentState, fault: Fault) {
        self.wait(now);
        self.begin_stop(from);
        self.phase = Phase::Stopped;
        self.fault = Some(fault);
    }

    pub(super) fn begin_stop(&mut self, from: &SegmentState) {
        self.source_is_new = true;
        self.source = if is_still(from) {
            Source::Hold(from.q)
        } else {
            Source::Stop(StopProfile::from_state(from, &self.stop_limits))
        };
    }

    /// The brainstem stopped or was reset: give up the motion, and wait for a prediction made after that.
    pub(super) fn lose(&mut self, now: Nanos, commanded: &Commanded) {
        self.wait(now);
        self.take_over_grip(commanded.gripper_width_m);
        self.phase = Phase::Stopped;
        self.resuming = true;
        self.chain.break_off();
    }

    /// Takes over the commanded state once it is still and the brainstem follows.
    pub(super) fn resume(&mut self, commanded: &Commanded) -> bool {
        let motion = &commanded.motion;
        if !commanded.is_following || !is_still(motion) || motion.q.len() != self.limits.len() {
            return false;
        }
        self.chain.break_off();
        self.source = Source::Hold(motion.q);
        self.resuming = false;
        if self.phase == Phase::Stopped && self.fault.is_none() {
            self.phase = Phase::Waiting;
        }
        true
    }
}

pub(super) fn at_rest(q: Joints) -> SegmentState {
    SegmentState { q, qd: Joints::zeros(q.len()), qdd: Joints::zeros(q.len()) }
}

pub(super) fn is_still(state: &SegmentState) -> bool {
    state.qd.iter().all(|qd| qd.abs() < STILL_RAD_S)
}
