//! The outside world of the rig: what the ROS 2 node does with requests, through the same flags and mailbox.

use std::sync::Arc;

use neuraxis_brainstem::Signals;
use neuraxis_channel::{RingReceiver, RingSender, ring};
use neuraxis_core::Nanos;

use crate::{Corrupt, FaultKind, Injector, thinker::unwind};

/// A slow node looks at its requests this rarely.
const SLOW: Nanos = Nanos::from_millis(100);
/// A flood of instructions, each millisecond.
const FLOOD: u32 = 50;
/// An operator tries to reset a stop button that is stuck, after this time.
const RESET_ATTEMPT_MS: u64 = 200;

/// What somebody outside wants.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Stop,
    Reset,
    Instruct,
}

/// A request has neither numbers nor vectors, and its stamp is not read.
impl Corrupt for Request {
    fn spoil(&mut self, _value: f64) {}
    fn shorten(&mut self) {}
    fn shift(&mut self, _nanos: i64) {}
    fn freeze(&mut self, stuck: &Self) {
        *self = *stuck;
    }
}

/// A node, and its requests open to faults.
pub(crate) struct Operator {
    signals: Arc<Signals>,
    pub(crate) requests: Injector<Request>,
    sentences_in: RingSender<String>,
    sentences: RingReceiver<String>,
    fault: Option<FaultKind>,
    elapsed_ms: u64,
    served: u64,
    read: u64,
    /// Requests that a thread's fault held up, or the fault itself.
    pub(crate) disturbed: u64,
}

impl Operator {
    pub(crate) fn new(signals: Arc<Signals>, requests: Injector<Request>) -> Self {
        let (sentences_in, sentences) = ring(4);
        Self {
            signals,
            requests,
            sentences_in,
            sentences,
            fault: None,
            elapsed_ms: 0,
            served: 0,
            read: 0,
            disturbed: 0,
        }
    }

    /// Begins or ends a fault; at its onset somebody presses stop.
    pub(crate) fn set(&mut self, world: Nanos, fault: Option<FaultKind>) {
        (self.fault, self.elapsed_ms) = (fault, 0);
        self.requests.set(world, fault);
        match fault {
            Some(FaultKind::Panic) => {
                unwind(());
                // As the binary does when one of its threads panics.
                self.signals.stop.raise();
                self.disturbed += 1;
            }
            // The peer's process is gone: nothing comes any more.
            Some(FaultKind::Kill) => self.disturbed += 1,
            Some(FaultKind::Huge) | None => {}
            Some(_) => self.requests.offer(world, Request::Stop),
        }
        if fault == Some(FaultKind::Reorder) {
            self.requests.offer(world, Request::Reset);
        }
    }

    /// One millisecond of the node.
    pub(crate) fn advance(&mut self, world: Nanos) {
        self.elapsed_ms += 1;
        match self.fault {
            Some(FaultKind::Huge) => (0..FLOOD).for_each(|_| self.requests.offer(world, Request::Instruct)),
            Some(FaultKind::Freeze) => {
                self.requests.offer(world, Request::Stop);
                if self.elapsed_ms == RESET_ATTEMPT_MS {
                    self.signals.reset.raise();
                }
            }
            Some(FaultKind::Hang) => {
                self.disturbed += 1;
                return;
            }
            Some(FaultKind::Slow) if !(self.elapsed_ms * 1_000_000).is_multiple_of(SLOW.0) => {
                self.disturbed += 1;
                return;
            }
            _ => {}
        }
        while let Some(request) = self.requests.take(world) {
            self.served += 1;
            match request {
                Request::Stop => self.signals.stop.raise(),
                Request::Reset => self.signals.reset.raise(),
                Request::Instruct => {
                    self.sentences_in.push_newest("to and fro".into());
                }
            }
        }
    }

    /// True if a new instruction has come.
    pub(crate) fn instructed(&mut self) -> bool {
        let before = self.read;
        while self.sentences.pop().is_some() {
            self.read += 1;
        }
        self.read > before
    }

    /// Requests: each was served, lost or waits; sentences: read, dropped, or waiting.
    pub(crate) fn adds_up(&self) -> Result<(), String> {
        let counts = self.requests.counts();
        let (sent, dropped) = (self.sentences_in.sent(), self.sentences_in.dropped());
        if self.requests.adds_up()
            && counts.delivered == self.served
            && sent == self.read + dropped + self.sentences.len() as u64
        {
            return Ok(());
        }
        Err(format!(
            "requests: {counts:?}, {} served; sentences: {sent} sent, {} read, {dropped} dropped",
            self.served, self.read
        ))
    }
}
