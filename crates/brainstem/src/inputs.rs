//! Everything that one tick of the loop depends on, in one value: the same inputs in the same order give the same
//! commands, bit for bit. The loop records it with each tick.

use neuraxis_core::{ArmState, Fault, Nanos, Segment};

use crate::{Brainstem, Tick};

/// What people and other threads asked of the loop since the tick before.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Stop and latch.
    pub stop: bool,
    /// Reset the latch.
    pub reset: bool,
}

/// Inputs of one tick.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct TickInputs {
    /// Time of the tick.
    pub now: Nanos,
    /// What the arm reports; not finite if it could not be read.
    pub state: ArmState,
    /// The newest segment, seen before or not.
    pub segment: Option<Segment>,
    /// What was asked for.
    pub requests: Requests,
    /// Why the arm could not be read.
    pub read: Option<Fault>,
    /// Why the arm did not take the command before this tick's.
    pub write: Option<Fault>,
    /// Too many deadlines were missed lately.
    pub overrun: bool,
}

impl Brainstem {
    /// One tick with all that happened since the one before. No heap, no clock, no I/O.
    pub fn tick(&mut self, inputs: &TickInputs) -> Tick {
        let overrun = inputs.overrun.then_some(Fault::Overrun);
        for fault in [inputs.write, inputs.read, overrun].into_iter().flatten() {
            self.trip(fault);
        }
        if inputs.requests.stop {
            self.request_stop();
        }
        if inputs.requests.reset && !inputs.requests.stop {
            // If it is refused the mode stays latched, which everybody sees in the state.
            let _ = self.reset();
        }
        self.step(inputs.now, &inputs.state, inputs.segment.as_ref())
    }
}
