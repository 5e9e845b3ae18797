//! From stamps of ROS time to ours, and how a clock that leaps is noticed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use neuraxis_core::{Clock, Nanos};
use r2r::{Node, builtin_interfaces::msg::Time};

use crate::conversions;

/// A stamp may lie this far ahead: clocks of two machines differ [s].
pub(crate) const AHEAD_SECS: f64 = 0.01;
/// Two clocks that drift apart faster than this are not both clocks [s/s]; NTP slews by half of it at most.
const DRIFT: f64 = 1e-3;
/// A step of ROS time that counts as a leap [s].
const LEAP_SECS: f64 = 0.02;
/// Both clocks are read within this time of each other, if the thread is let [s].
const APART_SECS: f64 = 2e-4;
const TRIES: usize = 5;

/// One moment by both clocks.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    /// By ours.
    pub(crate) ours: Nanos,
    /// By ROS, since 1970.
    pub(crate) ros: Duration,
    /// By how much ROS time has just leapt against ours [s].
    pub(crate) leapt_secs: Option<f64>,
}

impl Moment {
    /// Age of a stamp [s]; negative if it lies ahead.
    pub(crate) fn age_secs(&self, stamp: &Time) -> f64 {
        (self.ros.as_nanos() as i128 - conversions::stamp_nanos(stamp)) as f64 * 1e-9
    }

    /// A stamp in our clock; zero if it lies before our clock's zero.
    pub(crate) fn ours_of(&self, stamp: &Time) -> Nanos {
        conversions::clock_time_of(self.ros, self.ours, stamp)
    }
}

/// Both clocks, read together.
pub(crate) struct Timeline {
    clock: Arc<dyn Clock>,
    ros_clock: Arc<Mutex<r2r::Clock>>,
    watch: Watch,
}

impl Timeline {
    pub(crate) fn new(clock: Arc<dyn Clock>, node: &Node) -> Self {
        Self { clock, ros_clock: node.get_ros_clock(), watch: Watch::default() }
    }

    /// Now; `None` if ROS time cannot be had.
    pub(crate) fn now(&mut self) -> Option<Moment> {
        let mut ros_clock = self.ros_clock.lock().ok()?;
        let mut read = || {
            let before = self.clock.now();
            let ros = ros_clock.get_now().ok()?;
            let after = self.clock.now();
            Some(((after - before).secs(), before + Nanos((after - before).0 / 2), ros))
        };
        // The thread may be held up between two readings: the pair that lies closest together counts.
        let mut closest = read()?;
        for _ in 1..TRIES {
            if closest.0 <= APART_SECS {
                break;
            }
            let next = read()?;
            if next.0 < closest.0 {
                closest = next;
            }
        }
        let (_, ours, ros) = closest;
        Some(Moment { ours, ros, leapt_secs: self.watch.look(ours, ros) })
    }
}

/// Follows the difference of both clocks as far as clocks may drift.
#[derive(Debug, Default)]
struct Watch {
    /// When it was looked at last, and the difference then, ROS less ours [s].
    last: Option<(Nanos, f64)>,
}

impl Watch {
    fn look(&mut self, ours: Nanos, ros: Duration) -> Option<f64> {
        let offset_secs = (ros.as_nanos() as i128 - i128::from(ours.0)) as f64 * 1e-9;
        let (before, expected_secs) = self.last.replace((ours, offset_secs))?;
        let off_secs = offset_secs - expected_secs;
        if off_secs.abs() > LEAP_SECS {
            return Some(off_secs);
        }
        // Small steps that add up are a clock that runs at another rate: they leap once they have come far enough.
        let drift_secs = DRIFT * (ours - before).secs();
        self.last = Some((ours, expected_secs + off_secs.clamp(-drift_secs, drift_secs)));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(ros_of: impl Fn(u64) -> f64, until_ms: u64) -> Vec<(u64, f64)> {
        let mut watch = Watch::default();
        let leap = |ms: u64, watch: &mut Watch| {
            watch.look(Nanos::from_millis(ms), Duration::from_secs_f64(1e9 + ros_of(ms))).map(|secs| (ms, secs))
        };
        (0..until_ms).step_by(2).filter_map(|ms| leap(ms, &mut watch)).collect()
    }

    #[test]
    fn clocks_that_drift_as_clocks_do_never_leap() {
        assert_eq!(looks(|ms| ms as f64 * 1e-3 * 1.0005, 20_000), []);
        assert_eq!(looks(|ms| ms as f64 * 1e-3 * 0.9995, 20_000), []);
    }

    #[test]
    fn a_step_leaps_once_and_a_clock_that_stands_leaps_again_and_again() {
        let stepped = looks(|ms| ms as f64 * 1e-3 - if ms >= 500 { 10.0 } else { 0.0 }, 5_000);
        assert_eq!(stepped.len(), 1);
        assert!(stepped[0].0 == 500 && (stepped[0].1 + 10.0).abs() < 1e-6, "{stepped:?}");
        assert!(looks(|ms| ms.min(1000) as f64 * 1e-3, 2_000).len() > 10);
    }

    #[test]
    fn ages_and_stamps_agree_and_nothing_overflows() {
        let ros = Duration::from_secs(1_700_000_000);
        let moment = Moment { ours: Nanos::from_millis(5_000), ros, leapt_secs: None };
        let stamp = |sec: i32, nanosec: u32| Time { sec, nanosec };
        let late = stamp(1_699_999_999, 900_000_000);
        assert!((moment.age_secs(&late) - 0.1).abs() < 1e-9);
        assert_eq!(moment.ours_of(&late), Nanos::from_millis(4_900));
        assert_eq!(moment.ours_of(&stamp(1_700_000_001, 0)), Nanos::from_millis(6_000));
        for (sec, nanosec) in [(0, 0), (i32::MIN, u32::MAX), (i32::MAX, u32::MAX)] {
            let (age_secs, ours) = (moment.age_secs(&stamp(sec, nanosec)), moment.ours_of(&stamp(sec, nanosec)));
            assert!(age_secs.abs() > 1e8 && (ours == Nanos(0) || ours.secs() > 1e8), "{age_secs} {ours:?}");
        }
    }
}
