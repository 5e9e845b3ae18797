//! A thread outside the loop, one priority above it, that notices when the loop's pulse stops.
//!
//! Software cannot move an arm whose loop is gone: the hardware's own time-out stops it (the Franka control interface
//! after 20 lost packets, a UR after its read time-out). The watchdog makes the stall known, and counts it.

use std::{io, sync::Arc, thread::JoinHandle};

use neuraxis_channel::Flag;
use neuraxis_core::{Clock, Nanos};

use crate::{MonotonicClock, Pacer, PrivilegeConfig, Signals, request_privileges};

/// Time between two looks at the pulse.
const LOOK: Nanos = Nanos::from_millis(10);
/// Silence that counts as a stall.
const TRIP: Nanos = Nanos::from_millis(20);

/// What the watchdog saw.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchdogReport {
    /// Times that the pulse stopped for 20 ms or more.
    pub stalls: u64,
    /// Longest time without a pulse, as far as looks every 10 ms can tell.
    pub longest: Nanos,
}

/// A running watchdog; ends with [`Watchdog::finish`].
#[derive(Debug)]
pub struct Watchdog {
    over: Arc<Flag>,
    thread: JoinHandle<WatchdogReport>,
}

impl Watchdog {
    /// Watches `signals.heartbeat` from its first beat on. `on_stall` is called once per stall, in the watchdog's
    /// thread, with the time since the last beat seen.
    pub fn start(
        signals: Arc<Signals>,
        fifo_priority: u8,
        mut on_stall: impl FnMut(Nanos) + Send + 'static,
    ) -> io::Result<Self> {
        let over = Arc::new(Flag::default());
        let end = over.clone();
        let mut pulse = Pulse::new(signals.heartbeat.get());
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn(move || {
            request_privileges(&PrivilegeConfig { fifo_priority, lock_memory: false, cpu: None });
            let mut pacer = Pacer::new(MonotonicClock.now(), LOOK);
            while !end.is_raised() {
                let now = pacer.wait().now;
                if let Some(silence) = pulse.look(now, signals.heartbeat.get()) {
                    on_stall(silence);
                }
            }
            pulse.report
        })?;
        Ok(Self { over, thread })
    }

    /// Ends the thread.
    pub fn finish(self) -> WatchdogReport {
        self.over.raise();
        // A panic in `on_stall` is not the loop's: nothing is known then.
        self.thread.join().unwrap_or_default()
    }
}

/// The pulse as seen so far.
struct Pulse {
    beats: u64,
    /// When the beats last changed; `None` before the first.
    changed_at: Option<Nanos>,
    stalled: bool,
    report: WatchdogReport,
}

impl Pulse {
    fn new(beats: u64) -> Self {
        Self { beats, changed_at: None, stalled: false, report: WatchdogReport::default() }
    }

    /// The silence, once per stall.
    fn look(&mut self, now: Nanos, beats: u64) -> Option<Nanos> {
        if beats != self.beats {
            (self.beats, self.changed_at, self.stalled) = (beats, Some(now), false);
            return None;
        }
        let silence = now - self.changed_at?;
        self.report.longest = self.report.longest.max(silence);
        if silence < TRIP || std::mem::replace(&mut self.stalled, true) {
            return None;
        }
        self.report.stalls += 1;
        Some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sr12_silence_of_twenty_milliseconds_is_one_stall_however_long_it_lasts() {
        let mut pulse = Pulse::new(0);
        let ms = Nanos::from_millis;
        // Before the first beat nothing stalls: the loop may still be setting up.
        assert_eq!((pulse.look(ms(0), 0), pulse.look(ms(500), 0)), (None, None));
        assert_eq!((pulse.look(ms(510), 7), pulse.look(ms(520), 7)), (None, None));
        assert_eq!(pulse.look(ms(530), 7), Some(ms(20)));
        assert_eq!(pulse.look(ms(540), 7), None);
        // It beats again, and stalls again.
        assert_eq!((pulse.look(ms(550), 8), pulse.look(ms(575), 8)), (None, Some(ms(25))));
        assert_eq!(pulse.report, WatchdogReport { stalls: 2, longest: ms(30) });
    }

    #[test]
    fn sr12_a_loop_that_hangs_is_told_to_the_owner_while_it_hangs() {
        let signals = Arc::new(Signals::default());
        let (tell, told) = std::sync::mpsc::channel();
        let watchdog = Watchdog::start(signals.clone(), 0, move |silence| {
            let _ = tell.send(silence);
        })
        .unwrap();
        // One beat, then silence: this thread plays a loop that hangs.
        signals.heartbeat.increment();
        let silence = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        assert!(silence >= TRIP);
        assert_eq!(watchdog.finish().stalls, 1);
    }
}
