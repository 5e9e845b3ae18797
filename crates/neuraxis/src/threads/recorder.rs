//! Thread `recorder`: everything into the recording, in the loop's order.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use neuraxis_brainstem::TickRecord;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_channel::RingReceiver;
use neuraxis_core::{Nanos, Observation};

use super::{Seen, Shared, periodic};
use crate::{brain::Thought, lockstep::Witness, recorder::Recorder};

/// Ends of the recorder's channels.
pub struct RecorderLinks {
    /// Every millisecond of the loop.
    pub ticks: RingReceiver<TickRecord>,
    /// Every decision of the cerebellum.
    pub minds: RingReceiver<(Nanos, CerebellumTick)>,
    /// Images; may be dropped.
    pub observations: RingReceiver<Arc<Observation>>,
    /// Predictions with their views.
    pub seen: RingReceiver<Arc<Seen>>,
    /// What a brain thinks.
    pub thoughts: RingReceiver<Box<Thought>>,
}

/// How the recorder's thread ended.
pub struct Film {
    /// Still open; `None` if nothing was to be recorded, or after trouble.
    pub recorder: Option<Recorder>,
    /// Why the recording ended before the run did.
    pub trouble: Option<anyhow::Error>,
}

impl Film {
    /// The recorder, or why there is none any more.
    pub fn take(&mut self) -> Result<Recorder> {
        match (self.recorder.take(), self.trouble.take()) {
            (Some(recorder), _) => Ok(recorder),
            (None, Some(trouble)) => Err(trouble.context("the arm went on, its recording did not")),
            (None, None) => Err(anyhow!("nothing was recorded")),
        }
    }
}

/// Writes down what comes, until the run is done and the rings are empty. A recording that cannot go on (a full disk,
/// say) ends, loudly; the arm does not notice.
pub fn recorder(recorder: Option<Recorder>, links: RecorderLinks, shared: &Shared) -> Result<Film> {
    let mut film = Film { recorder, trouble: None };
    let mut minds = Minds::default();
    let mut drain = || {
        let Some(recorder) = &mut film.recorder else {
            links.discard();
            return;
        };
        if let Err(error) = write_down(recorder, &links, &mut minds, shared) {
            say_err!("the recording ends here, the arm goes on without it: {error:#}");
            (film.recorder, film.trouble) = (None, Some(error));
        }
    };
    periodic("recorder", Nanos::from_millis(20), &shared.done, |_| {
        drain();
        Ok(true)
    })?;
    drain();
    Ok(film)
}

/// The cerebellum's decisions, in step with the loop's ticks.
#[derive(Default)]
struct Minds {
    in_force: Option<CerebellumTick>,
    ahead: Option<(Nanos, CerebellumTick)>,
}

impl RecorderLinks {
    /// Nobody writes any more.
    fn discard(&self) {
        while self.ticks.pop().is_some() {}
        while self.minds.pop().is_some() {}
        while self.observations.pop().is_some() {}
        while self.seen.pop().is_some() {}
        while self.thoughts.pop().is_some() {}
    }
}

/// Ticks and decisions come first: a recorder that is too slow for the pictures loses pictures.
fn write_down(recorder: &mut Recorder, links: &RecorderLinks, minds: &mut Minds, shared: &Shared) -> Result<()> {
    write_ticks(recorder, links, minds, shared)?;
    // As many as wait now: what comes meanwhile is for the next time.
    for _ in 0..links.observations.len() {
        if let Some(observation) = links.observations.pop() {
            recorder.seen(observation)?;
            write_ticks(recorder, links, minds, shared)?;
        }
    }
    while let Some(seen) = links.seen.pop() {
        recorder.looked(&seen)?;
    }
    while let Some(thought) = links.thoughts.pop() {
        recorder.thought(*thought)?;
    }
    let RecorderLinks { ticks, minds, observations, seen, .. } = links;
    recorder.dropped([ticks.dropped(), minds.dropped(), observations.dropped(), seen.dropped()])?;
    if shared.task_failed.take() {
        recorder.save("a task has failed")?;
    }
    recorder.step()
}

fn write_ticks(recorder: &mut Recorder, links: &RecorderLinks, minds: &mut Minds, shared: &Shared) -> Result<()> {
    while let Some(record) = links.ticks.pop() {
        // Decisions come in order of time, as ticks do: advance to the one that was in force.
        while let Some((at, tick)) = minds.ahead.take().or_else(|| links.minds.pop()) {
            if at > record.tick.now {
                minds.ahead = Some((at, tick));
                break;
            }
            minds.in_force = Some(tick);
        }
        // Asked after the tick was taken: a stop because of it comes later than it was raised.
        recorder.leaves(shared.signals.exit.is_raised());
        recorder.tick(&record, minds.in_force.as_ref())?;
    }
    Ok(())
}
