//! `neuraxis demo`: one episode with the shipped weights, recorded for Rerun.

mod lockstep;
mod told;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, bail};
use neuraxis_core::{Instruction, Nanos, PERIOD_BRAINSTEM, TextEmbedder};
use neuraxis_policy::text::MiniLm;
use neuraxis_sim::{Setup, tasks::kinds};
use serde_json::json;

use self::lockstep::lockstep;
pub use self::{
    lockstep::Together,
    told::{print_files, print_rates, rates_json},
};
use crate::{
    config::Config,
    episode_run::{Studio, instruction, simulated_cameras},
    eval::Actor,
    interrupt,
    lockstep::Outcome,
    realtime::{Drive, Report, Session, Thinker, Until},
    recorder::{Files, Recorder, Window},
    script::Script,
    source::{Source, load_policy},
    threads::{EyeFault, Shared},
    world::{simulated, time_limit},
};

/// Which clock an episode runs on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ClockChoice {
    /// The wall clock: all threads at their rates, as on a robot.
    Realtime,
    /// Simulated time: repeatable to the byte.
    Lockstep,
}

/// What to show.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// What acts.
    pub actor: Actor,
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Folder for the recordings.
    pub out: PathBuf,
    /// Clock.
    pub clock: ClockChoice,
    /// File of the brain's memory, where it acts.
    pub memory: Option<PathBuf>,
    /// Open the viewer as well.
    pub live: bool,
    /// Faults of the cameras to try out.
    pub eye_faults: Vec<EyeFault>,
}

/// Attempts at one episode on the wall clock, if the machine stands still during them.
const ATTEMPTS: u32 = 3;
/// A failure during which the machine stood still for this long says nothing about the arm.
const STALL: Nanos = Nanos(250_000_000);

/// Runs one episode and writes `episode.mcap` and `episode.rrd`; true if the goal was met.
pub fn run(config: &Config, plan: &DemoPlan) -> Result<bool> {
    // Before a recording of the last time makes room for this one's.
    if plan.clock == ClockChoice::Lockstep && !plan.eye_faults.is_empty() {
        bail!("--cameras-stop-after, --cameras-blind-after and --camera-fault need the realtime clock");
    }
    interrupt::listen()?;
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = plan.actor.surroundings(config);
    let setup = studio.setup(&plan.task, plan.seed)?;
    let is_long = kinds().iter().any(|kind| kind.name == plan.task && kind.is_long());
    if is_long && plan.actor == Actor::Expert && plan.clock == ClockChoice::Realtime {
        bail!("{}: the expert of a long task looks at the true world again and again: --clock lockstep", plan.task);
    }
    say!("task        {}, seed {}", plan.task, plan.seed);
    say!("instruction {}", setup.goal().instruction);
    if plan.actor == Actor::Brain {
        return crate::brain_demo::run(plan, &studio, &setup);
    }
    match plan.clock {
        ClockChoice::Realtime => attempts(|| episode(config, plan, &studio, &setup)),
        ClockChoice::Lockstep => episode(config, plan, &studio, &setup).map(|(success, _)| success),
    }
}

/// Tries again where the machine stood still; an attempt says whether it succeeded, and for how long it stood.
pub fn attempts(mut attempt: impl FnMut() -> Result<(bool, Nanos)>) -> Result<bool> {
    for count in 1..=ATTEMPTS {
        let (success, stalled) = attempt()?;
        if success || stalled < STALL || count == ATTEMPTS || interrupt::asked() {
            return Ok(success);
        }
        say!(
            "again       attempt {} of {ATTEMPTS}: the machine stood still for {:.0} ms (other work, or a host that gave \
             its time to others; --clock lockstep does not mind)",
            count + 1,
            stalled.secs() * 1e3
        );
    }
    unreachable!("the last attempt returns")
}

/// For how long the machine stood still in a run.
pub fn stood_still(report: &Report) -> Nanos {
    report.physics_lost.max(Nanos(report.brainstem.stats.missed * PERIOD_BRAINSTEM.0))
}

/// One attempt: whether the goal was met, and for how long the machine stood still.
fn episode(config: &Config, plan: &DemoPlan, studio: &Studio, setup: &Setup) -> Result<(bool, Nanos)> {
    let (source, words, embedder) = source(studio, setup, &plan.actor)?;
    let meta =
        json!({ "task": plan.task, "seed": plan.seed, "actor": plan.actor, "clock": format!("{:?}", plan.clock) });
    let window = Window { live: plan.live, brain: false, cameras: simulated_cameras() };
    let create = |zero| Recorder::create(&plan.out, config, &studio.robot, Some(&words), meta, zero, Some(window));
    let started = Instant::now();
    let (outcome, files, stalled) = match plan.clock {
        ClockChoice::Realtime => {
            let session = Session {
                config,
                robot: studio.robot.clone(),
                surroundings: studio.surroundings,
                world: simulated(config, &studio.robot, setup, &plan.eye_faults)?,
                thinker: Thinker::Source { source, embedder },
                words: Some(words.clone()),
                limit: time_limit(config, setup),
                judged: Some(setup.goal().instruction.clone()),
                drive: Drive::Thinker,
            };
            let shared = Shared::default();
            let record = |zero| create(zero).map(Some);
            let mut report = session.run(Until::EpisodeEnds, &shared, record, |_| Ok(None))?;
            print_rates(&report);
            let recorder = report.film.take();
            let files = recorder.and_then(|mut recorder| {
                recorder.dropped(report.dropped)?;
                close(recorder, plan, &report.outcome, &rates_json(&report))
            });
            let stalled = stood_still(&report);
            (report.outcome, files, stalled)
        }
        ClockChoice::Lockstep => {
            let (outcome, files) = lockstep(studio, setup, source, &words, create(Nanos(0))?, plan)?;
            (outcome, Ok(files), Nanos(0))
        }
    };
    say!("success     {}", if outcome.success { "yes" } else { "no" });
    say!(
        "episode     {:.1} s, {:.1} s of wall time with recording, {} key-frames reached",
        outcome.secs,
        started.elapsed().as_secs_f64(),
        outcome.reached
    );
    if let Some(fault) = outcome.fault {
        say!("fault       {fault}");
    }
    if let Some(reason) = &outcome.refused {
        say!("refused     {reason}");
    }
    if let Some(megabytes) = peak_memory_mb() {
        say!("memory      {megabytes} MB at most");
    }
    let files = files?;
    print_files(&files);
    Ok((outcome.success, stalled))
}

/// The source of key-frames that was asked for, the instruction as it reads it, and its text encoder.
pub fn source(studio: &Studio, setup: &Setup, actor: &Actor) -> Result<(Source, Instruction, Option<MiniLm>)> {
    let config = &studio.config;
    match actor {
        Actor::Weights(weights) => {
            let mut embedder = crate::package::text_encoder(&config.root)?;
            let words = instruction(setup.goal(), Some(&mut embedder))?;
            let policy = load_policy(config, weights, embedder.id())?;
            say!("policy      {} on {:?}, hash {:016x}", weights.display(), policy.device(), policy.hash());
            Ok((Source::Weights(Box::new(policy)), words, Some(embedder)))
        }
        Actor::Expert => {
            let lockstep = studio.lockstep(setup, true)?;
            say!("policy      scripted expert, from the scene's true state");
            let script = Script::new(studio.script(setup, &lockstep, setup.goal())?);
            Ok((Source::Script(script), instruction(setup.goal(), None)?, None))
        }
        Actor::Nearest(_) | Actor::Brain => bail!("this command runs `weights`, `expert` or a file of weights"),
    }
}

fn close(mut recorder: Recorder, plan: &DemoPlan, outcome: &Outcome, rates: &serde_json::Value) -> Result<Files> {
    let summary = json!({
        "task": plan.task, "seed": plan.seed, "success": outcome.success, "secs": outcome.secs,
        "key_frames": outcome.reached, "fault": outcome.fault.map(|f| format!("{f:?}")), "rates": rates,
    });
    if !outcome.success {
        recorder.save("the task was not done")?;
    }
    recorder.finish(Some(outcome.success), &summary)
}

/// Largest resident memory of this process so far.
fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::workspace_root;

    #[test]
    fn faults_of_cameras_are_refused_on_simulated_time_whoever_acts_and_the_last_recording_stays() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let out = std::env::temp_dir().join(format!("neuraxis-demo-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let recording = out.join("episode.mcap");
        std::fs::write(&recording, "of the last time").unwrap();
        for actor in [Actor::Brain, Actor::Expert] {
            let plan = DemoPlan {
                actor,
                task: "push_buttons".into(),
                seed: 0,
                out: out.clone(),
                clock: ClockChoice::Lockstep,
                memory: None,
                live: false,
                eye_faults: vec!["blind:all:1".parse().unwrap()],
            };
            let error = run(&config, &plan).unwrap_err().to_string();
            assert!(error.ends_with("--camera-fault need the realtime clock"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&recording).unwrap(), "of the last time");
        std::fs::remove_dir_all(&out).unwrap();
    }
}
