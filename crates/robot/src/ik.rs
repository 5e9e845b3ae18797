//! Inverse kinematics: damped least squares inside the limits, restarted from a low-discrepancy sequence.

use nalgebra::{Matrix6, Vector6};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::{Jacobian, Robot};

/// Position and orientation errors below which a pose counts as reached [m], [rad].
const CLOSE_M: f64 = 1e-5;
const CLOSE_RAD: f64 = 1e-4;
/// Of the first start, which is usually near, and of each further one.
const ITERATIONS: [usize; 2] = [120, 60];
/// Solutions stay this far inside the limits, outside the brainstem's own margin [rad].
const SPARE_RAD: f64 = 0.01;
/// Cost under which a solution is taken at once [rad].
const NEAR: f64 = 1.0;
/// Closer to a limit than this a solution is a poor one to move on from [rad].
const MARGIN_RAD: f64 = 0.35;
/// Largest joint step per iteration [rad].
const STEP_RAD: f64 = 0.25;

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
    /// Joint positions within the limits that reach a pose. No allocation.
    pub fn ik(&self, request: &IkRequest) -> Result<Joints, IkError> {
        if !request.base_from_tool.is_valid() || !request.seed.is_finite() || request.seed.len() != self.dof() {
            return Err(IkError::Malformed);
        }
        let mut nearest_m = f64::MAX;
        let mut best: Option<(f64, Joints)> = None;
        for start in 0..=request.restarts {
            let from = if start == 0 { request.seed } else { self.start(start) };
            match self.descend(request, from, ITERATIONS[usize::from(start > 0)]) {
                Ok(q) => {
                    let cost = self.cost(&q, &request.seed);
                    if best.is_none_or(|(c, _)| cost < c) {
                        best = Some((cost, q));
                    }
                    // A solution this near, away from all limits, is the branch we are on.
                    if cost < NEAR {
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

    /// From one start: the solution, or the remaining distance [m].
    fn descend(&self, request: &IkRequest, mut q: Joints, iterations: usize) -> Result<Joints, f64> {
        let mut metres = f64::MAX;
        for _ in 0..iterations {
            let (jacobian, base_from_tool) = self.jacobian(&q);
            let error = pose_error(&request.base_from_tool, &base_from_tool);
            let (linear, angular) = (error.fixed_rows::<3>(0).norm(), error.fixed_rows::<3>(3).norm());
            metres = linear;
            if linear < CLOSE_M && angular < CLOSE_RAD {
                return Ok(q);
            }
            let step = self.step(&jacobian, &error, &q, request.posture.as_ref());
            let largest = step.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
            let scale = if largest > STEP_RAD { STEP_RAD / largest } else { 1.0 };
            for ((value, delta), limit) in q.iter_mut().zip(step.iter()).zip(self.limits()) {
                *value = (*value + scale * delta).clamp(limit.lower_rad + SPARE_RAD, limit.upper_rad - SPARE_RAD);
            }
        }
        Err(metres)
    }

    /// `J^T (J J^T + d I)^-1 e`, plus a pull to the posture in the null space.
    fn step(&self, jacobian: &Jacobian, error: &Vector6<f64>, q: &Joints, posture: Option<&Joints>) -> Joints {
        let columns = jacobian.columns();
        let mut gram = Matrix6::identity() * (1e-4 * error.norm_squared().clamp(1e-6, 1.0));
        for c in columns {
            gram += c * c.transpose();
        }
        let Some(inverse) = gram.try_inverse() else { return Joints::zeros(self.dof()) };
        let task = inverse * error;
        let mut step = Joints::from_fn(self.dof(), |i| columns.get(i).map_or(0.0, |c| c.dot(&task)));
        if let Some(posture) = posture {
            let pull =
                Joints::from_fn(self.dof(), |i| 0.05 * (posture.get(i).unwrap_or(&0.0) - q.get(i).unwrap_or(&0.0)));
            let moved = inverse * jacobian.twist(&pull);
            for ((s, p), c) in step.iter_mut().zip(pull.iter()).zip(columns) {
                *s += p - c.dot(&moved);
            }
        }
        step
    }

    /// The n-th start: a Halton sequence over the joint ranges.
    fn start(&self, n: usize) -> Joints {
        const PRIMES: [usize; MAX_JOINTS] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
        Joints::from_fn(self.dof(), |i| {
            let (base, mut index) = (PRIMES.get(i).copied().unwrap_or(2), n);
            let (mut fraction, mut value) = (1.0, 0.0);
            while index > 0 {
                fraction /= base as f64;
                value += fraction * (index % base) as f64;
                index /= base;
            }
            self.limits().get(i).map_or(0.0, |l| l.lower_rad + value * (l.upper_rad - l.lower_rad))
        })
    }
}

/// (linear, angular) motion in the base that takes the tool from where it is to the target.
fn pose_error(target: &Pose<Base, Tool>, now: &Pose<Base, Tool>) -> Vector6<f64> {
    let linear = target.position() - now.position();
    let angular = (target.rotation() * now.rotation().inverse()).scaled_axis();
    Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
}
