//! At the goal: fingers, and what is heard while waiting.

use neuraxis_core::{ArmState, Fault, Gripper, KeyFrame, Nanos};

use super::{Cerebellum, Phase, Source};
use crate::{
    chain::{Grip, Opening},
    grip::GripWatch,
};

/// Finger distances closer than this are the same command [m].
const SAME_WIDTH_M: f64 = 0.002;
/// Fingers wait no longer than this for predictions to agree that their goal has moved aside [s].
const DOUBT_SECS: f64 = 0.5;

impl Cerebellum {
    /// Moving -> Gripper -> Waiting.
    pub(super) fn arrive(&mut self, now: Nanos, state: &ArmState) {
        let Some(active) = self.active else { return };
        match (self.phase, self.motion_ended_at) {
            (Phase::Moving, Some(ended_at)) => {
                let Source::Hold(q) = &self.source else { return };
                // False for a state that could not be read.
                let is_close = state.q.len() == q.len() && state.q.max_abs_diff(q) <= self.config.arrival_rad;
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
                    self.told_before = std::mem::replace(&mut self.told, grip);
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

    /// What the fingers are told at a key-frame.
    pub(super) fn grip_at(&self, keyframe: &KeyFrame) -> Grip {
        if self.leaves_fingers {
            return self.told;
        }
        let usual_n = self.config.grip_force_n;
        match keyframe.gripper {
            Gripper::Open => Grip { width_m: self.config.open_width_m, force_n: usual_n },
            Gripper::Closed => {
                Grip { width_m: self.config.closed_width_m, force_n: self.next_force_n.unwrap_or(usual_n) }
            }
        }
    }

    /// The fingers are told what they are commanded: what did not get as far as that they have never been told.
    pub(super) fn take_over_grip(&mut self, commanded_width_m: f64) {
        let is_commanded = |width_m: f64| (width_m - commanded_width_m).abs() <= SAME_WIDTH_M;
        let (open, closed) = (self.config.open_width_m, self.config.closed_width_m);
        if !is_commanded(self.told.width_m) {
            self.told = self.told_before;
        }
        let nearby = [open, closed].into_iter().find(|width_m| is_commanded(*width_m));
        self.told.width_m = match nearby {
            _ if self.leaves_fingers => commanded_width_m,
            Some(width_m) => width_m,
            None => commanded_width_m.clamp(closed, open),
        };
        self.progress.gripper = if self.told.width_m > 0.5 * (open + closed) { Gripper::Open } else { Gripper::Closed };
        if self.progress.gripper == Gripper::Open {
            self.told.force_n = self.config.grip_force_n;
        }
    }

    /// Fingers that are told so move.
    pub(super) fn is_new_to_fingers(&self, grip: Grip) -> bool {
        (grip.width_m - self.told.width_m).abs() > SAME_WIDTH_M
    }

    /// A policy that falls silent: stop during motion, complaint while waiting.
    pub(super) fn listen(&mut self, now: Nanos, opening: &Opening) {
        let silent_secs = now.secs_since(self.last_heard);
        let rests = std::mem::take(&mut self.rests);
        match (self.phase, self.config.policy_silence_stop_secs) {
            (Phase::Moving, Some(limit_secs)) if self.config.repredict && silent_secs > limit_secs => {
                self.stop(now, &opening.start, self.silenced_by(now, limit_secs));
            }
            (Phase::Waiting, _) => {
                let limit_secs = self.config.waiting_timeout_secs;
                let fault = self.silenced_by(now, limit_secs);
                if rests {
                    // It waits for no prediction; for images all the same.
                    self.waiting_since = now;
                    if fault == Fault::CameraStale {
                        self.fault = Some(fault);
                    } else if self.fault == Some(Fault::CameraStale) {
                        self.fault = None;
                    }
                } else if silent_secs.min(now.secs_since(self.waiting_since)) > limit_secs {
                    self.fault = Some(fault);
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
}
