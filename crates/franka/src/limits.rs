//! How much of the robot's own limits may be used.

use crate::FrankaError;

/// What Franka allows the joints of an FR3: velocity [rad/s], acceleration [rad/s^2], jerk [rad/s^3]. Franka Robotics,
/// "Robot and interface specifications", Limits for Franka Research 3: joint trajectory requirements. The velocities are those in
/// the middle of a joint's range; towards its ends they shrink, which [`crate::FrankaArm`] watches.
pub const VELOCITY_RAD_S: [f64; 7] = [2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26];
/// See [`VELOCITY_RAD_S`].
pub const ACCELERATION_RAD_S2: [f64; 7] = [10.0; 7];
/// See [`VELOCITY_RAD_S`].
pub const JERK_RAD_S3: [f64; 7] = [5000.0; 7];

/// The share of each of them that a real robot may be asked for. The rest is for what comes on top of the loop's own
/// motion: the robot's millisecond is not quite ours, and a difference that is worked off adds its own.
pub const SHARE_MAX: f64 = 0.9;

/// One of the loop's scales, and the limits that it is a scale of, joint by joint.
#[derive(Copy, Clone, Debug)]
pub struct Scaled<'a> {
    /// The key of the scale in the loop's configuration.
    pub key: &'static str,
    /// Its value.
    pub scale: f64,
    /// The configured limits, in the unit of `allowed`.
    pub limits: &'a [f64],
    /// Franka's.
    pub allowed: &'a [f64; 7],
}

impl Scaled<'_> {
    /// Is what the loop may ask for at most [`SHARE_MAX`] of what Franka allows? The error says up to where the scale may go.
    pub fn check(&self) -> Result<(), FrankaError> {
        let shares = self.limits.iter().zip(self.allowed).map(|(limit, allowed)| limit / allowed);
        // A limit that is not a number has no greatest scale.
        let greatest = shares.fold(f64::INFINITY, |least, share| {
            let scale = SHARE_MAX / share;
            if scale.is_nan() { f64::NAN } else { least.min(scale) }
        });
        // `contains` is false for NaN; what is exactly the share may be off by rounding.
        if self.limits.len() == self.allowed.len() && (0.0..=greatest * (1.0 + 1e-9)).contains(&self.scale) {
            return Ok(());
        }
        Err(FrankaError::Share { key: self.key, value: self.scale, greatest, percent: 100.0 * SHARE_MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn velocity(scale: f64, limits: &[f64]) -> Result<(), FrankaError> {
        Scaled { key: "velocity_scale", scale, limits, allowed: &VELOCITY_RAD_S }.check()
    }

    #[test]
    fn nine_tenths_of_frankas_limits_may_be_asked_for_and_no_more() {
        assert_eq!((velocity(0.9, &VELOCITY_RAD_S), velocity(0.0, &VELOCITY_RAD_S)), (Ok(()), Ok(())));
        let refused = velocity(0.91, &VELOCITY_RAD_S).unwrap_err().to_string();
        assert!(refused.starts_with("velocity_scale = 0.91, allowed: 0 to 0.900:"), "{refused}");
        // Of half the limits all may be used, of one joint's double none.
        assert_eq!(velocity(1.0, &VELOCITY_RAD_S.map(|limit| limit / 2.0)), Ok(()));
        let mut one = VELOCITY_RAD_S;
        one[4] *= 2.0;
        let refused = velocity(0.5, &one).unwrap_err().to_string();
        assert!(refused.contains("0 to 0.450"), "{refused}");
        let bad = [f64::NAN; 7];
        assert!(velocity(f64::NAN, &VELOCITY_RAD_S).is_err() && velocity(0.1, &bad).is_err());
        assert!(velocity(0.1, &VELOCITY_RAD_S[..6]).is_err(), "six joints are no Franka arm");
    }
}
