//! What changes while a plan runs: fixed arrays, one entry per node or watch.

use neuraxis_core::{Fault, Nanos};
use neuraxis_plan::{MOST_NODES, Vary};

use crate::{
    carry::Carry,
    event::{CAUSES, Reason},
    monitor::{Channels, Debounce},
    program::{MOST_WATCHES, Program, Watch},
    skill::RunId,
};

/// What a node is doing.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(crate) enum Phase {
    /// Not begun, or begun anew.
    #[default]
    Idle,
    /// Something below it runs; a condition is not known yet.
    Running,
    /// A leaf waits for its preconditions.
    Preparing,
    /// A leaf's skill runs.
    Acting,
    /// At its end; the postcondition is waited for.
    Confirming,
    /// A leaf failed; a fresh look at the facts is waited for.
    Failing(Reason),
    /// A leaf holds still while somebody thinks about this failure.
    Asking(Reason),
    /// Ended, in success or failure.
    Done(bool),
}

/// Of one node.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct NodeState {
    pub(crate) phase: Phase,
    /// When the phase began.
    pub(crate) since: Nanos,
    /// When the node was entered.
    pub(crate) entered: Nanos,
    /// The child that runs.
    pub(crate) cursor: usize,
    /// Failures of a retry's child.
    pub(crate) failures: u8,
    /// A condition was observed to hold since its parent was entered.
    pub(crate) passed: bool,
    pub(crate) unknown_since: Option<Nanos>,
    pub(crate) refuted: Refuted,
    pub(crate) act: Act,
    pub(crate) episode: Episode,
}

/// Frames of facts in a row, since the phase began, in which something of the pre- or postcondition was seen not to be so.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Refuted {
    pub(crate) frames: u8,
    /// When the first of them came.
    pub(crate) since: Option<Nanos>,
}

/// Of a leaf, from one start of its skill to the next.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Act {
    pub(crate) run: RunId,
    pub(crate) heard: Nanos,
    pub(crate) released: bool,
    /// A fault that was there before the skill had a chance.
    pub(crate) old_fault: Option<Fault>,
    /// Frames of facts in a row in which a policy's postcondition held.
    pub(crate) seen: u8,
}

/// Of a leaf, as long as its plan runs: what makes recovery end.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Episode {
    pub(crate) tries: u8,
    pub(crate) retries: u8,
    pub(crate) gotos: u8,
    pub(crate) vary: Option<Vary>,
    /// By cause, the rung that is next; it never goes back.
    pub(crate) rung: [u8; CAUSES],
}

/// Of one watch.
#[derive(Copy, Clone, Debug)]
pub(crate) struct WatchState {
    pub(crate) debounce: Debounce,
    pub(crate) blind_since: Option<Nanos>,
}

/// Of a plan.
pub(crate) struct Memory {
    pub(crate) nodes: [NodeState; MOST_NODES],
    pub(crate) watches: [WatchState; MOST_WATCHES],
    /// Scores of the skill that has the arm.
    pub(crate) channels: Channels,
    pub(crate) carry: Carry,
    /// Facts from before this say nothing any more: something failed since.
    pub(crate) disturbed_at: Nanos,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            nodes: [NodeState::default(); MOST_NODES],
            watches: [WatchState { debounce: Debounce::new(1, 1), blind_since: None }; MOST_WATCHES],
            channels: Channels::new(Nanos::default()),
            carry: Carry::default(),
            disturbed_at: Nanos::default(),
        }
    }

    /// As for a plan that has not begun.
    pub(crate) fn reset(&mut self, program: &Program, now: Nanos, facts_in_a_row: u8) {
        self.nodes.fill(NodeState::default());
        self.channels = Channels::new(now);
        self.carry = Carry::default();
        self.disturbed_at = Nanos::default();
        for (state, watch) in self.watches.iter_mut().zip(&program.watches) {
            let debounce = match watch {
                Watch::Test(test) => Debounce::new(test.n, test.m),
                Watch::Fact { .. } => Debounce::new(facts_in_a_row, facts_in_a_row),
            };
            *state = WatchState { debounce, blind_since: None };
        }
    }

    /// The clock stepped back to `now`: nothing began later than that.
    pub(crate) fn step_back(&mut self, now: Nanos) {
        for node in &mut self.nodes {
            for time in [&mut node.since, &mut node.entered, &mut node.act.heard] {
                *time = now.min(*time);
            }
            (node.unknown_since, node.refuted) = (None, Refuted::default());
        }
        for watch in &mut self.watches {
            watch.blind_since = None;
        }
        self.channels.step_back(now);
        self.disturbed_at = now.min(self.disturbed_at);
    }

    pub(crate) fn clear_watches(&mut self, (from, to): (usize, usize)) {
        for state in self.watches.get_mut(from..to).unwrap_or_default() {
            state.debounce.clear();
            state.blind_since = None;
        }
    }
}
