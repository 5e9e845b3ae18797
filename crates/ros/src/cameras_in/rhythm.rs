//! The rhythm of a camera's stamps, and what is missing in it. No ROS in here.
//!
//! A message that the middleware loses leaves no trace but a longer interval: the mean of the last intervals, without those
//! longer than one and a half of their median, is taken for the period, and an interval of two periods for one picture that did
//! not come. It errs where a camera changes its rate (for half a window), where exposure makes its rate wander by half,
//! and where more pictures are lost than come.

use std::collections::VecDeque;

use crate::sync::Stamp;

/// Intervals that are remembered; none is judged before half of them.
const WINDOW: usize = 16;

/// Follows stamps.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    newest: Option<Stamp>,
    intervals: VecDeque<Stamp>,
    missing: u64,
}

impl Rhythm {
    /// A stamp; one that stands or returns is no part of the rhythm.
    pub(super) fn hear(&mut self, stamp: Stamp) {
        let Some(newest) = self.newest.filter(|newest| *newest < stamp) else {
            self.newest.get_or_insert(stamp);
            return;
        };
        self.newest = Some(stamp);
        let interval = stamp - newest;
        if let Some(period) = self.period() {
            // Rounded to the nearest number of periods.
            self.missing += u64::try_from((2 * interval + period) / (2 * period) - 1).unwrap_or(0);
        }
        if self.intervals.len() == WINDOW {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    /// Pictures that should have come.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Begins anew, but for the count.
    pub(super) fn clear(&mut self) {
        self.newest = None;
        self.intervals.clear();
    }

    fn period(&self) -> Option<Stamp> {
        if self.intervals.len() < WINDOW / 2 {
            return None;
        }
        let mut sorted: Vec<Stamp> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        let median = *sorted.get(sorted.len() / 2)?;
        // Those of one period; their mean, because jitter makes every second one longer.
        let single: Vec<Stamp> = sorted.into_iter().filter(|interval| 2 * interval <= 3 * median).collect();
        let count = Stamp::try_from(single.len()).ok()?;
        Some(single.iter().sum::<Stamp>() / count.max(1)).filter(|period| *period > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Stamp = 1_000_000;

    fn missing(stamps_ms: impl IntoIterator<Item = i64>) -> u64 {
        let mut rhythm = Rhythm::default();
        stamps_ms.into_iter().for_each(|ms| rhythm.hear(Stamp::from(ms) * MS));
        rhythm.missing()
    }

    #[test]
    fn what_is_left_out_of_a_rhythm_is_counted() {
        let regular = |k: i64| 33 * k + [0, 4, -4][k as usize % 3];
        assert_eq!(missing((0..100).map(regular)), 0);
        assert_eq!(missing((0..100).filter(|k| *k != 40).map(regular)), 1);
        assert_eq!(missing((0..100).filter(|k| !(40..47).contains(k)).map(regular)), 7);
        // Every second one is another rhythm, once it is known.
        assert!(missing((0..50).map(regular).chain((25..75).map(|k| 66 * k))) <= WINDOW as u64);
    }

    #[test]
    fn stamps_that_stand_or_return_are_no_part_of_it() {
        let frozen = (0..30).chain(std::iter::repeat_n(29, 50)).chain(30..60).map(|k| 33 * k);
        assert_eq!(missing(frozen), 0);
        let returns = (0..30).chain(10..20).chain(30..60).map(|k| 33 * k);
        assert_eq!(missing(returns), 0);
    }
}
