//! M2 and M3 while a node runs: its guards and what it maintains.

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::Nanos;
use neuraxis_plan::{Body, Senses, Truth, Until};

use crate::{config::has_passed, event::Reason, monitor::Ahead, program::Watch, skill::Sights, walk::Walk};

impl Walk<'_, '_> {
    /// Looks at all of a node's watches; the first that trips, and why. `released`: the fingers were told to open.
    pub(crate) fn watched(&mut self, at: usize, released: bool) -> Option<Reason> {
        let cell = self.program.cell(at)?;
        let (from, to) = cell.watches;
        if from == to {
            return None;
        }
        let (now, senses, foresight) = (self.now(), self.input.sights, self.config.foresight_secs);
        let ahead = (foresight > 0.0).then(|| Ahead::new(senses, foresight));
        let watches = self.program.watches.get(from..to).unwrap_or_default();
        let states = self.memory.watches.get_mut(from..to).unwrap_or_default();
        for (i, (watch, state)) in watches.iter().zip(states).enumerate() {
            let truth = match watch {
                Watch::Test(test) => test.look(senses),
                Watch::Fact { until: Until::Release, .. } if released => continue,
                Watch::Fact { literal, .. } => said(self.know.state.truth(literal.fact), literal.holds),
            };
            if truth == Truth::Unknown {
                // A sensor that is silent, or a number that is none, may be so for a moment only.
                if has_passed(blind_since(&mut state.blind_since, now), now, self.config.blind_secs) {
                    return Some(Reason::Blind(i as u8));
                }
                continue;
            }
            state.blind_since = None;
            // Tests are looked at each tick, facts when there is a new frame of them.
            let is_look = matches!(watch, Watch::Test(_)) || self.know.is_new;
            if is_look && state.debounce.look(truth == Truth::False) {
                return Some(match i.checked_sub(cell.guards) {
                    None => Reason::Guard(i as u8),
                    Some(i) => Reason::Maintain(i as u8),
                });
            }
            if let (Watch::Test(test), Some(ahead), Truth::True) = (watch, &ahead, truth)
                && test.look(ahead) == Truth::False
            {
                // It will be broken soon if all goes on like this (L1).
                self.slow = Some(self.slow.unwrap_or(1.0).max(1.0));
            }
        }
        None
    }
}

impl Walk<'_, '_> {
    /// The first guard of a node that would trip now, or soon: a skill is not begun in what would end it, nor at half of
    /// the force that would.
    pub(crate) fn guard_against(&self, at: usize) -> Option<u8> {
        let cell = self.program.cell(at)?;
        let (from, _) = cell.watches;
        let guards = self.program.watches.get(from..from + cell.guards).unwrap_or_default();
        let trips = |watch: &Watch| match watch {
            Watch::Test(test) => test.look(&Doubled(self.input.sights)) == Truth::False,
            Watch::Fact { .. } => false,
        };
        guards.iter().position(trips).map(|i| i as u8)
    }
}

/// Senses with twice the force.
struct Doubled<'a>(&'a dyn Sights);

impl Senses for Doubled<'_> {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        self.0.world_from_body(body)
    }
    fn velocity_in_world(&self, body: Body) -> Option<Vector3<f64>> {
        self.0.velocity_in_world(body)
    }
    fn force_in_world(&self) -> Option<Vector3<f64>> {
        self.0.force_in_world().map(|force| 2.0 * force)
    }
    fn grip_width_m(&self) -> Option<f64> {
        self.0.grip_width_m()
    }
}

/// Truth of a literal.
fn said(truth: Truth, holds: bool) -> Truth {
    match (truth, holds) {
        (Truth::Unknown, _) => Truth::Unknown,
        (truth, true) => truth,
        (Truth::True, false) => Truth::False,
        (Truth::False, false) => Truth::True,
    }
}

fn blind_since(slot: &mut Option<Nanos>, now: Nanos) -> Nanos {
    *slot.get_or_insert(now)
}
