//! The circuit breaker: a model that failed several times in a row is left alone for a while, and everybody can see it.
//! Time is given from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::VlmError;

/// When the breaker opens, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failed calls in a row that open it, 1 to 100. Default 3.
    pub failures: u32,
    /// How long it stays open [s], 0 to 3600. Default 60.
    pub down_secs: f64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 3, down_secs: 60.0 }
    }
}

/// How the model's server is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Calls are made.
    #[default]
    Up,
    /// No calls are made.
    Down {
        /// Until then, on the client's clock.
        until: Duration,
    },
    /// Its time as down is over; the next call decides.
    OnTrial,
}

/// Counts failures in a row.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures: u32,
    most: u32,
    down: Duration,
    until: Option<Duration>,
}

impl Breaker {
    /// Closed.
    pub fn new(config: &BreakerConfig) -> Self {
        let down = Duration::try_from_secs_f64(config.down_secs).unwrap_or_default();
        Self { failures: 0, most: config.failures, down, until: None }
    }

    /// How it is now.
    pub fn health(&self, now: Duration) -> Health {
        match self.until {
            Some(until) if now < until => Health::Down { until },
            Some(_) => Health::OnTrial,
            None => Health::Up,
        }
    }

    /// Whether a call may be made now.
    pub fn allow(&self, now: Duration) -> Result<(), VlmError> {
        match self.health(now) {
            Health::Down { until } => {
                Err(VlmError::Down { left_millis: until.saturating_sub(now).as_millis().max(1) as u64 })
            }
            Health::Up | Health::OnTrial => Ok(()),
        }
    }

    /// A call went well, or failed by no fault of the server.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.until = None;
    }

    /// A call failed. On trial one failure is enough.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.most || self.health(now) == Health::OnTrial {
            self.until = Some(now + self.down);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn three_failures_in_a_row_open_it_for_a_minute_and_one_more_for_another() {
        let mut breaker = Breaker::new(&BreakerConfig::default());
        breaker.failed(S);
        breaker.failed(S);
        breaker.succeeded();
        breaker.failed(2 * S);
        breaker.failed(3 * S);
        assert_eq!(breaker.health(3 * S), Health::Up);
        breaker.failed(4 * S);
        assert_eq!(breaker.health(4 * S), Health::Down { until: 64 * S });
        assert_eq!(breaker.allow(63 * S), Err(VlmError::Down { left_millis: 1000 }));
        assert_eq!(breaker.health(64 * S), Health::OnTrial);
        assert_eq!(breaker.allow(64 * S), Ok(()));
        breaker.failed(65 * S);
        assert_eq!(breaker.health(65 * S), Health::Down { until: 125 * S });
        breaker.succeeded();
        assert_eq!(breaker.health(65 * S), Health::Up);
    }
}
