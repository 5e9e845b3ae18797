//! The arm: rigid bodies, friction of the day, a controller, reaches without end, and what may happen to it.

use std::sync::Arc;

use nalgebra::Vector3;
use neuraxis_core::Joints;
use neuraxis_robot::{GRAVITY_M_S2, Gravity, Robot};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::day::{Day, WEIGHT_ERROR};

/// Steps of the bodies [s].
const STEP_SECS: f64 = 0.0025;
/// Steps of the detectors [s]: M1's 200 Hz.
pub const TICK_SECS: f64 = 0.005;
/// Stiffness [N m/rad] and damping [N m s/rad], the order of the joint impedance controllers of libfranka's examples.
const STIFF_NM: [f64; 7] = [600.0, 600.0, 600.0, 600.0, 250.0, 150.0, 50.0];
const DAMPED_NM_S: [f64; 7] = [50.0, 50.0, 50.0, 50.0, 20.0, 15.0, 10.0];
/// Noise of measured velocities [rad/s] and torques [N m], standard deviations.
const NOISE_RAD_S: f64 = 1e-3;
const NOISE_NM: f64 = 0.05;
/// Reaches end within this of home [rad].
const REACH_RAD: f64 = 0.5;

/// What is not nominal.
#[derive(Copy, Clone, Debug)]
pub struct Trouble {
    /// On the tool, in the base [N].
    pub force_n: Vector3<f64>,
    /// A point mass at the tool [kg].
    pub payload_kg: f64,
    /// Friction times this.
    pub friction: f64,
}

impl Default for Trouble {
    fn default() -> Self {
        Self { force_n: Vector3::zeros(), payload_kg: 0.0, friction: 1.0 }
    }
}

/// What is measured, with noise.
#[derive(Copy, Clone, Debug)]
pub struct Measured {
    pub q: Joints,
    pub qd: Joints,
    /// Weight included.
    pub tau_nm: Joints,
}

pub struct Arm {
    robot: Arc<Robot>,
    day: Day,
    rng: Pcg64,
    q: Joints,
    qd: Joints,
    tau_nm: Joints,
    reach: Reach,
}

/// From one rest to another (quintic, Craig 2005, section 7.3), and a rest.
#[derive(Copy, Clone)]
struct Reach {
    from: Joints,
    to: Joints,
    lasts_secs: f64,
    rests_secs: f64,
    since_secs: f64,
}

impl Arm {
    /// At home on that day; the seed draws reaches and noise.
    pub fn new(robot: Arc<Robot>, day: Day, seed: u64) -> Self {
        let (home, zero) = (robot.home(), Joints::zeros(robot.dof()));
        let reach = Reach { from: home, to: home, lasts_secs: 0.5, rests_secs: 0.0, since_secs: 0.0 };
        Self { robot, day, rng: Pcg64::seed_from_u64(seed), q: home, qd: zero, tau_nm: zero, reach }
    }

    /// One tick of the detectors.
    pub fn tick(&mut self, trouble: &Trouble) -> Measured {
        let mut passed_secs = 0.0;
        while passed_secs < TICK_SECS - 1e-9 {
            self.step(trouble);
            passed_secs += STEP_SECS;
        }
        let mut noisy = |values: &Joints, noise: f64| Joints::from_fn(7, |i| values[i] + noise * normal(&mut self.rng));
        Measured { q: self.q, qd: noisy(&self.qd, NOISE_RAD_S), tau_nm: noisy(&self.tau_nm, NOISE_NM) }
    }

    /// `(M + dt D) q̇' = M q̇ + dt (τ - h + Jᵀ f)`: friction and damping act on the new velocity, so that light wrists
    /// need no small steps. Friction is that of the old speed per speed: it brakes, and never beyond rest.
    fn step(&mut self, trouble: &Trouble) {
        let (wanted, wanted_d, wanted_dd) = self.wanted();
        let (robot, q, qd, still) = (&self.robot, &self.q, &self.qd, Joints::zeros(7));
        let forward_nm = robot.inverse_dynamics(&wanted, &wanted_d, &wanted_dd, Gravity::Compensated);
        let model_weight_nm = robot.gravity_torques(q);
        let bias_nm = robot.inverse_dynamics(q, qd, &still, Gravity::Included);
        let mut mass = robot.mass_matrix(q);
        let mut outside_nm = self.outside(trouble);
        if trouble.payload_kg > 0.0 {
            let (jacobian, _) = robot.jacobian(q);
            for (i, a) in jacobian.columns().iter().enumerate() {
                for (j, b) in jacobian.columns().iter().enumerate().take(i + 1) {
                    mass.add(i, j, trouble.payload_kg * a.xyz().dot(&b.xyz()));
                }
            }
        }
        let steady_nm = Joints::from_fn(7, |i| {
            let spring_nm = STIFF_NM[i] * (wanted[i] - q[i]) + DAMPED_NM_S[i] * wanted_d[i];
            forward_nm[i] + model_weight_nm[i] + spring_nm
        });
        let momentum = mass.times(qd);
        for i in 0..7 {
            // The true arm is heavier than the model.
            outside_nm[i] += steady_nm[i] - bias_nm[i] - WEIGHT_ERROR * model_weight_nm[i];
            outside_nm[i] = momentum[i] + STEP_SECS * outside_nm[i];
            let brake = DAMPED_NM_S[i] + trouble.friction * self.day.per_speed(i, qd[i], model_weight_nm[i]);
            mass.add(i, i, STEP_SECS * brake);
        }
        let next = mass.solve(&outside_nm).expect("a mass matrix is positive definite");
        self.tau_nm = Joints::from_fn(7, |i| steady_nm[i] - DAMPED_NM_S[i] * next[i]);
        self.q = Joints::from_fn(7, |i| q[i] + STEP_SECS * next[i]);
        self.qd = next;
    }

    /// Torques of forces and of what the payload's own motion and weight take.
    fn outside(&self, trouble: &Trouble) -> Joints {
        let (jacobian, _) = self.robot.jacobian(&self.q);
        let mut force_n = trouble.force_n;
        if trouble.payload_kg > 0.0 {
            // The tool's acceleration at constant joint velocities, by a difference.
            let ahead = Joints::from_fn(7, |i| self.q[i] + 1e-5 * self.qd[i]);
            let (next, _) = self.robot.jacobian(&ahead);
            let coasting_m_s2 = (next.twist(&self.qd) - jacobian.twist(&self.qd)).xyz() / 1e-5;
            force_n -= trouble.payload_kg * (coasting_m_s2 + Vector3::new(0.0, 0.0, GRAVITY_M_S2));
        }
        Joints::from_fn(7, |i| jacobian.columns()[i].xyz().dot(&force_n))
    }

    /// Position, velocity, acceleration of the reach; the next one begins when it is over.
    fn wanted(&mut self) -> (Joints, Joints, Joints) {
        self.reach.since_secs += STEP_SECS;
        if self.reach.since_secs > self.reach.lasts_secs + self.reach.rests_secs {
            let (home, rng) = (self.robot.home(), &mut self.rng);
            self.reach = Reach {
                from: self.reach.to,
                to: Joints::from_fn(7, |i| home[i] + rng.random_range(-REACH_RAD..REACH_RAD)),
                lasts_secs: rng.random_range(1.2..2.5),
                rests_secs: rng.random_range(0.1..0.6),
                since_secs: 0.0,
            };
        }
        let Reach { from, to, lasts_secs: t, since_secs, .. } = self.reach;
        let s = (since_secs / t).min(1.0);
        let place = s * s * s * (10.0 - 15.0 * s + 6.0 * s * s);
        let speed = s * s * (30.0 - 60.0 * s + 30.0 * s * s) / t;
        let change = s * (60.0 - 180.0 * s + 120.0 * s * s) / (t * t);
        let along = |share: f64| Joints::from_fn(7, |i| share * (to[i] - from[i]));
        (Joints::from_fn(7, |i| from[i] + place * (to[i] - from[i])), along(speed), along(change))
    }
}

/// Standard normal: twelve uniform numbers less six.
fn normal(rng: &mut Pcg64) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}
