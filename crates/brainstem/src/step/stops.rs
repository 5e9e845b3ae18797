//! Stops and latches, rest, and the way out.

use neuraxis_core::{Fault, Joints, Reaction};
use neuraxis_motion::StopProfile;

use super::{Brainstem, Mode, PENDING, at_rest};
use crate::BrainstemError;

impl Brainstem {
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
                    self.latches = self.latches.wrapping_add(1);
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

    fn begin_stop(&mut self) {
        self.mode = Mode::Stopping;
        self.current = None;
        self.pending = [None; PENDING];
    }

    pub(super) fn step_stop(&mut self, dt_secs: f64) {
        self.commanded = self.stop.step(dt_secs);
        if self.stop.is_still() {
            let q = self.commanded.q;
            self.rest_at(&q);
            self.mode = if self.latched { Mode::Latched } else { Mode::Hold };
        }
    }

    pub(super) fn hold_at(&mut self, q: &Joints) {
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
}
