//! The virtual clock, and what can be wrong with it and with the loop's timer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use neuraxis_core::{Clock, Nanos, PERIOD_BRAINSTEM};
use rand::Rng;
use rand_pcg::Pcg64;

use crate::FaultKind;

/// Where the clock starts.
const START: Nanos = Nanos::from_millis(5_000);
/// The process stands still for this long.
pub(crate) const SUSPENDED: Nanos = Nanos::from_millis(300);
const LEAP_FORWARD_NANOS: i64 = 300_000_000;
const LEAP_BACK_NANOS: i64 = -50_000_000;
/// A hundred years.
const LEAP_HUGE_NANOS: i64 = 3_155_760_000_000_000_000;
/// The timer is late once by this, and keeps the phase.
const LATE_MS: u64 = 8;
/// Longest gap between wakes of a timer that jitters.
const GAP_MS: u64 = 4;

/// A reading that all threads of the rig share.
#[derive(Clone, Debug)]
pub struct SharedClock(Arc<AtomicU64>);

impl Clock for SharedClock {
    fn now(&self) -> Nanos {
        // Relaxed: the rig runs everything in one thread.
        Nanos(self.0.load(Ordering::Relaxed))
    }
}

/// What a millisecond brings.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The loop runs.
    Loop,
    /// The loop sleeps on; other threads run.
    Missed,
    /// Nobody runs.
    Suspended,
}

/// The world's time, which always goes on, and the reading that threads get of it.
pub(crate) struct FaultyClock {
    world: Nanos,
    offset_nanos: i64,
    reading: SharedClock,
    fault: Option<FaultKind>,
    began: Nanos,
    next_wake: Nanos,
    random: Pcg64,
    /// Wakes that did not come, or readings that were wrong.
    pub(crate) disturbed: u64,
    /// Milliseconds without a tick of the loop.
    pub(crate) missed: u64,
}

impl FaultyClock {
    pub(crate) fn new(random: Pcg64) -> Self {
        Self {
            world: START,
            offset_nanos: 0,
            reading: SharedClock(Arc::new(AtomicU64::new(START.0))),
            fault: None,
            began: START,
            next_wake: START,
            random,
            disturbed: 0,
            missed: 0,
        }
    }

    /// The reading, for threads.
    pub(crate) fn shared(&self) -> SharedClock {
        self.reading.clone()
    }

    /// True time.
    pub(crate) fn world(&self) -> Nanos {
        self.world
    }

    /// What threads read.
    pub(crate) fn now(&self) -> Nanos {
        self.reading.now()
    }

    pub(crate) fn set(&mut self, fault: Option<FaultKind>) {
        (self.fault, self.began, self.next_wake) = (fault, self.world, self.world);
        let leap = match fault {
            Some(FaultKind::StepBack) => LEAP_BACK_NANOS,
            Some(FaultKind::StepForward) => LEAP_FORWARD_NANOS,
            Some(FaultKind::Huge) => LEAP_HUGE_NANOS,
            _ => return,
        };
        self.offset_nanos += leap;
        self.disturbed += 1;
    }

    /// One millisecond of the world.
    pub(crate) fn advance(&mut self) -> Wake {
        self.world = self.world + PERIOD_BRAINSTEM;
        let elapsed_ms = (self.world - self.began).0 / PERIOD_BRAINSTEM.0;
        let true_reading = Nanos(self.world.0.saturating_add_signed(self.offset_nanos));
        let (wake, reading) = match self.fault {
            Some(FaultKind::Drop) if elapsed_ms % 3 == 1 => (Wake::Missed, true_reading),
            Some(FaultKind::Delay) if elapsed_ms <= LATE_MS => (Wake::Missed, true_reading),
            Some(FaultKind::Jitter) if self.world < self.next_wake => (Wake::Missed, true_reading),
            Some(FaultKind::Jitter) => {
                let gap = self.random.random_range(1..=GAP_MS);
                self.next_wake = self.world + Nanos(gap * PERIOD_BRAINSTEM.0);
                (Wake::Loop, true_reading)
            }
            // Every second reading repeats the one before.
            Some(FaultKind::Duplicate) if elapsed_ms % 2 == 1 => {
                self.disturbed += 1;
                (Wake::Loop, true_reading - PERIOD_BRAINSTEM)
            }
            // Two readings change places: ahead, then back.
            Some(FaultKind::Reorder) => {
                self.disturbed += 1;
                let ahead = elapsed_ms % 2 == 1;
                (Wake::Loop, if ahead { true_reading + PERIOD_BRAINSTEM } else { true_reading - PERIOD_BRAINSTEM })
            }
            Some(FaultKind::Hang) if elapsed_ms * PERIOD_BRAINSTEM.0 < SUSPENDED.0 => (Wake::Suspended, true_reading),
            Some(FaultKind::Slow) if !elapsed_ms.is_multiple_of(10) => (Wake::Missed, true_reading),
            _ => (Wake::Loop, true_reading),
        };
        if wake != Wake::Loop {
            self.missed += 1;
            self.disturbed += 1;
        }
        // Relaxed: see above.
        self.reading.0.store(reading.0, Ordering::Relaxed);
        wake
    }
}
