//! A stream with a fault in it.

use neuraxis_core::Nanos;
use rand::Rng;
use rand_pcg::Pcg64;

use crate::{Corrupt, FaultKind};

/// How badly a stream is disturbed; per source, so that each fault means something there.
#[derive(Copy, Clone, Debug)]
pub struct Severity {
    /// Fixed delay, also of the second copy of a duplicate.
    pub delay: Nanos,
    /// Largest random delay.
    pub jitter: Nanos,
    /// Shift of the time stamps.
    pub step: Nanos,
    /// Of this many messages one is spoiled: 1 spoils all.
    pub every: u64,
}

/// What became of the messages: `offered + copies = delivered + dropped + waiting`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// From the source.
    pub offered: u64,
    /// Added by duplication.
    pub copies: u64,
    /// Taken by the receiver.
    pub delivered: u64,
    /// Lost in the stream.
    pub dropped: u64,
    /// Messages that the fault changed, lost, moved or doubled.
    pub disturbed: u64,
}

/// Carries messages, and disturbs them while its fault is on.
pub struct Injector<T> {
    fault: Option<FaultKind>,
    severity: Severity,
    random: Pcg64,
    /// With the time at which each is due, in the order of delivery.
    waiting: Vec<(Nanos, T)>,
    held: Option<T>,
    stuck: Option<T>,
    /// Nothing may arrive before what was delayed.
    last_late: Nanos,
    counts: Counts,
}

impl<T: Corrupt> Injector<T> {
    /// An undisturbed stream.
    pub fn new(severity: Severity, random: Pcg64) -> Self {
        Self {
            fault: None,
            severity,
            random,
            waiting: Vec::new(),
            held: None,
            stuck: None,
            last_late: Nanos(0),
            counts: Counts::default(),
        }
    }

    /// Switches the fault on, or off with `None`. What is under way arrives.
    pub fn set(&mut self, now: Nanos, fault: Option<FaultKind>) {
        self.fault = fault;
        if fault.is_none() {
            self.stuck = None;
            if let Some(held) = self.held.take() {
                self.queue(now, held);
            }
        }
    }

    /// A message from the source.
    pub fn offer(&mut self, now: Nanos, mut message: T) {
        self.counts.offered += 1;
        let Some(fault) = self.fault else { return self.queue(now, message) };
        if matches!(fault, FaultKind::Nan | FaultKind::Inf | FaultKind::Huge | FaultKind::WrongLength)
            && !self.counts.offered.is_multiple_of(self.severity.every)
        {
            return self.queue(now, message);
        }
        self.counts.disturbed += 1;
        let step_nanos = i64::try_from(self.severity.step.0).unwrap_or(i64::MAX);
        match fault {
            FaultKind::Drop => {
                self.counts.dropped += 1;
                return;
            }
            // Late, but in order: nobody overtakes, neither now nor when the fault has ended.
            FaultKind::Delay | FaultKind::Jitter => {
                let late = match fault {
                    FaultKind::Delay => self.severity.delay,
                    _ => Nanos(self.random.random_range(0..=self.severity.jitter.0)),
                };
                self.last_late = self.last_late.max(now + late);
                return self.queue(now, message);
            }
            FaultKind::Duplicate => {
                self.counts.copies += 1;
                self.queue(now, message.clone());
                return self.queue(now + self.severity.delay, message);
            }
            FaultKind::Reorder => {
                match self.held.take() {
                    None => self.held = Some(message),
                    Some(earlier) => {
                        self.queue(now, message);
                        self.queue(now + self.severity.delay, earlier);
                    }
                }
                return;
            }
            FaultKind::Freeze => {
                let stuck = self.stuck.get_or_insert_with(|| message.clone());
                message.freeze(stuck);
            }
            FaultKind::Nan => message.spoil(f64::NAN),
            FaultKind::Inf => message.spoil(f64::INFINITY),
            FaultKind::Huge => message.spoil(1e12),
            FaultKind::WrongLength => message.shorten(),
            FaultKind::StepBack => message.shift(-step_nanos),
            FaultKind::StepForward => message.shift(step_nanos),
            // These happen to threads, not to messages: the rig plays them.
            FaultKind::Hang | FaultKind::Panic | FaultKind::Slow | FaultKind::DiskFull | FaultKind::Kill => {
                self.counts.disturbed -= 1;
            }
        }
        self.queue(now, message);
    }

    /// The next message that has arrived by `now`.
    pub fn take(&mut self, now: Nanos) -> Option<T> {
        let index = self.waiting.iter().position(|(due, _)| *due <= now)?;
        self.counts.delivered += 1;
        Some(self.waiting.remove(index).1)
    }

    /// What became of the messages so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Nothing is lost unaccounted.
    pub fn adds_up(&self) -> bool {
        let waiting = self.waiting.len() as u64 + u64::from(self.held.is_some());
        self.counts.offered + self.counts.copies == self.counts.delivered + self.counts.dropped + waiting
    }

    fn queue(&mut self, due: Nanos, message: T) {
        let due = due.max(self.last_late);
        // Behind everything that is due by then.
        let index = self.waiting.iter().position(|(other, _)| *other > due).unwrap_or(self.waiting.len());
        self.waiting.insert(index, (due, message));
    }
}
