//! Distances of the primitives.

use serde::{Deserialize, Serialize};

use crate::ExecutorError;

/// Distances and tolerances of the primitives, part of `configs/<robot>/brain.yaml`.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrimitiveConfig {
    /// The tool comes from and leaves to this far above a block or its place, 0.02 to 0.5 [m].
    pub above_m: f64,
    /// The last bit of a way on which something is touched is gone slowly, 0.005 to 0.1 [m].
    pub touch_m: f64,
    /// A block is let go this far above its seat, 0 to 0.02 [m].
    pub drop_m: f64,
    /// The tool comes from this far above a button, and leaves to there, 0.02 to 0.3 [m].
    pub over_button_m: f64,
    /// ... and presses its top down by this much, 0.001 to 0.05 [m].
    pub press_m: f64,
    /// Pressing, shutting and putting down end where the force on the tool reaches this, 1 to 100 [N].
    pub push_n: f64,
    /// The closed finger tips reach this far beyond the tool point, 0 to 0.05 [m].
    pub tip_m: f64,
    /// The tool stands this far before a handle before it takes it, 0.02 to 0.3 [m].
    pub before_handle_m: f64,
    /// ... and points down into the cabinet by this much, at low handles and at high ones, 0 to 1.2 [rad]: level, some arms
    /// have a joint at its limit. A second try takes the other one, a third the mean.
    pub handle_tilt_rad: [f64; 2],
    /// Handles are high from this height of the world on [m].
    pub handle_high_m: f64,
    /// From a handle the tool draws back by this much, straight back and then up, 0.02 to 0.3 [m].
    pub away_m: [f64; 2],
    /// Before and after it turns this far out of the way of the drawers, forwards and up, 0 to 0.3 [m].
    pub clear_m: [f64; 2],
    /// A drawer is pulled open this far, 0.05 to 0.5 [m].
    pub open_m: f64,
    /// A drawer is pushed shut up to this gap, for nobody knows exactly where it ends, -0.02 to 0.05 [m].
    pub shut_m: f64,
    /// A key-frame counts as reached within this distance, 0.001 to 0.05 [m] ...
    pub reached_m: f64,
    /// ... and this angle, 0.005 to 0.5 [rad].
    pub reached_rad: f64,
    /// `look` waits so long for the cameras, 0 to 10 [s].
    pub look_secs: f64,
}

impl Default for PrimitiveConfig {
    fn default() -> Self {
        Self {
            above_m: 0.10,
            touch_m: 0.025,
            drop_m: 0.002,
            over_button_m: 0.10,
            press_m: 0.007,
            push_n: 20.0,
            tip_m: 0.009,
            before_handle_m: 0.09,
            handle_tilt_rad: [0.7, 0.7],
            handle_high_m: 1.0,
            away_m: [0.05, 0.09],
            clear_m: [0.06, 0.06],
            open_m: 0.195,
            shut_m: 0.006,
            reached_m: 0.01,
            reached_rad: 0.05,
            look_secs: 0.3,
        }
    }
}

impl PrimitiveConfig {
    /// Says which value is out of its range.
    pub fn validate(&self) -> Result<(), ExecutorError> {
        let values = [
            ("above_m", self.above_m, 0.02, 0.5, "0.02 to 0.5 m"),
            ("touch_m", self.touch_m, 0.005, 0.1, "0.005 to 0.1 m"),
            ("drop_m", self.drop_m, 0.0, 0.02, "0 to 0.02 m"),
            ("over_button_m", self.over_button_m, 0.02, 0.3, "0.02 to 0.3 m"),
            ("press_m", self.press_m, 0.001, 0.05, "0.001 to 0.05 m"),
            ("push_n", self.push_n, 1.0, 100.0, "1 to 100 N"),
            ("tip_m", self.tip_m, 0.0, 0.05, "0 to 0.05 m"),
            ("before_handle_m", self.before_handle_m, 0.02, 0.3, "0.02 to 0.3 m"),
            ("handle_tilt_rad[0]", self.handle_tilt_rad[0], 0.0, 1.2, "0 to 1.2 rad"),
            ("handle_tilt_rad[1]", self.handle_tilt_rad[1], 0.0, 1.2, "0 to 1.2 rad"),
            ("handle_high_m", self.handle_high_m, -10.0, 10.0, "-10 to 10 m"),
            ("away_m[0]", self.away_m[0], 0.02, 0.3, "0.02 to 0.3 m"),
            ("away_m[1]", self.away_m[1], 0.02, 0.3, "0.02 to 0.3 m"),
            ("clear_m[0]", self.clear_m[0], 0.0, 0.3, "0 to 0.3 m"),
            ("clear_m[1]", self.clear_m[1], 0.0, 0.3, "0 to 0.3 m"),
            ("open_m", self.open_m, 0.05, 0.5, "0.05 to 0.5 m"),
            ("shut_m", self.shut_m, -0.02, 0.05, "-0.02 to 0.05 m"),
            ("reached_m", self.reached_m, 0.001, 0.05, "0.001 to 0.05 m"),
            ("reached_rad", self.reached_rad, 0.005, 0.5, "0.005 to 0.5 rad"),
            ("look_secs", self.look_secs, 0.0, 10.0, "0 to 10 s"),
        ];
        match values.into_iter().find(|(_, value, low, high, _)| !(low..=high).contains(&value)) {
            Some((key, value, .., allowed)) => Err(ExecutorError::Config { key, value, allowed }),
            None => Ok(()),
        }
    }
}
