//! The arm as it says that it is: whether that can be true, is of now, and is where it was told to be.

use neuraxis_core::{ArmState, Fault, Nanos};

use super::{Brainstem, Mode};

/// A state may be stamped this far ahead of the loop's clock.
const STAMP_AHEAD_SECS: f64 = 0.01;
/// A joint that reports to be this far outside its range [rad], or to be this many times too fast, reports nonsense:
/// nothing may be held there, at the start or after a reset.
const BEYOND_RAD: f64 = 0.2;
const BEYOND_SPEEDS: f64 = 10.0;

impl Brainstem {
    pub(super) fn is_well_formed(&self, state: &ArmState) -> bool {
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
    pub(super) fn observe(&mut self, now: Nanos, state: &ArmState) {
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
}
