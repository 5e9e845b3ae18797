//! What is seen of a cell, for assertions (ii) and (iii).

use neuraxis_brainstem::Mode;
use neuraxis_cerebellum::{Phase, Refusal};
use neuraxis_core::{Fault, Nanos};

use crate::{monitor::is_at_rest, rig::Moment};

/// What was seen from the onset on.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) brainstem: Vec<Fault>,
    pub(crate) cerebellum: Vec<Fault>,
    pub(crate) rejected: Vec<Fault>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) stopped: bool,
    pub(crate) rest_after: Option<Nanos>,
    last_stopping: u64,
}

impl Seen {
    /// A millisecond after the onset.
    pub(crate) fn look(&mut self, onset: Nanos, moment: &Moment) {
        let Some(tick) = &moment.tick else { return };
        note(&mut self.brainstem, tick.fault);
        // After a leap of the clock a stop may be over within one tick.
        self.stopped |= tick.fault.is_some();
        // While a stop is under way every segment is refused, which is no news.
        let stopping = std::mem::replace(&mut self.last_stopping, tick.refused.while_stopping);
        if tick.refused.while_stopping == stopping {
            note(&mut self.rejected, tick.rejected);
        }
        self.stopped |= matches!(tick.mode, Mode::Stopping | Mode::Latched);
        if let Some(mind) = &moment.mind {
            note(&mut self.cerebellum, mind.fault);
            note(&mut self.refused, mind.refusal.filter(|refusal| !is_daily(*refusal)));
            self.stopped |= mind.phase == Phase::Stopped;
        }
        if self.stopped && self.rest_after.is_none() && is_at_rest(&tick.command) {
            self.rest_after = Some(moment.world - onset);
        }
    }
}

impl Seen {
    /// Every code once, for people.
    pub(crate) fn codes(&self) -> String {
        let faults = [&self.brainstem, &self.cerebellum, &self.rejected].into_iter().flatten();
        let names = faults.map(|fault| format!("{fault:?}")).chain(self.refused.iter().map(|r| format!("{r:?}")));
        let names: std::collections::BTreeSet<String> = names.collect();
        names.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// Refusals that belong to every arrival.
fn is_daily(refusal: Refusal) -> bool {
    use Refusal::{AlreadyThere, BeforeArrival, NotWanted, Unconfirmed};
    matches!(refusal, BeforeArrival | NotWanted | AlreadyThere | Unconfirmed)
}

fn note<T: PartialEq>(list: &mut Vec<T>, item: Option<T>) {
    if let Some(item) = item.filter(|item| !list.contains(item)) {
        list.push(item);
    }
}
