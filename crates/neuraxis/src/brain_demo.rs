//! `neuraxis demo --policy brain`: one episode of the brain, recorded, with its tree and monitors in the viewer.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use neuraxis_core::{Instruction, KeyFrame, Nanos, Observation, PolicyError, Prediction};
use neuraxis_sim::{CameraRig, Plant, Setup};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    brain::{Apprentice, BrainPilot, Mind, Moment, Plans, Reflex, Steer, Story, check_cameras, drafter, open_memory},
    config::Surroundings,
    demo::{ClockChoice, DemoPlan, Together, attempts, print_files, print_rates, rates_json, stood_still},
    episode_run::{Studio, instruction, simulated_cameras},
    eval::BrainRow,
    lack::{Lack, say},
    lockstep::{Outcome, Pilot},
    realtime::{Brain, Drive, Session, Thinker, Until},
    recorder::{Recorder, Window},
    threads::{Seen, Shared},
    world::{simulated, time_limit},
};

/// On simulated time the monitors are written at this rate: every tenth tick of 5 ms.
const MONITORS_EVERY: u64 = 10;

/// Runs one episode; true if the goal was met.
pub fn run(plan: &DemoPlan, studio: &Studio, setup: &Setup) -> Result<bool> {
    check_cameras(&studio.config, &simulated_cameras())?;
    let words = instruction(setup.goal(), None)?;
    match plan.clock {
        ClockChoice::Realtime => attempts(|| realtime(plan, studio, setup, &words)),
        ClockChoice::Lockstep => lockstep(plan, studio, setup, &words),
    }
}

/// A brain for the threads of a run, with a memory in a file and a folder for the recording, if there are any.
pub fn thinker(studio: &Studio, memory: Option<&Path>, recording: Option<&Path>) -> Result<Thinker> {
    let config = &studio.config;
    let memory = memory.map(|file| open_memory(config, file)).transpose()?;
    let reflex = Reflex::new(config, studio.robot.clone(), &[], studio.surroundings != Surroundings::Off)?;
    let plans = Plans::new(config, drafter(config, studio.robot.clone())?, memory).recorded_in(recording);
    let (mind, apprentice) = (Mind::new(config, plans.remembers(), Vec::new())?, Apprentice::of(config)?);
    Ok(Thinker::Brain(Box::new(Brain { reflex, mind, plans, apprentice })))
}

fn create(plan: &DemoPlan, studio: &Studio, words: &Instruction, zero: Nanos) -> Result<Recorder> {
    let clock = format!("{:?}", plan.clock);
    let meta = json!({ "task": plan.task, "seed": plan.seed, "actor": plan.actor, "clock": clock });
    let window = Window { live: plan.live, brain: true, cameras: simulated_cameras() };
    Recorder::create(&plan.out, &studio.config, &studio.robot, Some(words), meta, zero, Some(window))
}

/// Whether the goal was met, and for how long the machine stood still.
fn realtime(plan: &DemoPlan, studio: &Studio, setup: &Setup, words: &Instruction) -> Result<(bool, Nanos)> {
    let session = Session {
        config: &studio.config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: simulated(&studio.config, &studio.robot, setup, &plan.eye_faults)?,
        thinker: thinker(studio, plan.memory.as_deref(), Some(&plan.out))?,
        words: Some(words.clone()),
        limit: time_limit(&studio.config, setup),
        judged: Some(setup.goal().instruction.clone()),
        drive: Drive::Thinker,
    };
    let record = |zero| create(plan, studio, words, zero).map(Some);
    let mut report = session.run(Until::BrainEnds, &Shared::default(), record, |_| Ok(None))?;
    let story = report.story.take().context("a run of the brain without its story")?;
    let rates = rates_json(&report);
    let recorder = report.film.take();
    let row = BrainRow::of(&story, None, &report.outcome);
    tell(&story, &row, &report.outcome);
    print_rates(&report);
    let mut recorder = recorder?;
    recorder.dropped(report.dropped)?;
    let success = close(recorder, plan, &report.outcome, &row, &rates)?;
    Ok((success, stood_still(&report)))
}

fn lockstep(plan: &DemoPlan, studio: &Studio, setup: &Setup, words: &Instruction) -> Result<bool> {
    let config = &studio.config;
    let recorder = Arc::new(Mutex::new(create(plan, studio, words, Nanos(0))?));
    let memory = plan.memory.as_deref().map(|file| open_memory(config, file)).transpose()?;
    let ways_are_planned = studio.surroundings != Surroundings::Off;
    let planner = drafter(config, studio.robot.clone())?;
    let (robot, apprentice) = (studio.robot.clone(), Apprentice::of(config)?);
    let brain = BrainPilot::new(config, robot, planner, memory, apprentice, Vec::new(), ways_are_planned)?;
    let brain = brain.recorded_in(Some(&plan.out));
    let (lack, film) = (Lack::default(), recorder.clone());
    let mut filmed = FilmedBrain { brain, recorder: film, shown: 0, ticks: 0, lack, trouble: None };
    let mut lockstep = studio.lockstep(setup, true)?;
    let mut rig = CameraRig::new(setup)?;
    let mut witness = Together(recorder.clone());
    let outcome = lockstep.run(&mut filmed, words, setup.goal(), Some(&mut rig), &mut witness)?;
    if let Some(error) = filmed.trouble.take() {
        return Err(error);
    }
    let FilmedBrain { brain, recorder: used, .. } = filmed;
    let (story, ..) = brain.end();
    drop((used, witness));
    let row = BrainRow::of(&story, lockstep.plant().disturbed_at(), &outcome);
    tell(&story, &row, &outcome);
    say!("clock       lockstep: simulated time, not the wall clock");
    let recorder = Arc::into_inner(recorder).context("the recorder is still in use")?.into_inner();
    close(recorder, plan, &outcome, &row, &Value::Null)
}

fn tell(story: &Story, row: &BrainRow, outcome: &Outcome) {
    say!("{}", story.text());
    say!("brain       {} plans, {} VLM calls, {} alarms", row.plans, row.vlm_calls, row.alarms);
    say!("success     {}, after {:.1} s", if outcome.success { "yes" } else { "no" }, outcome.secs);
    if let Some(fault) = outcome.fault {
        say!("fault       {fault}");
    }
}

fn close(mut recorder: Recorder, plan: &DemoPlan, outcome: &Outcome, row: &BrainRow, rates: &Value) -> Result<bool> {
    let summary = json!({
        "task": plan.task, "seed": plan.seed, "success": outcome.success, "secs": outcome.secs, "brain": row, "rates": rates,
    });
    if !outcome.success {
        recorder.save("the task was not done")?;
    }
    print_files(&recorder.finish(Some(outcome.success), &summary)?);
    Ok(outcome.success)
}

/// The brain, with what it does shown to the recorder.
struct FilmedBrain {
    brain: BrainPilot,
    recorder: Arc<Mutex<Recorder>>,
    /// Events shown so far.
    shown: usize,
    ticks: u64,
    lack: Lack,
    trouble: Option<anyhow::Error>,
}

impl FilmedBrain {
    fn show(&mut self) {
        self.ticks += 1;
        if !self.ticks.is_multiple_of(MONITORS_EVERY) {
            return;
        }
        let thought = self.brain.mind().thought(self.brain.report(), &mut self.shown);
        if let Err(error) = self.recorder.lock().thought(thought) {
            self.trouble.get_or_insert(error);
        }
    }

    /// What stood against an answer, or that nothing does any more, and how whole was what the learned policy saw, or the brain.
    fn tell(&mut self, at: Nanos, refused: Option<&PolicyError>) {
        let (sight, refused) = (self.brain.sight().cloned(), refused.map(ToString::to_string));
        let whole = sight.clone().unwrap_or_else(|| self.brain.mind().sight());
        let news = match (&sight, refused.as_deref()) {
            (None, None) => self.lack.went_on(&whole.left_out),
            (_, refused) => self.lack.hears(at, refused, &whole.left_out),
        };
        say(&news);
        let sight = sight.or((!news.is_empty()).then_some(whole));
        if let Err(error) = self.recorder.lock().looked(&Seen { at, sight, news, ..Seen::default() }) {
            self.trouble.get_or_insert(error);
        }
    }
}

impl Pilot for FilmedBrain {
    fn looks(&self) -> bool {
        self.brain.looks()
    }

    fn predict(
        &mut self,
        seen: &Observation,
        words: &Instruction,
        plant: &Plant,
    ) -> Result<Option<Prediction>, PolicyError> {
        let answer = self.brain.predict(seen, words, plant);
        self.tell(seen.stamp, answer.as_ref().err());
        answer
    }

    fn steer(&mut self, moment: &Moment<'_>) -> Steer {
        let steer = self.brain.steer(moment);
        self.show();
        steer
    }

    fn no_way(&mut self, now: Nanos, to: &KeyFrame) {
        self.brain.no_way(now, to);
    }

    fn is_over(&self) -> bool {
        self.brain.is_over()
    }

    fn is_busy(&self) -> bool {
        self.brain.is_busy()
    }
}
