//! An episode on simulated time, recorded.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result};
use neuraxis_brainstem::{Histogram, TickRecord};
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{Instruction, Nanos, Observation, Policy, PolicyError, Prediction};
use neuraxis_sim::{CameraRig, Plant, Setup};
use parking_lot::Mutex;

use super::{DemoPlan, close, told::millis};
use crate::{
    episode_run::Studio,
    lack::{Lack, left_out, say},
    lockstep::{Outcome, Pilot, Witness},
    recorder::{Files, Recorder},
    script::Expert,
    source::Source,
    threads::Seen,
};

/// The same episode on simulated time.
pub(super) fn lockstep(
    studio: &Studio,
    setup: &Setup,
    source: Source,
    words: &Instruction,
    recorder: Recorder,
    plan: &DemoPlan,
) -> Result<(Outcome, Files)> {
    let mut lockstep = studio.lockstep(setup, true)?;
    let mut rig = CameraRig::new(setup)?;
    let recorder = Arc::new(Mutex::new(recorder));
    let expert = match source {
        Source::Script(_) => {
            Some(Expert::new(setup, setup.goal().clone(), studio.script(setup, &lockstep, setup.goal())?))
        }
        _ => None,
    };
    let mut filmed = Filmed {
        source,
        expert,
        recorder: recorder.clone(),
        times: Histogram::default(),
        lack: Lack::default(),
        trouble: None,
    };
    let mut witness = Together(recorder.clone());
    let outcome = lockstep.run(&mut filmed, words, setup.goal(), Some(&mut rig), &mut witness)?;
    if let Some(error) = filmed.trouble.take() {
        return Err(error);
    }
    say!("policy      {}", millis(&filmed.times.percentiles()));
    say!("clock       lockstep: simulated time, not the wall clock");
    drop((filmed, witness));
    let recorder = Arc::into_inner(recorder).context("the recorder is still in use")?.into_inner();
    let files = close(recorder, plan, &outcome, &serde_json::Value::Null)?;
    Ok((outcome, files))
}

/// The source, with what it looked at shown to the recorder.
struct Filmed<'a> {
    source: Source,
    /// In the source's place, where it is a script.
    expert: Option<Expert<'a>>,
    recorder: Arc<Mutex<Recorder>>,
    times: Histogram,
    lack: Lack,
    trouble: Option<anyhow::Error>,
}

impl Filmed<'_> {
    /// The source's answer, shown with what it rests on. Simulated time stands still for it, and the prediction comes to the
    /// recorder by itself.
    fn asked(&mut self, seen: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        let answer = self.source.predict(seen, words);
        let sight = self.source.sight();
        let refused = answer.as_ref().err().map(ToString::to_string);
        let news = self.lack.hears(seen.stamp, refused.as_deref(), left_out(sight.as_ref()));
        let looked = if answer.is_ok() { self.source.looked(seen.stamp) } else { Vec::new() };
        say(&news);
        let shown = Seen { at: seen.stamp, sight, looked, news, ..Seen::default() };
        if let Err(error) = self.recorder.lock().looked(&shown) {
            self.trouble.get_or_insert(error);
        }
        answer
    }
}

impl Pilot for Filmed<'_> {
    fn looks(&self) -> bool {
        true
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        let started = Instant::now();
        let prediction = match &mut self.expert {
            Some(expert) => expert.predict(seen, words, plant)?,
            None => Some(self.asked(seen, words)?),
        };
        self.times.record(Nanos(started.elapsed().as_nanos() as u64));
        Ok(prediction)
    }
}

/// The recorder as a witness beside the policy that also writes to it.
pub struct Together(pub Arc<Mutex<Recorder>>);

impl Witness for Together {
    fn observation(&mut self, observation: &Observation, mind: &CerebellumTick) -> Result<()> {
        self.0.lock().observation(observation, mind)
    }
    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.0.lock().prediction(prediction)
    }
    fn tick(&mut self, record: &TickRecord, mind: Option<&CerebellumTick>) -> Result<()> {
        self.0.lock().tick(record, mind)
    }
}
