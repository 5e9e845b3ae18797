//! What happened, as fixed-size records that the caller's buffer takes.

use neuraxis_core::{Fault, Nanos};
use neuraxis_plan::{FactId, Truth};

use crate::{monitor::Channel, skill::SkillFault};

/// Number in place of a node's, for what concerns the whole plan.
pub const WHOLE_PLAN: u16 = u16::MAX;

/// Why something failed, or was done.
#[derive(Copy, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The skill says so.
    Skill(SkillFault),
    /// It took longer than it may.
    Timeout,
    /// The skill did not report.
    Silent,
    /// M2: the guard of this place in the node's list tripped.
    Guard(u8),
    /// M2, M3: what was to be maintained, by its place in the node's list, is lost.
    Maintain(u8),
    /// What this watch of the node looks at (guards first) is not sensed, or not a number.
    Blind(u8),
    /// M1: a score passed its conformal threshold.
    Channel(Channel),
    /// M0: the brainstem or the cerebellum reports a fault.
    Body(Fault),
    /// M3: a precondition is not observed.
    Precondition(FactId, Truth),
    /// M3: the postcondition was not observed in time.
    Post(FactId, Truth),
    /// M3: a condition does not hold.
    Condition(FactId, Truth),
    /// M3: what the plan assumes is not observed.
    Assumption(FactId, Truth),
    /// The budget of a level is spent; 0: of the whole task.
    Budget(u8),
    /// Nobody answered before the deadline, or the answer was that there is none.
    NoAnswer,
    /// The plan asks for a person.
    Human,
    /// Somebody asked to stop.
    Stopped,
}

/// Number of [`Reason::cause`]s.
pub(crate) const CAUSES: usize = 9;

impl Reason {
    /// Reasons of one sort escalate together (R7).
    pub(crate) fn cause(self) -> usize {
        match self {
            Self::Skill(_) => 0,
            Self::Timeout => 1,
            Self::Silent => 2,
            Self::Guard(_) | Self::Maintain(_) | Self::Blind(_) => 3,
            Self::Channel(_) => 4,
            Self::Body(_) => 5,
            Self::Precondition(..) => 6,
            Self::Post(..) => 7,
            _ => 8,
        }
    }

    /// The fact that it failed for because nobody knows whether it holds; `None`: it failed for something else.
    pub fn unknown(self) -> Option<FactId> {
        match self {
            Self::Precondition(fact, Truth::Unknown)
            | Self::Post(fact, Truth::Unknown)
            | Self::Condition(fact, Truth::Unknown)
            | Self::Assumption(fact, Truth::Unknown) => Some(fact),
            _ => None,
        }
    }

    /// True if the act may have reached its end all the same: nothing but the skill's word is against it.
    pub(crate) fn may_have_succeeded(self) -> bool {
        matches!(self, Self::Skill(_) | Self::Timeout | Self::Silent | Self::Post(..))
    }
}

/// What happened.
#[derive(Copy, Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// A node began.
    Entered,
    /// A skill was started; the value is the number of tries before.
    Started,
    /// A skill reached its end; its postcondition is waited for.
    Confirming,
    /// A node succeeded. With a reason: it was observed although the skill had failed for it.
    Succeeded,
    /// A node, or one try of a skill, failed.
    Failed,
    /// A skill was told to stop.
    Aborted,
    /// A recovery of this level begins; the value is how many there were of it before.
    Recovering(u8),
    /// A rung of this level was passed over for its budget.
    Passed(u8),
    /// L1: motion goes slower from here on; the value is the share of a threshold.
    Slowed,
    /// L1: at full speed again.
    Resumed,
    /// A nominal run ended; the value is the highest score of the channel in it.
    Peak(Channel),
    /// A result or an answer of another run or epoch was not used.
    Late,
    /// Facts that exclude each other were observed; both count as unknown.
    Contradiction(FactId),
    /// The plan ended.
    Ended,
}

/// A record; no heap.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Nanos,
    /// Of the plan.
    pub epoch: u32,
    /// The node as it was sent, or [`WHOLE_PLAN`].
    pub node: u16,
    /// What happened.
    pub what: What,
    /// Why.
    pub reason: Option<Reason>,
    /// A number, see [`What`].
    pub value: f64,
}

impl Event {
    /// To fill a buffer with.
    pub const NONE: Self =
        Self { at: Nanos(0), epoch: 0, node: WHOLE_PLAN, what: What::Ended, reason: None, value: 0.0 };
}

/// The caller's buffer. What does not fit is dropped and counted.
pub struct Events<'a> {
    slots: &'a mut [Event],
    len: usize,
    dropped: u64,
}

impl<'a> Events<'a> {
    /// An empty list in `slots`. A tick writes at most six per node of the plan; most write none.
    pub fn new(slots: &'a mut [Event]) -> Self {
        Self { slots, len: 0, dropped: 0 }
    }

    /// What was written, oldest first.
    pub fn written(&self) -> &[Event] {
        self.slots.get(..self.len).unwrap_or_default()
    }

    /// How many did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn push(&mut self, event: Event) {
        match self.slots.get_mut(self.len) {
            Some(slot) => {
                *slot = event;
                self.len += 1;
            }
            None => self.dropped += 1,
        }
    }
}
