//! The robot's milliseconds in our clock.
//!
//! The robot acts on each command exactly a millisecond after the one before, whenever the packet arrived. So the times
//! for which commands are made must lie on its grid: evaluated at the moment of our waking, a motion would shake by its
//! speed times the jitter, 20 rad/s^2 for 20 us at 1 rad/s, twice what the robot allows.

use neuraxis_core::{Nanos, PERIOD_BRAINSTEM};

/// Jitter of receipts is averaged over this time [s].
const SMOOTHING_SECS: f64 = 0.05;
/// Share of a small lag that is made good each second.
const SLOW_PER_SEC: f64 = 1.0;
/// Jitter of a healthy connection [s]; what a lag is larger is made good faster.
const JITTER_SECS: f64 = 0.001;
/// How fast the length of our millisecond may change [1/s]: at 1 rad/s this is an acceleration of 1 rad/s^2. Only simulated
/// robots on busy machines need so much.
const SLEW_PER_SEC: f64 = 1.0;
/// Share of the fastest catching up, so that slewing back is in time, although the lag is known late.
const CAUTION: f64 = 0.5;
/// Beyond this the grid is laid anew [s].
const LOST_SECS: f64 = 0.04;

/// Follows receipts smoothly: drift of the clocks becomes a slightly longer or shorter millisecond.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    newest: Option<(u64, Nanos)>,
    lag_secs: f64,
    /// How much longer than a millisecond of ours the robot's is, as a share.
    rate: f64,
}

impl Grid {
    /// When, in our clock, the robot's millisecond `id` was, of which the packet came at `received`; true if the grid is laid
    /// anew with it, so that more time may have gone by for us than for the robot.
    pub(crate) fn stamp(&mut self, id: u64, received: Nanos) -> (Nanos, bool) {
        let next = self.next(id, received);
        if next.is_none() {
            (self.lag_secs, self.rate) = (0.0, 0.0);
        }
        let stamp = next.unwrap_or(received);
        self.newest = Some((id, stamp));
        (stamp, next.is_none())
    }

    fn next(&mut self, id: u64, received: Nanos) -> Option<Nanos> {
        let (newest, stamp) = self.newest?;
        let periods = id.checked_sub(newest).filter(|&n| n > 0)? as f64;
        let elapsed_secs = periods * PERIOD_BRAINSTEM.secs();
        let excess_secs = (self.lag_secs.abs() - JITTER_SECS).max(0.0);
        let fast = CAUTION * (2.0 * SLEW_PER_SEC * excess_secs).sqrt();
        let wanted = self.lag_secs * SLOW_PER_SEC + fast.copysign(self.lag_secs);
        let slew = SLEW_PER_SEC * elapsed_secs;
        self.rate += (wanted - self.rate).clamp(-slew, slew);
        let next = stamp + Nanos::from_secs(elapsed_secs * (1.0 + self.rate));
        let off_secs = received.secs_since(next);
        if off_secs.abs() > LOST_SECS {
            return None;
        }
        self.lag_secs += (off_secs - self.lag_secs) * (elapsed_secs / SMOOTHING_SECS).min(1.0);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receipts of `count` packets: the robot's millisecond takes `period_ns` of ours, jitter repeats itself.
    fn stamps(period_ns: u64, jitter_ns: &[u64], count: u64) -> Vec<(Nanos, Nanos)> {
        let mut grid = Grid::default();
        (0..count)
            .map(|k| {
                let late = jitter_ns.get(k as usize * 7 % jitter_ns.len()).copied().unwrap_or(0);
                let received = Nanos(5_000_000_000 + k * period_ns + late);
                (grid.stamp(k + 3, received).0, received)
            })
            .collect()
    }

    /// Largest change of the distance between two stamps, as acceleration of a motion at 1 rad/s.
    fn shake_rad_s2(stamps: &[(Nanos, Nanos)]) -> f64 {
        let gap = |pair: &[(Nanos, Nanos)]| pair[1].0.secs_since(pair[0].0);
        let gaps: Vec<f64> = stamps.windows(2).map(gap).collect();
        gaps.windows(2).map(|pair| (pair[1] - pair[0]).abs() / 1e-3 / 1e-3).fold(0.0, f64::max)
    }

    #[test]
    fn jitter_of_receipts_does_not_shake_the_motion() {
        let jitter = [0, 300_000, 20_000, 150_000, 10_000, 600_000, 80_000];
        let stamps = stamps(1_000_000, &jitter, 4000);
        assert!(shake_rad_s2(&stamps) < 0.2, "{}", shake_rad_s2(&stamps));
        assert!(stamps.iter().all(|(stamp, received)| received.secs_since(*stamp).abs() < 1.5e-3));
    }

    #[test]
    fn a_robot_whose_clock_runs_differently_is_followed() {
        for (period_ns, lag_secs) in [(1_000_100, 1e-3), (999_900, 1e-3), (1_050_000, 0.008), (960_000, 0.008)] {
            let stamps = stamps(period_ns, &[0], 6000);
            let (stamp, received) = stamps[5999];
            assert!(received.secs_since(stamp).abs() < lag_secs, "{period_ns}: {} s", received.secs_since(stamp));
            assert!(shake_rad_s2(&stamps) < 3.0, "{period_ns}: {}", shake_rad_s2(&stamps));
        }
    }

    #[test]
    fn a_robot_that_stalls_is_caught_up_with_without_a_jolt_and_without_overshoot() {
        let mut grid = Grid::default();
        let stamps: Vec<(Nanos, Nanos)> = (0..3000)
            .map(|k| {
                let received = Nanos::from_millis(1000 + k + if k > 500 { 30 } else { 0 });
                (grid.stamp(k, received).0, received)
            })
            .collect();
        assert!(shake_rad_s2(&stamps) < 1.1, "{}", shake_rad_s2(&stamps));
        let lag = |k: usize| stamps[k].1.secs_since(stamps[k].0);
        assert!(lag(501) > 0.029 && lag(1500) < 2e-3, "{} s", lag(1500));
        assert!((501..3000).all(|k| lag(k) > -3e-3));
    }

    #[test]
    fn lost_packets_are_time_and_a_long_silence_or_a_new_count_lays_the_grid_anew() {
        let mut grid = Grid::default();
        let at = |ms: u64| Nanos::from_millis(1000 + ms);
        assert_eq!(grid.stamp(10, at(0)), (at(0), true));
        assert_eq!(grid.stamp(13, at(3)), (at(3), false));
        assert_eq!(grid.stamp(14, at(500)), (at(500), true));
        assert_eq!(grid.stamp(1, at(501)), (at(501), true));
    }
}
