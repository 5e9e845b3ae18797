//! Torques that a motion and its stop take: refused beyond a joint's limit, sent along as feed-forward within its rate.

use std::sync::Arc;

use neuraxis_core::{Fault, Joints, SegmentState};
use neuraxis_motion::StopProfile;
use neuraxis_robot::{Gravity, JointLimits, Robot};

/// The feed-forward of the last command, and what changes it.
#[derive(Clone, Debug)]
pub(crate) struct FeedForward {
    robot: Arc<Robot>,
    tau_nm: Joints,
}

impl FeedForward {
    pub(crate) fn new(robot: Arc<Robot>) -> Self {
        Self { tau_nm: Joints::zeros(robot.dof()), robot }
    }

    /// Fails where a joint would need more torque than it has, gravity included, now or in the stop that may begin now.
    /// Robots whose description has no masses need none.
    pub(crate) fn check(&self, next: &SegmentState, stop: &StopProfile, limits: &[JointLimits]) -> Result<(), Fault> {
        let has_it = |state: &SegmentState| {
            let tau_nm = self.robot.inverse_dynamics(&state.q, &state.qd, &state.qdd, Gravity::Included);
            // `contains` is false for NaN.
            tau_nm.iter().zip(limits).all(|(tau, limit)| (0.0..=limit.effort_nm).contains(&tau.abs()))
        };
        // Accelerations are linear between the turns of a stop, so that is where its torque is highest, but for what the
        // pose changes in between: a few hundredths of the limit (tests/stops_exist.rs).
        match has_it(next) && stop.turns_secs().all(|secs| has_it(&stop.at(secs))) {
            true => Ok(()),
            false => Err(Fault::TorqueLimit),
        }
    }

    /// Torques for this command, without gravity: at most the joint's limit, and changed no faster than its rate.
    pub(crate) fn step(&mut self, commanded: &SegmentState, dt_secs: f64, limits: &[JointLimits]) -> Joints {
        let robot = &self.robot;
        let wanted_nm = robot.inverse_dynamics(&commanded.q, &commanded.qd, &commanded.qdd, Gravity::Compensated);
        let rates = robot.torque_rate_limits_nm_s().iter().copied().chain(std::iter::repeat(f64::INFINITY));
        for (((tau_nm, wanted_nm), limit), rate_nm_s) in
            self.tau_nm.iter_mut().zip(wanted_nm.iter()).zip(limits).zip(rates)
        {
            let change_nm = rate_nm_s * dt_secs;
            let within_nm = wanted_nm.clamp(*tau_nm - change_nm, *tau_nm + change_nm);
            *tau_nm = within_nm.clamp(-limit.effort_nm, limit.effort_nm);
        }
        self.tau_nm
    }
}
