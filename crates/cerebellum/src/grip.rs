//! When the gripper is done, and whether it holds something.

use neuraxis_core::{ArmState, Nanos};

use crate::{CerebellumConfig, chain::Grip};

/// What the fingers have hold of, by width and force.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Grasp {
    /// The fingers are told to be apart.
    Open,
    /// They closed on something and squeeze it; by width alone where the gripper does not measure force.
    Held,
    /// They closed, or are closing, with nothing between them (any more).
    Empty,
}

impl Grasp {
    /// From what the fingers are told and what the gripper measures. Fingers that are told to squeeze less than they
    /// usually do hold with less, in proportion.
    pub(crate) fn of(told: Grip, state: &ArmState, config: &CerebellumConfig) -> Self {
        if told.width_m > config.closed_width_m + config.held_width_m {
            return Self::Open;
        }
        let apart = state.gripper_width_m > config.closed_width_m + config.held_width_m;
        let held_force_n = config.held_force_n * (told.force_n / config.grip_force_n).min(1.0);
        let squeezes = state.grip_force_n.is_none_or(|force_n| force_n >= held_force_n);
        if apart && squeezes { Self::Held } else { Self::Empty }
    }
}

/// Watches finger distance and force after a command.
#[derive(Copy, Clone, Debug)]
pub(crate) struct GripWatch {
    began: Nanos,
    anchor: Nanos,
    anchor_width_m: f64,
    told: Grip,
}

impl GripWatch {
    /// From now on the fingers are told this.
    pub(crate) fn new(now: Nanos, state: &ArmState, told: Grip) -> Self {
        Self { began: now, anchor: now, anchor_width_m: state.gripper_width_m, told }
    }

    /// True once the width has stayed within the band for the settling time, at the wanted width or, where force is
    /// measured, with something held firmly; or at the timeout.
    pub(crate) fn is_done(&mut self, now: Nanos, state: &ArmState, config: &CerebellumConfig) -> bool {
        let elapsed_secs = now.secs_since(self.began);
        if elapsed_secs >= config.gripper_timeout_secs {
            return true;
        }
        let width_m = state.gripper_width_m;
        if (width_m - self.anchor_width_m).abs() >= config.gripper_settle_m {
            self.anchor = now;
            self.anchor_width_m = width_m;
        }
        let rests =
            elapsed_secs >= config.gripper_min_secs && now.secs_since(self.anchor) >= config.gripper_settle_secs;
        let there = (width_m - self.told.width_m).abs() <= config.held_width_m;
        let grips = Grasp::of(self.told, state, config) != Grasp::Empty;
        rests && (there || grips)
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::Joints;

    use super::*;

    fn measured(width_m: f64, grip_force_n: Option<f64>) -> ArmState {
        let zero = Joints::zeros(7);
        ArmState { stamp: Nanos(0), q: zero, qd: zero, tau_nm: zero, gripper_width_m: width_m, grip_force_n }
    }

    /// Closing.
    fn done_at_millis(width_m: impl Fn(u64) -> f64, force_n: impl Fn(u64) -> Option<f64>) -> u64 {
        let config = CerebellumConfig::default();
        let state = |ms| measured(width_m(ms), force_n(ms));
        let told = Grip { width_m: config.closed_width_m, force_n: config.grip_force_n };
        let mut watch = GripWatch::new(Nanos(0), &state(0), told);
        (0..).step_by(5).find(|&ms| watch.is_done(Nanos::from_millis(ms), &state(ms), &config)).unwrap()
    }

    #[test]
    fn it_waits_for_the_start_then_for_rest_then_no_longer() {
        // Never moves: the minimum time.
        assert_eq!(done_at_millis(|_| 0.05, |_| None), 200);
        // Moves at 0.1 m/s for 400 ms, starting late: rest plus the settling time.
        assert_eq!(done_at_millis(|ms| 0.08 - 0.0001 * ms.clamp(100, 500) as f64, |_| None), 600);
        // Never rests: the timeout.
        assert_eq!(done_at_millis(|ms| if ms % 10 == 0 { 0.01 } else { 0.02 }, |_| None), 1000);
    }

    #[test]
    fn where_force_is_measured_rest_without_a_firm_grip_is_not_enough() {
        // The fingers stall half way, and squeeze only later.
        assert_eq!(done_at_millis(|_| 0.04, |ms| Some(if ms < 700 { 1.0 } else { 20.0 })), 700);
        assert_eq!(done_at_millis(|_| 0.04, |_| Some(1.0)), 1000);
        // Closed all the way on nothing: no force is to be had.
        assert_eq!(done_at_millis(|ms| 0.08 - 0.0002 * ms.min(400) as f64, |_| Some(0.0)), 500);
    }

    #[test]
    fn what_is_held_is_known_by_width_and_force() {
        let config = CerebellumConfig::default();
        let told = |width_m, force_n| Grip { width_m, force_n };
        let grasp = |width_m, force_n| Grasp::of(told(0.0, 35.0), &measured(width_m, force_n), &config);
        assert_eq!(grasp(0.04, Some(20.0)), Grasp::Held);
        assert_eq!(grasp(0.04, None), Grasp::Held);
        assert_eq!(grasp(0.04, Some(1.0)), Grasp::Empty);
        assert_eq!(grasp(0.001, Some(20.0)), Grasp::Empty);
        assert_eq!(Grasp::of(told(0.08, 35.0), &measured(0.04, Some(20.0)), &config), Grasp::Open);
        // A gentle grip holds with little, a firm one needs no more than the usual.
        assert_eq!(Grasp::of(told(0.0, 7.0), &measured(0.04, Some(1.1)), &config), Grasp::Held);
        assert_eq!(Grasp::of(told(0.0, 7.0), &measured(0.04, Some(0.9)), &config), Grasp::Empty);
        assert_eq!(Grasp::of(told(0.0, 70.0), &measured(0.04, Some(5.0)), &config), Grasp::Held);
    }
}
