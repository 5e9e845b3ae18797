//! How soon faults are noticed, and how often an alarm was for nothing. For evaluation: somebody else knows the truth.

use neuraxis_core::Nanos;

/// Counts of a [`Tally`].
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct TallyCounts {
    /// Faults with an alarm before they ended.
    pub detected: u32,
    /// Faults without.
    pub missed: u32,
    /// Alarms while there was no fault.
    pub false_alarms: u32,
    /// From the beginning of detected faults to their alarms: sum and greatest [s].
    pub delay_secs: (f64, f64),
    /// Time without a fault [s].
    pub nominal_secs: f64,
}

impl TallyCounts {
    /// False alarms in ten minutes without a fault; `None` before any time has passed.
    pub fn false_alarms_per_ten_minutes(&self) -> Option<f64> {
        (self.nominal_secs > 0.0).then(|| 600.0 * f64::from(self.false_alarms) / self.nominal_secs)
    }

    /// Mean delay of detected faults [s]; `None` if there are none.
    pub fn mean_delay_secs(&self) -> Option<f64> {
        (self.detected > 0).then(|| self.delay_secs.0 / f64::from(self.detected))
    }
}

/// Compares alarms with the truth, tick by tick.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Tally {
    counts: TallyCounts,
    fault: Option<Fault>,
    last: Option<Nanos>,
}

#[derive(Copy, Clone, Debug, PartialEq)]
struct Fault {
    since: Nanos,
    is_detected: bool,
}

impl Tally {
    /// One tick: whether there is a fault in truth, and whether an alarm was raised in this tick.
    pub fn look(&mut self, now: Nanos, is_fault: bool, is_alarm: bool) {
        let passed = self.last.replace(now).map_or(0.0, |last| now.secs_since(last).max(0.0));
        match (&mut self.fault, is_fault) {
            (None, false) => self.counts.nominal_secs += passed,
            (slot @ None, true) => *slot = Some(Fault { since: now, is_detected: false }),
            (Some(_), true) => {}
            (slot @ Some(_), false) => {
                let was_detected = slot.take().is_some_and(|fault| fault.is_detected);
                self.counts.missed += u32::from(!was_detected);
            }
        }
        match &mut self.fault {
            Some(fault) if is_alarm && !fault.is_detected => {
                fault.is_detected = true;
                let delay = now.secs_since(fault.since);
                self.counts.detected += 1;
                self.counts.delay_secs.0 += delay;
                self.counts.delay_secs.1 = self.counts.delay_secs.1.max(delay);
            }
            None if is_alarm => self.counts.false_alarms += 1,
            _ => {}
        }
    }

    /// All counts so far; a fault that still lasts without an alarm counts as missed.
    pub fn counts(&self) -> TallyCounts {
        let open = self.fault.is_some_and(|fault| !fault.is_detected);
        TallyCounts { missed: self.counts.missed + u32::from(open), ..self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_misses_and_false_alarms_are_told_apart() {
        let mut tally = Tally::default();
        for i in 0..1000_u32 {
            let fault = (200..300).contains(&i) || (500..600).contains(&i);
            tally.look(Nanos::from_millis(u64::from(i) * 5), fault, [100, 240, 250].contains(&i));
        }
        let counts = tally.counts();
        assert_eq!((counts.detected, counts.missed, counts.false_alarms), (1, 1, 1));
        assert!((counts.delay_secs.1 - 0.2).abs() < 1e-9);
        assert_eq!(counts.mean_delay_secs(), Some(counts.delay_secs.0));
        assert!((counts.nominal_secs - 3.98).abs() < 0.02, "{}", counts.nominal_secs);
        assert!((counts.false_alarms_per_ten_minutes().unwrap() - 600.0 / counts.nominal_secs).abs() < 1e-9);
    }
}
