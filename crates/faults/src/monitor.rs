//! Watches every command for the limits, and notes when the arm comes to rest.

use neuraxis_core::{ArmCommand, Nanos};
use neuraxis_robot::JointLimits;

/// Rounding of differences.
const SLACK: f64 = 1.01;
/// Commanded speed below which nothing moves [rad/s]; the executor's chain approaches rest asymptotically.
pub(crate) const STILL_RAD_S: f64 = 1e-4;

/// Assertion (i): position, velocity, acceleration by value and by difference, jerk; from command to command, by the
/// loop's own clock.
#[derive(Clone, Debug)]
pub struct Monitor {
    limits: Vec<JointLimits>,
    previous: Option<(Nanos, ArmCommand)>,
    commands: u64,
    first_violation: Option<String>,
}

impl Monitor {
    /// With the robot's limits.
    pub fn new(limits: &[JointLimits]) -> Self {
        Self { limits: limits.to_vec(), previous: None, commands: 0, first_violation: None }
    }

    /// A command that goes to the arm at `now`.
    pub fn see(&mut self, now: Nanos, command: &ArmCommand) {
        let previous = self.previous.replace((now, *command));
        self.commands += 1;
        if self.first_violation.is_none() {
            self.first_violation =
                self.violation(previous, now, command).map(|what| format!("at {} ms {what}", now.0 / 1_000_000));
        }
    }

    /// A command of which nobody knows when the arm acts on it: its values only.
    pub fn see_value(&mut self, command: &ArmCommand) {
        self.previous = None;
        self.see(Nanos(0), command);
    }

    /// The next command may start anywhere inside the limits: after a reset the loop holds where the arm is.
    pub fn forget(&mut self) {
        self.previous = None;
    }

    /// Commands seen.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// The first command outside the limits, in words.
    pub fn violation_seen(&self) -> Option<&str> {
        self.first_violation.as_deref()
    }

    fn violation(&self, previous: Option<(Nanos, ArmCommand)>, now: Nanos, command: &ArmCommand) -> Option<String> {
        let n = self.limits.len();
        if command.q.len() != n || command.qd.len() != n || command.qdd.len() != n {
            return Some("the command has another number of joints".into());
        }
        for (i, limit) in self.limits.iter().enumerate() {
            let (q, qd, qdd) = (*command.q.get(i)?, *command.qd.get(i)?, *command.qdd.get(i)?);
            // `contains` is false for NaN.
            if !(limit.lower_rad..=limit.upper_rad).contains(&q) {
                return Some(format!("joint {i}: position {q} rad"));
            }
            if !(0.0..=limit.velocity_rad_s * (1.0 + 1e-6)).contains(&qd.abs()) {
                return Some(format!("joint {i}: velocity {qd} rad/s"));
            }
            if !(0.0..=limit.acceleration_rad_s2 * (1.0 + 1e-6)).contains(&qdd.abs()) {
                return Some(format!("joint {i}: acceleration {qdd} rad/s^2"));
            }
            let Some((at, before)) = &previous else { continue };
            let (q0, qd0, qdd0) = (*before.q.get(i)?, *before.qd.get(i)?, *before.qdd.get(i)?);
            let dt = now.secs_since(*at);
            if dt <= 0.0 {
                if (q, qd, qdd) != (q0, qd0, qdd0) {
                    return Some(format!("joint {i}: moves while the clock stands"));
                }
                continue;
            }
            if (q - q0).abs() > limit.velocity_rad_s * dt * SLACK {
                return Some(format!("joint {i}: moved {} rad in {dt} s", q - q0));
            }
            if (qd - qd0).abs() > limit.acceleration_rad_s2 * dt * SLACK {
                return Some(format!("joint {i}: velocity step {} rad/s in {dt} s", qd - qd0));
            }
            if (qdd - qdd0).abs() > limit.jerk_rad_s3 * dt * SLACK {
                return Some(format!("joint {i}: acceleration step {} rad/s^2 in {dt} s", qdd - qdd0));
            }
            // Position and velocity belong together.
            let slip = q - q0 - 0.5 * (qd + qd0) * dt;
            if slip.abs() > limit.jerk_rad_s3 * dt * dt * dt {
                return Some(format!("joint {i}: position step {slip} rad"));
            }
        }
        None
    }
}

/// True if nothing is commanded to move.
pub(crate) fn is_at_rest(command: &ArmCommand) -> bool {
    command.qd.iter().all(|qd| qd.abs() < STILL_RAD_S)
}
