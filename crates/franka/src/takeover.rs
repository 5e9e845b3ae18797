//! Smooth change from where the robot is told to be to where the loop wants it.
//!
//! The loop begins, and goes on after a reset, at the measured position; the robot's own target differs from it by what
//! the controller sags, some milliradians. Sent as it is, this step would be a reflex. It is kept as an offset on the
//! commands instead, which dies out like a triple lag: `o''' = -3 w o'' - 3 w^2 o' - w^3 o`, so that position, velocity
//! and acceleration go on without a step. The same after packets were lost in motion: then the robot has gone on by
//! itself, and the offset begins with what it is away from the command, velocity and acceleration included.
//! The largest jerk is `w^3` times the step, 10 rad/s^3 for 20 mrad.

/// Fastness of the decay [1/s]: a hundredth is left after a second.
const RATE_PER_SEC: f64 = 8.0;
/// Smaller is nothing [rad], [rad/s], [rad/s^2].
const NOTHING: f64 = 1e-9;

/// What is added to the commanded position of each joint.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakeOver {
    offset_rad: [f64; 7],
    velocity_rad_s: [f64; 7],
    acceleration_rad_s2: [f64; 7],
}

impl TakeOver {
    /// From rest at this offset [rad].
    pub(crate) fn from_offset(offset_rad: [f64; 7]) -> Self {
        Self { offset_rad, ..Self::default() }
    }

    /// From an offset that moves [rad], [rad/s], [rad/s^2].
    pub(crate) fn from_motion(offset_rad: [f64; 7], velocity_rad_s: [f64; 7], acceleration_rad_s2: [f64; 7]) -> Self {
        Self { offset_rad, velocity_rad_s, acceleration_rad_s2 }
    }

    /// The command stepped by this [rad]: the sum does not.
    pub(crate) fn absorb(&mut self, step_rad: &[f64; 7]) {
        for (offset, step) in self.offset_rad.iter_mut().zip(step_rad) {
            *offset -= step;
        }
    }

    /// Lets time go by.
    pub(crate) fn step(&mut self, dt_secs: f64) {
        const W: f64 = RATE_PER_SEC;
        let joints = self.offset_rad.iter_mut().zip(&mut self.velocity_rad_s).zip(&mut self.acceleration_rad_s2);
        for ((o, v), a) in joints {
            let jerk = -3.0 * W * *a - 3.0 * W * W * *v - W * W * W * *o;
            *o += dt_secs * (*v + dt_secs * (*a / 2.0 + dt_secs * jerk / 6.0));
            *v += dt_secs * (*a + dt_secs * jerk / 2.0);
            *a += dt_secs * jerk;
            if o.abs() < NOTHING && v.abs() < NOTHING && a.abs() < NOTHING {
                (*o, *v, *a) = (0.0, 0.0, 0.0);
            }
        }
    }

    /// What to add to the commanded positions [rad].
    pub(crate) fn offset_rad(&self) -> &[f64; 7] {
        &self.offset_rad
    }

    /// ... and to the velocities [rad/s].
    pub(crate) fn velocity_rad_s(&self) -> &[f64; 7] {
        &self.velocity_rad_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_worked_off_far_below_the_robots_limits_and_a_second_one_joins_smoothly() {
        const STEP_RAD: f64 = 0.02;
        let mut takeover = TakeOver::from_offset([STEP_RAD; 7]);
        let (mut command, mut sent) = (0.0, vec![STEP_RAD; 4]);
        for ms in 0..6000 {
            if ms == 150 {
                command -= STEP_RAD;
                takeover.absorb(&[-STEP_RAD; 7]);
            }
            takeover.step(1e-3);
            sent.push(command + takeover.offset_rad()[3]);
        }
        for window in sent.windows(4) {
            let [a, b, c, d] = [window[0], window[1], window[2], window[3]];
            assert!((d - c).abs() / 1e-3 < 0.15);
            assert!((d - 2.0 * c + b).abs() / 1e-6 < 1.0);
            assert!((d - 3.0 * c + 3.0 * b - a).abs() / 1e-9 < 25.0);
        }
        assert_eq!(*sent.last().unwrap(), -STEP_RAD);
    }
}
