//! Inverse kinematics: damped least squares inside the limits, restarted from a low-discrepancy sequence.

use std::f64::consts::{PI, TAU};

use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::{Robot, descent::Patience};

/// Solutions stay this far inside the limits, outside the usual margin of a brainstem [rad].
pub const IK_SPARE_RAD: f64 = 0.006;
/// That margin; for a wider one see [`Robot::within_margin`] [rad].
pub(crate) const USUAL_MARGIN_RAD: f64 = 0.005;
/// Solutions to choose the nearest from; fewer if the restarts run out.
const ENOUGH: usize = 8;
/// Cost under which a solution is taken at once [rad].
const NEAR: f64 = 1.0;
/// Closer to a limit than this a solution is a poor one to move on from [rad].
const MARGIN_RAD: f64 = 0.35;

/// What to solve.
#[derive(Copy, Clone, Debug)]
pub struct IkRequest {
    /// Pose to reach, `X_BT`.
    pub base_from_tool: Pose<Base, Tool>,
    /// Where to start; of several solutions the nearest to it is chosen [rad].
    pub seed: Joints,
    /// Further starts after the seed; 0 for a warm solve.
    pub restarts: usize,
    /// Where the redundancy should drift to [rad].
    pub posture: Option<Joints>,
}

/// Why there is no solution.
#[derive(Copy, Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IkError {
    /// The target or the seed is not a number.
    #[error("the target or the seed is not finite or has the wrong number of joints")]
    Malformed,
    /// No start led to the target.
    #[error("no joint configuration within the limits reaches the pose; the nearest is {metres:.4} m away")]
    Unreachable {
        /// Remaining distance [m].
        metres: f64,
    },
}

impl Robot {
    /// Joint positions within the limits that reach a pose to 1e-5 m and 1e-4 rad. No allocation.
    ///
    /// The first descent starts at the seed; further ones at a sequence of positions, until enough solutions are
    /// there to choose from, one is near, or the restarts are used up.
    pub fn ik(&self, request: &IkRequest) -> Result<Joints, IkError> {
        if !request.base_from_tool.is_valid() || !request.seed.is_finite() || request.seed.len() != self.dof() {
            return Err(IkError::Malformed);
        }
        let (mut nearest_m, mut found) = (f64::MAX, 0);
        let mut best: Option<(f64, Joints)> = None;
        for start in 0..=request.restarts {
            let (from, patience) = match start {
                0 => (request.seed, Patience::FIRST),
                n => (self.start(n, &request.seed), Patience::RESTART),
            };
            match self.descend(&request.base_from_tool, from, request.posture.as_ref(), patience) {
                Ok(q) => {
                    let q = self.unwound(&q, &request.seed);
                    let cost = self.cost(&q, &request.seed);
                    if best.is_none_or(|(c, _)| cost < c) {
                        best = Some((cost, q));
                    }
                    found += 1;
                    // A solution this near, away from all limits, is the branch we are on.
                    if cost < NEAR || found == ENOUGH {
                        break;
                    }
                }
                Err(metres) => nearest_m = nearest_m.min(metres),
            }
        }
        best.map(|(_, q)| q).ok_or(IkError::Unreachable { metres: nearest_m })
    }

    /// How far a solution is from the seed [rad], plus a penalty for joints near their limits.
    fn cost(&self, q: &Joints, seed: &Joints) -> f64 {
        let squares: f64 = q.iter().zip(seed.iter()).map(|(a, b)| (a - b) * (a - b)).sum();
        let crowded: f64 = q
            .iter()
            .zip(self.limits())
            .map(|(v, l)| (MARGIN_RAD - (v - l.lower_rad).min(l.upper_rad - v)).max(0.0) / MARGIN_RAD)
            .sum();
        squares.sqrt() + 2.0 * crowded
    }

    /// Joints that can turn more than once, at the turn nearest to the seed.
    fn unwound(&self, q: &Joints, seed: &Joints) -> Joints {
        let mut unwound = *q;
        for ((value, near), limit) in unwound.iter_mut().zip(seed.iter()).zip(self.limits()) {
            let turned = *value + TAU * ((near - *value) / TAU).round();
            if (limit.lower_rad + IK_SPARE_RAD..=limit.upper_rad - IK_SPARE_RAD).contains(&turned) {
                *value = turned;
            }
        }
        unwound
    }

    /// The n-th start: a Halton sequence over the joint ranges, not further than half a turn from the seed; every other
    /// one is moved half the way to the seed, where the nearer solutions are.
    fn start(&self, n: usize, seed: &Joints) -> Joints {
        const PRIMES: [usize; MAX_JOINTS] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
        let mut q = *seed;
        for ((value, limit), base) in q.iter_mut().zip(self.limits()).zip(PRIMES) {
            let (low, high) = (limit.lower_rad.max(*value - PI), limit.upper_rad.min(*value + PI));
            let anywhere = low + halton(n, base) * (high - low);
            *value = if n % 2 == 1 { 0.5 * (*value + anywhere) } else { anywhere };
        }
        q
    }
}

/// The n-th number of the sequence of a base, in 0 ... 1 (Halton 1960).
fn halton(n: usize, base: usize) -> f64 {
    let (mut index, mut fraction, mut value) = (n, 1.0, 0.0);
    while index > 0 {
        fraction /= base as f64;
        value += fraction * (index % base) as f64;
        index /= base;
    }
    value
}
