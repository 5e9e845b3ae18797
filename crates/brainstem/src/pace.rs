//! Absolute deadlines.

use neuraxis_core::{Clock, Nanos};

use crate::clock::{MonotonicClock, sleep_until};

/// What happened at a deadline.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// When we meant to wake.
    pub deadline: Nanos,
    /// When we did.
    pub now: Nanos,
    /// Deadlines that passed before this one without a tick.
    pub missed: u64,
}

/// Keeps a fixed phase: missed periods are skipped and counted, never caught up in a burst, and the phase stays.
#[derive(Copy, Clone, Debug)]
pub struct Pacer {
    period: Nanos,
    next: Nanos,
}

impl Pacer {
    /// First deadline one period after `start`. A period of zero counts as one nanosecond.
    pub fn new(start: Nanos, period: Nanos) -> Self {
        let period = Nanos(period.0.max(1));
        Self { period, next: start + period }
    }

    /// Sleeps until the next deadline on CLOCK_MONOTONIC. Does not allocate.
    pub fn wait(&mut self) -> Wake {
        let missed = self.skip_missed(MonotonicClock.now());
        let deadline = self.next;
        sleep_until(deadline);
        self.next = deadline + self.period;
        Wake { deadline, now: MonotonicClock.now(), missed }
    }

    /// Moves the next deadline, in whole periods, to the present or the future; how many it skipped.
    fn skip_missed(&mut self, now: Nanos) -> u64 {
        let late = (now - self.next).0;
        let missed = late.div_ceil(self.period.0);
        self.next = self.next + Nanos(missed * self.period.0);
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_periods_are_skipped_in_phase() {
        let mut pacer = Pacer::new(Nanos(100), Nanos(10));
        assert_eq!((pacer.skip_missed(Nanos(105)), pacer.next), (0, Nanos(110)));
        assert_eq!((pacer.skip_missed(Nanos(110)), pacer.next), (0, Nanos(110)));
        assert_eq!((pacer.skip_missed(Nanos(111)), pacer.next), (1, Nanos(120)));
        assert_eq!((pacer.skip_missed(Nanos(155)), pacer.next), (4, Nanos(160)));
    }

    #[test]
    fn waking_never_precedes_the_deadline_and_deadlines_keep_their_phase() {
        let start = MonotonicClock.now();
        let mut pacer = Pacer::new(start, Nanos(200_000));
        for _ in 0..50 {
            let wake = pacer.wait();
            assert!(wake.now >= wake.deadline);
            assert_eq!((wake.deadline - start).0 % 200_000, 0);
        }
    }
}
