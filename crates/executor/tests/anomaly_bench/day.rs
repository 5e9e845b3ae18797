//! What changes from day to day: grease, temperature, wear.

use neuraxis_core::Joints;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// Coulomb friction [N m]: the steps `φ₁` that Gaz et al. 2019 ("Dynamic identification of the Franka Emika Panda robot
/// with retrieval of feasible parameters using penalty-based optimization", friction model), rounded.
const COULOMB_NM: [f64; 7] = [0.55, 0.87, 0.64, 1.28, 0.84, 0.30, 0.56];
/// Viscous friction [N m s/rad]: our guess.
const VISCOUS_NM_S: [f64; 7] = [0.8, 0.8, 0.6, 0.6, 0.4, 0.3, 0.3];
/// Of the weight that a joint bears, so much is friction [-]: our guess.
const LOAD_SHARE: f64 = 0.02;
/// Each number differs by at most so much from day to day.
const SPREAD: f64 = 0.1;
/// The sign changes over this speed [rad/s].
const SLOW_RAD_S: f64 = 0.03;
/// The model's weight is wrong by so much.
pub const WEIGHT_ERROR: f64 = 0.02;

/// Friction of one day.
#[derive(Clone, Debug)]
pub struct Day {
    coulomb_nm: Joints,
    viscous_nm_s: Joints,
    load_share: Joints,
}

impl Day {
    pub fn new(seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut draw = |mean: f64| mean * rng.random_range(1.0 - SPREAD..1.0 + SPREAD);
        Self {
            coulomb_nm: Joints::from_fn(7, |i| draw(COULOMB_NM[i])),
            viscous_nm_s: Joints::from_fn(7, |i| draw(VISCOUS_NM_S[i])),
            load_share: Joints::from_fn(7, |_| draw(LOAD_SHARE)),
        }
    }

    /// Friction of joint `i` over its speed [N m s/rad]: positive, and finite at rest.
    pub fn per_speed(&self, i: usize, qd: f64, weight_nm: f64) -> f64 {
        let dry_nm = self.coulomb_nm[i] + self.load_share[i] * weight_nm.abs();
        let x = qd / SLOW_RAD_S;
        let shape = if x.abs() < 1e-4 { 1.0 } else { x.tanh() / x };
        self.viscous_nm_s[i] + dry_nm * shape / SLOW_RAD_S
    }
}
