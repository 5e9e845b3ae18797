//! Watches every command for the limits, and notes when the arm comes to rest.

use neuraxis_core::{ArmCommand, Nanos};
use neuraxis_robot::JointLimits;

/// Rounding of differences.
const SLACK: f64 = 1.01;
/// Commanded speed below which nothing moves [rad/s]; the executor's chain approaches rest asymptotically.
pub(crate) const STILL_RAD_S: f64 = 1e-4;

/// A command may make good this much of a gap in the commands; more would be a leap to the arm [s].
const LONGEST_STEP_SECS: f64 = 0.004;

/// Assertion (i): position, velocity, acceleration by value and by difference, jerk; from command to command, by true
/// time or, where a gap is made good, by the loop's clock.
#[derive(Clone, Debug)]
pub struct Monitor {
    limits: Vec<JointLimits>,
    previous: Option<Seen>,
    commands: u64,
    first_violation: Option<String>,
}

#[derive(Copy, Clone, Debug)]
struct Seen {
    world: Nanos,
    reading: Nanos,
    command: ArmCommand,
}

impl Monitor {
    /// With the robot's limits.
    pub fn new(limits: &[JointLimits]) -> Self {
        Self { limits: limits.to_vec(), previous: None, commands: 0, first_violation: None }
    }

    /// A command that goes to the arm at the true time `world`, when the loop's clock reads `reading`.
    pub fn see(&mut self, world: Nanos, reading: Nanos, command: &ArmCommand) {
        let previous = self.previous.replace(Seen { world, reading, command: *command });
        self.commands += 1;
        if self.first_violation.is_some() {
            return;
        }
        let what = self.outside(command).or_else(|| {
            let previous = previous?;
            let step = |dt: f64| self.misstep(&previous.command, command, dt.clamp(0.0, LONGEST_STEP_SECS));
            let by_world = step(world.secs_since(previous.world))?;
            step(reading.secs_since(previous.reading)).map(|_| by_world)
        });
        self.first_violation = what.map(|what| format!("at {} ms {what}", world.0 / 1_000_000));
    }

    /// A command of which nobody knows when the arm acts on it: its values only.
    pub fn see_value(&mut self, command: &ArmCommand) {
        self.previous = None;
        self.see(Nanos(0), Nanos(0), command);
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

    /// A value outside the limits.
    fn outside(&self, command: &ArmCommand) -> Option<String> {
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
        }
        None
    }

    /// A step from one command to the next, `dt` later, that the limits do not allow.
    fn misstep(&self, before: &ArmCommand, command: &ArmCommand, dt: f64) -> Option<String> {
        for (i, limit) in self.limits.iter().enumerate() {
            let (q, qd, qdd) = (*command.q.get(i)?, *command.qd.get(i)?, *command.qdd.get(i)?);
            let (q0, qd0, qdd0) = (*before.q.get(i)?, *before.qd.get(i)?, *before.qdd.get(i)?);
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
