//! Time as nanoseconds of one monotonic clock, real or simulated.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Period of the brainstem: 1 kHz.
pub const PERIOD_BRAINSTEM: Nanos = Nanos::from_millis(1);
/// Period of the cerebellum: 200 Hz.
pub const PERIOD_CEREBELLUM: Nanos = Nanos::from_millis(5);

/// Nanoseconds since the start of the clock that stamped it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Seconds; negative and non-finite values become zero.
    pub fn from_secs(secs: f64) -> Self {
        Self((secs * 1e9) as u64)
    }

    /// In seconds.
    pub fn secs(self) -> f64 {
        self.0 as f64 * 1e-9
    }

    /// `self - earlier` [s]; negative if `earlier` is later.
    pub fn secs_since(self, earlier: Nanos) -> f64 {
        (self.0 as i128 - earlier.0 as i128) as f64 * 1e-9
    }
}

impl Add for Nanos {
    type Output = Nanos;
    fn add(self, rhs: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Nanos {
    type Output = Nanos;
    fn sub(self, rhs: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(rhs.0))
    }
}

/// A monotonic clock; the realtime one reads CLOCK_MONOTONIC, the lockstep one is advanced by its driver.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Nanos;
}
