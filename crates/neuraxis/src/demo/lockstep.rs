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
        let mut recorder = self.0.lock();
        recorder.tick(record, mind)?;
        // On the wall clock the recorder's own thread does it.
        recorder.step()
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_brainstem::{Brainstem, Requests, TickInputs};
    use neuraxis_core::{ArmState, Joints};
    use neuraxis_episode::{EpisodeReader, Record};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{Config, workspace_root};

    #[test]
    fn a_ring_on_simulated_time_is_saved_when_somebody_asks_for_it() {
        let mut config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        config.run.recording.ring_secs = Some(5.0);
        let robot = Arc::new(config.load_robot().unwrap());
        let out = std::env::temp_dir().join(format!("neuraxis-asked-{}", std::process::id()));
        let recorder = Recorder::create(&out, &config, &robot, None, Value::Null, Nanos(0), None).unwrap();
        let recorder = Arc::new(Mutex::new(recorder));
        let mut witness = Together(recorder.clone());
        let mut brainstem = Brainstem::new(robot.clone(), config.brainstem.clone()).unwrap();
        let zeros = Joints::zeros(robot.dof());
        let mut live = |number: u64| {
            let now = Nanos::from_millis(number);
            let state = ArmState {
                stamp: now,
                q: robot.home(),
                qd: zeros,
                tau_nm: zeros,
                gripper_width_m: 0.08,
                grip_force_n: None,
            };
            let (segment, requests, overrun) = (None, Requests::default(), false);
            let inputs = TickInputs { now, state, segment, requests, read: None, write: None, overrun };
            let tick = brainstem.tick(&inputs);
            TickRecord { number, inputs, tick, wake_latency: Nanos(0), compute: Nanos(0), missed: 0 }
        };
        for number in 0..10 {
            if number == 5 {
                // SAFETY: the signal is listened for since there is a ring.
                assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
            }
            witness.tick(&live(number), None).unwrap();
            assert_eq!(out.join("episode-001.mcap").exists(), number >= 5, "tick {number}");
        }
        drop(witness);
        let recorder = Arc::into_inner(recorder).unwrap().into_inner();
        let files = recorder.finish(None, &json!({})).unwrap();
        let reader = EpisodeReader::open(&files.mcap[0]).unwrap();
        let events: Vec<String> = reader
            .records()
            .filter_map(|record| match record.unwrap() {
                Record::Event(_, _, text) => Some(text),
                _ => None,
            })
            .collect();
        std::fs::remove_dir_all(&out).unwrap();
        assert_eq!(events, ["saved, because: somebody asked for it"]);
    }
}
