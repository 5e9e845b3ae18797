//! One descent of the inverse kinematics: damped least squares among the joints that are free to move.

use nalgebra::{IsometryMatrix3, Matrix6, UnitQuaternion, Vector6};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::{IK_SPARE_RAD, Jacobian, Robot};

/// Position and orientation errors below which a pose counts as reached [m], [rad].
const CLOSE_M: f64 = 1e-5;
const CLOSE_RAD: f64 = 1e-4;
/// A descent ends when `idle` iterations have not brought the error below this share of the least one so far.
const PROGRESS: f64 = 0.95;
/// Largest joint step per iteration [rad].
const STEP_RAD: f64 = 0.5;
/// Share of the way to the posture per iteration.
const PULL: f64 = 0.1;

/// How long one descent is followed.
#[derive(Copy, Clone)]
pub(crate) struct Patience {
    iterations: usize,
    /// Iterations without progress before it is given up.
    idle: usize,
    /// Iterations that pull to the posture; what is left of the pull would keep the error from closing.
    pulls: usize,
}

impl Patience {
    /// From the seed, which is usually near.
    pub(crate) const FIRST: Self = Self { iterations: 120, idle: 16, pulls: 30 };
    /// From anywhere: another start is cheaper than a slow one.
    pub(crate) const RESTART: Self = Self { iterations: 40, idle: 6, pulls: 15 };
}

impl Robot {
    /// From one start: the solution, or the remaining distance [m].
    pub(crate) fn descend(
        &self,
        target: &Pose<Base, Tool>,
        start: Joints,
        posture: Option<&Joints>,
        patience: Patience,
    ) -> Result<Joints, f64> {
        let mut q = start;
        let (mut metres, mut least, mut idle) = (f64::MAX, f64::MAX, 0);
        for iteration in 0..patience.iterations {
            let posture = posture.filter(|_| iteration < patience.pulls);
            let (jacobian, base_from_tool) = self.jacobian_and_tool(&q);
            let error = pose_error(target, &base_from_tool);
            let (linear, angular) = (error.fixed_rows::<3>(0).norm(), error.fixed_rows::<3>(3).norm());
            metres = linear;
            if linear < CLOSE_M && angular < CLOSE_RAD && self.is_inside(&q) {
                return Ok(q);
            }
            let size = linear + angular;
            if size < PROGRESS * least {
                (least, idle) = (size, 0);
            } else if posture.is_none() {
                idle += 1;
                if idle == patience.idle {
                    break;
                }
            }
            let step = self.step(&jacobian, &error, &q, posture);
            let largest = step.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
            let scale = if largest > STEP_RAD { STEP_RAD / largest } else { 1.0 };
            for ((value, delta), limit) in q.iter_mut().zip(step.iter()).zip(self.limits()) {
                let (low, high) = (limit.lower_rad + IK_SPARE_RAD, limit.upper_rad - IK_SPARE_RAD);
                *value = (*value + scale * delta).max(low).min(high);
            }
        }
        Err(metres)
    }

    fn is_inside(&self, q: &Joints) -> bool {
        let inside = |v: f64, low: f64, high: f64| v >= low + IK_SPARE_RAD && v <= high - IK_SPARE_RAD;
        q.iter().zip(self.limits()).all(|(v, l)| inside(*v, l.lower_rad, l.upper_rad))
    }

    /// `J^T (J J^T + d I)^-1 e`, plus a pull to the posture in the null space, over the joints that do not push
    /// against a limit: those are left out and the rest takes over, until none does.
    fn step(&self, jacobian: &Jacobian, error: &Vector6<f64>, q: &Joints, posture: Option<&Joints>) -> Joints {
        let columns = jacobian.columns();
        let damping = Matrix6::identity() * (1e-4 * error.norm_squared().clamp(1e-6, 1.0));
        let mut free = [true; MAX_JOINTS];
        loop {
            let mut gram = damping;
            for (c, _) in columns.iter().zip(free).filter(|(_, free)| *free) {
                gram += c * c.transpose();
            }
            let Some(inverse) = gram.cholesky() else { return Joints::zeros(self.dof()) };
            let mut step = Joints::zeros(self.dof());
            let mut pull = Joints::zeros(self.dof());
            let mut aim = *error;
            if let Some(posture) = posture {
                let joints = pull.iter_mut().zip(posture.iter()).zip(q.iter()).zip(columns).zip(free);
                for ((((p, to), from), c), _) in joints.filter(|(_, free)| *free) {
                    *p = PULL * (to - from);
                    aim -= c * *p;
                }
            }
            let task = inverse.solve(&aim);
            let joints = step.iter_mut().zip(pull.iter()).zip(columns).zip(free);
            for (((s, p), c), _) in joints.filter(|(_, free)| *free) {
                *s = p + c.dot(&task);
            }
            let mut blocked = false;
            for (((s, value), limit), free) in step.iter().zip(q.iter()).zip(self.limits()).zip(free.iter_mut()) {
                let low = *value <= limit.lower_rad + IK_SPARE_RAD && *s < 0.0;
                let high = *value >= limit.upper_rad - IK_SPARE_RAD && *s > 0.0;
                if *free && (low || high) {
                    (*free, blocked) = (false, true);
                }
            }
            if !blocked {
                return step;
            }
        }
    }
}

/// (linear, angular) motion in the base that takes the tool from where it is to the target.
fn pose_error(target: &Pose<Base, Tool>, now: &IsometryMatrix3<f64>) -> Vector6<f64> {
    let linear = target.position() - now.translation.vector;
    let now = UnitQuaternion::from_rotation_matrix(&now.rotation);
    let angular = (target.rotation() * now.inverse()).scaled_axis();
    Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
}
