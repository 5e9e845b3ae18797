//! `neuraxis demo`: one episode with the shipped weights, recorded for Rerun.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::Tick;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{ArmState, Instruction, Observation, Policy, PolicyError, Prediction, TextEmbedder};
use neuraxis_policy::{CorticalPolicy, text::MiniLm};
use neuraxis_sim::CameraRig;
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    config::Config,
    episode_run::{Studio, instruction},
    eval::Actor,
    lockstep::{Outcome, Witness},
    recorder::Recorder,
    script::Script,
};

/// Runs one episode and writes `episode.mcap` and `episode.rrd` into `out`.
pub fn run(config: &Config, actor: &Actor, task: &str, seed: u64, out: &Path) -> Result<()> {
    neuraxis_policy::use_one_thread();
    let studio = Studio::new(config.clone())?;
    let setup = studio.setup(task, seed)?;
    let goal = setup.goal().clone();
    let mut lockstep = studio.lockstep(&setup, true)?;
    let mut rig = CameraRig::new(&setup)?;
    println!("task        {task}, seed {seed}");
    println!("instruction {}", goal.instruction);

    let meta = json!({ "task": task, "seed": seed, "actor": actor, "clock": "lockstep" });
    let started = Instant::now();
    let (outcome, times, files) = match actor {
        Actor::Weights(weights) => {
            let mut embedder = MiniLm::load(&config.root.join(".deps/text"))?;
            let words = instruction(&goal, Some(&mut embedder))?;
            let policy = CorticalPolicy::load(weights, config.run.device.parse()?, embedder.id()).context(
                "no usable weights: train some (`neuraxis demos`, `neuraxis train policy`), or watch the scripted expert (--policy expert)",
            )?;
            println!("policy      {} on {:?}", weights.display(), policy.device());
            let recorder = Arc::new(Mutex::new(Recorder::create(out, config, &studio.robot, &words, meta)?));
            let mut source = Filmed { policy, recorder: recorder.clone(), totals_secs: Vec::new(), trouble: None };
            let mut witness = Shared(recorder.clone());
            let outcome = lockstep.run(&mut source, &words, &goal, true, Some(&mut rig), &mut witness)?;
            drop(witness);
            if let Some(error) = source.trouble.take() {
                return Err(error);
            }
            let times = std::mem::take(&mut source.totals_secs);
            drop(source);
            let recorder = Arc::into_inner(recorder).context("the recorder is still in use")?.into_inner();
            let files = close(recorder, task, seed, &outcome)?;
            (outcome, times, files)
        }
        Actor::Expert => {
            let words = instruction(&goal, None)?;
            println!("policy      scripted expert, from the scene's true state");
            let mut recorder = Recorder::create(out, config, &studio.robot, &words, meta)?;
            let mut source = Script::new(studio.script(&setup, &lockstep, &goal));
            let outcome = lockstep.run(&mut source, &words, &goal, true, Some(&mut rig), &mut recorder)?;
            let files = close(recorder, task, seed, &outcome)?;
            (outcome, Vec::new(), files)
        }
        Actor::Nearest(_) => bail!("demo runs `weights`, `expert` or a file of weights"),
    };
    let wall_secs = started.elapsed().as_secs_f64();

    println!("success     {}", if outcome.success { "yes" } else { "no" });
    println!(
        "episode     {:.1} s simulated, {wall_secs:.1} s of wall time, {} key-frames",
        outcome.secs, outcome.reached
    );
    if !times.is_empty() {
        let (p50, p99) = (1e3 * percentile(&times, 0.5), 1e3 * percentile(&times, 0.99));
        println!("policy tick p50 {p50:.1} ms, p99 {p99:.1} ms over {} ticks, one torch thread", times.len());
    }
    if let Some(fault) = outcome.fault {
        println!("first fault {fault}");
    }
    if let Some(reason) = outcome.refused {
        println!("refused     {reason}");
    }
    println!("clock       lockstep: simulated time, not the wall clock");
    println!("recorded    {}  {}", files[0].display(), files[1].display());
    println!("look at it  .deps/rerun/rerun_sdk/rerun_cli/rerun {}", files[1].display());
    Ok(())
}

fn close(recorder: Recorder, task: &str, seed: u64, outcome: &Outcome) -> Result<[PathBuf; 2]> {
    let summary = json!({
        "task": task, "seed": seed, "success": outcome.success, "secs": outcome.secs,
        "key_frames": outcome.reached, "fault": outcome.fault.map(|f| format!("{f:?}")),
    });
    recorder.finish(outcome.success, &summary)
}

/// The policy, with what it saw shown to the recorder.
struct Filmed {
    policy: CorticalPolicy,
    recorder: Arc<Mutex<Recorder>>,
    totals_secs: Vec<f32>,
    trouble: Option<anyhow::Error>,
}

impl Policy for Filmed {
    fn predict(&mut self, observation: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        let prediction = self.policy.predict(observation, words)?;
        self.totals_secs.push(prediction.times.total_secs);
        let shown = self.recorder.lock().views(&prediction, self.policy.views(), self.policy.cloud());
        if let Err(error) = shown {
            self.trouble.get_or_insert(error);
        }
        Ok(prediction)
    }
}

/// The recorder as a witness beside the policy that also writes to it.
struct Shared(Arc<Mutex<Recorder>>);

impl Witness for Shared {
    fn observation(&mut self, observation: &Observation, mind: &CerebellumTick) -> Result<()> {
        self.0.lock().observation(observation, mind)
    }
    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        self.0.lock().prediction(prediction)
    }
    fn tick(&mut self, state: &ArmState, tick: &Tick, mind: &CerebellumTick) -> Result<()> {
        self.0.lock().tick(state, tick, mind)
    }
}

fn percentile(values: &[f32], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(((sorted.len() as f64 - 1.0) * p).round() as usize).copied().map_or(0.0, f64::from)
}
