//! Between the loop and the arm: counts what passes, and slips in a command that is no number.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use neuraxis_core::{Arm, ArmCommand, ArmState, Fault, Joints, Nanos, Pacing};

/// What was seen. Numbers of their own, read by another thread: no ordering between them is needed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) states: AtomicU64,
    /// States with a stamp later than the one before.
    pub(crate) newer: AtomicU64,
    /// ... earlier than the one before, while the device was there.
    pub(crate) back: AtomicU64,
    /// States with a number that is none, or of another length.
    pub(crate) malformed: AtomicU64,
    /// Calls of the allocator in `read` and `write` while all is well.
    pub(crate) heap_calls: AtomicU64,
    pub(crate) steady_ticks: AtomicU64,
    /// All is well: the allocator must not be called.
    pub(crate) is_steady: AtomicBool,
    /// Slip in a command that is no number.
    pub(crate) nonsense: AtomicBool,
    pub(crate) nonsense_refused: AtomicU64,
    pub(crate) nonsense_taken: AtomicU64,
}

fn count(number: &AtomicU64, by: u64) {
    number.fetch_add(by, Ordering::Relaxed);
}

pub(crate) struct Watched {
    pub(crate) arm: Box<dyn Arm>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) heap: fn() -> u64,
    pub(crate) newest: Nanos,
}

impl Watched {
    fn steadily<T>(&mut self, act: impl FnOnce(&mut dyn Arm) -> T) -> T {
        let before = (self.heap)();
        let result = act(&mut *self.arm);
        let calls = (self.heap)() - before;
        if self.seen.is_steady.load(Ordering::Relaxed) {
            count(&self.seen.heap_calls, calls);
            count(&self.seen.steady_ticks, 1);
        }
        result
    }
}

impl Arm for Watched {
    fn dof(&self) -> usize {
        self.arm.dof()
    }

    fn pacing(&self) -> Pacing {
        self.arm.pacing()
    }

    fn period(&self) -> Nanos {
        self.arm.period()
    }

    fn is_real(&self) -> bool {
        self.arm.is_real()
    }

    fn read(&mut self) -> Result<ArmState, Fault> {
        let state = self.steadily(|arm| arm.read())?;
        let dof = self.arm.dof();
        let is_sound = |joints: &Joints| joints.len() == dof && joints.is_finite();
        // Until its device has spoken an arm may say that it knows nothing.
        let has_spoken = self.newest > Nanos(0) || state.stamp > Nanos(0);
        count(&self.seen.states, u64::from(has_spoken));
        count(&self.seen.newer, u64::from(state.stamp > self.newest));
        count(&self.seen.back, u64::from(state.stamp < self.newest));
        let is_well_formed = is_sound(&state.q) && is_sound(&state.qd) && is_sound(&state.tau_nm);
        let is_malformed = has_spoken && !(is_well_formed && state.gripper_width_m.is_finite());
        count(&self.seen.malformed, u64::from(is_malformed));
        self.newest = state.stamp;
        Ok(state)
    }

    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        if self.seen.nonsense.swap(false, Ordering::Relaxed) {
            let nan = Joints::from_fn(self.arm.dof(), |_| f64::NAN);
            let refused = self.arm.write(&ArmCommand { q: nan, ..*command }).is_err();
            count(if refused { &self.seen.nonsense_refused } else { &self.seen.nonsense_taken }, 1);
        }
        self.steadily(|arm| arm.write(command))
    }
}
