//! The momentum observer.

use std::sync::Arc;

use neuraxis_core::Joints;

use crate::{
    Gravity, Robot,
    contact::{ContactError, ContactFault},
};

/// Longest time between two steps [s].
const LONGEST_SECS: f64 = 0.1;
/// Beyond this many times a joint's greatest torque an estimate is none.
const MOST_EFFORTS: f64 = 4.0;

/// Torque from outside by the balance of generalized momentum: `r = K(p - p(0) - ∫(τ + Cᵀq̇ - g + r) dt)` (De Luca and
/// Mattone 2003; Haddadin, De Luca, Albu-Schäffer 2017, "Robot collisions: a survey", section IV-E). It is the torque
/// from outside, less friction and what the model has wrong, through a first-order filter of rate `K`.
///
/// The integral is taken implicitly in `r`, over the mean of both ends in what else is in it, and as a difference:
/// `r ← (r + K(Δp - dt τ̄)) / (1 + K dt)`. That is stable at any `K dt`, and there is no sum to wind up or to poison.
#[derive(Clone, Debug)]
pub struct Observer {
    robot: Arc<Robot>,
    gravity: Gravity,
    rate_hz: f64,
    last: Option<Balance>,
    outside_nm: Joints,
    at_once_nm: Joints,
}

/// Both sides of the balance at one time.
#[derive(Copy, Clone, Debug)]
struct Balance {
    p_nms: Joints,
    /// `τ + Cᵀq̇ - g`.
    known_nm: Joints,
}

impl Observer {
    /// At rest, with the rate `K` [1/s], above 0 and at most 1000. `gravity` says whether measured torques carry the
    /// arm's weight ([`neuraxis_core::ArmState::tau_nm`]).
    pub fn new(robot: Arc<Robot>, rate_hz: f64, gravity: Gravity) -> Result<Self, ContactError> {
        if !robot.has_dynamics() {
            return Err(ContactError::NoDynamics);
        }
        if !(rate_hz > 0.0 && rate_hz <= 1000.0) {
            return Err(ContactError::Range { what: "rate_hz", value: rate_hz, allowed: "above 0, at most 1000" });
        }
        let zero = Joints::zeros(robot.dof());
        Ok(Self { robot, gravity, rate_hz, last: None, outside_nm: zero, at_once_nm: zero })
    }

    /// The estimate `dt_secs` after the last one [N m], from measured positions [rad], velocities [rad/s] and torques
    /// [N m]. The first step, and the first after a fault, only looks: the estimate stays. No allocation.
    pub fn step(&mut self, q: &Joints, qd: &Joints, tau_nm: &Joints, dt_secs: f64) -> Result<Joints, ContactFault> {
        let balance = self.balance(q, qd, tau_nm, dt_secs);
        let last = std::mem::replace(&mut self.last, balance.as_ref().ok().copied());
        let (now, Some(last)) = (balance?, last) else { return Ok(self.outside_nm) };

        let blend = 1.0 / (1.0 + self.rate_hz * dt_secs);
        let ends = now.p_nms.iter().zip(last.p_nms.iter()).zip(now.known_nm.iter().zip(last.known_nm.iter()));
        let estimates = self.outside_nm.iter_mut().zip(self.at_once_nm.iter_mut());
        for (((estimate, at_once), limit), ((p, p_last), (known, known_last))) in
            estimates.zip(self.robot.limits()).zip(ends)
        {
            // What the momentum gained beyond what is known of, and then a share of it.
            let most_nm = MOST_EFFORTS * limit.effort_nm;
            *at_once = ((p - p_last) / dt_secs - 0.5 * (known + known_last)).clamp(-most_nm, most_nm);
            *estimate = blend * (*estimate + self.rate_hz * dt_secs * *at_once);
        }
        Ok(self.outside_nm)
    }

    /// The last estimate [N m].
    pub fn outside_nm(&self) -> Joints {
        self.outside_nm
    }

    /// The same of the last interval alone, before the filter: noisy, and not late [N m].
    pub fn at_once_nm(&self) -> Joints {
        self.at_once_nm
    }

    /// `K` [1/s].
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        let zero = Joints::zeros(self.robot.dof());
        (self.last, self.outside_nm, self.at_once_nm) = (None, zero, zero);
    }

    fn balance(&self, q: &Joints, qd: &Joints, tau_nm: &Joints, dt_secs: f64) -> Result<Balance, ContactFault> {
        if [q, qd, tau_nm].iter().any(|given| given.len() != self.robot.dof()) {
            return Err(ContactFault::Length);
        }
        if !(dt_secs > 0.0 && dt_secs <= LONGEST_SECS) {
            return Err(ContactFault::Period);
        }
        let momentum = self.robot.momentum(q, qd);
        let weight_nm = match self.gravity {
            Gravity::Included => self.robot.gravity_torques(q),
            Gravity::Compensated => Joints::zeros(q.len()),
        };
        let mut known_nm = *tau_nm;
        for ((known, coriolis), weight) in known_nm.iter_mut().zip(momentum.coriolis_nm.iter()).zip(weight_nm.iter()) {
            *known += coriolis - weight;
        }
        match momentum.p_nms.is_finite() && known_nm.is_finite() {
            true => Ok(Balance { p_nms: momentum.p_nms, known_nm }),
            false => Err(ContactFault::NotFinite),
        }
    }
}
