//! `neuraxis train gaze`: data sets in, a gaze network out, its errors on held-out scenes beside what needs no learning.

use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use neuraxis_episode::dataset::Dataset;
use neuraxis_policy::{
    DeviceChoice,
    gaze::{
        GazeStream, GazeTraining,
        checkpoint::About,
        evaluate,
        samples::ClipSamples,
        train::{Progress, RunFiles, train},
    },
};

use crate::{
    config::{Config, read},
    curves::Curves,
    interrupt,
};

/// What to train on, and where to.
pub struct GazePlan {
    /// Data set folders, one per shard.
    pub data: Vec<PathBuf>,
    /// YAML of [`GazeTraining`].
    pub settings: Option<PathBuf>,
    /// Folder for weights, state and curves.
    pub out: PathBuf,
    /// Name damaged records and leave them out.
    pub skip_damaged: bool,
    /// Where it trains.
    pub device: DeviceChoice,
    /// The command line, for the checkpoint.
    pub command: String,
}

/// Names of the curves in the order of the file's columns, after the step.
const CURVES: [&str; 5] = ["loss/kl", "speed", "held_out/median", "held_out/near", "held_out/mass"];

/// Trains, then prints the table of errors.
pub fn run(config: &Config, plan: &GazePlan) -> Result<()> {
    let settings: GazeTraining = match &plan.settings {
        Some(file) => read(file)?,
        None => GazeTraining::default(),
    };
    settings.validate()?;
    let device = plan.device.resolve()?;
    // Ctrl-C saves the state and ends.
    interrupt::listen()?;
    std::fs::create_dir_all(&plan.out).with_context(|| plan.out.display().to_string())?;
    let mut dataset = Dataset::open_all(&plan.data)?;
    if plan.skip_damaged {
        for error in dataset.leave_out_damaged() {
            println!("left out: {error}");
        }
    }
    let samples = ClipSamples::new(dataset, settings.holdout)?;
    println!(
        "{} observations, {} held out, label {}, {} steps of {} on {device:?}",
        samples.len(),
        samples.validation().len(),
        settings.gaze.label,
        settings.steps,
        settings.batch
    );
    let about = About {
        config: settings.gaze.clone(),
        embodiment: config.name.clone(),
        command: plan.command.clone(),
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: settings.seed,
        steps: 0,
        train_secs: 0.0,
        data: plan.data.iter().map(|d| d.display().to_string()).collect::<Vec<_>>().join(", "),
        licence: "Apache-2.0".into(),
    };
    let files = RunFiles { weights: plan.out.join("gaze.safetensors"), state: plan.out.join("state.safetensors") };
    let mut curves = Curves::create(&plan.out, "neuraxis train gaze", &CURVES)?;
    let mut trouble = None;
    let bar = ProgressBar::new(settings.steps).with_style(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} steps  {elapsed} passed, {eta} to go  {msg}",
    )?);
    let report = |p: Progress| {
        bar.set_position(p.step);
        let seen = p.held_out.map_or(String::new(), |s| {
            format!(" | held out: median {:.1} %, near {:.0} %", 100.0 * s.median, 100.0 * s.near)
        });
        let line = format!("loss {:.3}{seen} | {:.0} clips/s", p.loss, p.clips_per_sec);
        bar.set_message(line.clone());
        if bar.is_hidden() {
            println!("step {:>6}/{}  {line}  lr {:.2e}  grad {:.2}", p.step, settings.steps, p.lr, p.grad_norm);
        }
        let held_out = p.held_out.into_iter().flat_map(|s| [s.median, s.near, s.mass]);
        let values: Vec<f64> = [p.loss, p.clips_per_sec].into_iter().chain(held_out).collect();
        if let Err(error) = curves.push(p.step, &values) {
            trouble.get_or_insert(error);
        }
    };
    train(&settings, &samples, about, &files, device, report, || !interrupt::asked())?;
    bar.finish();
    if let Some(error) = trouble {
        eprintln!("the curves are incomplete: {error:#}");
    }
    curves.finish()?;
    println!("weights: {}", files.weights.display());
    table(&files, plan.device, &samples)
}

/// Errors on every held-out observation.
fn table(files: &RunFiles, choice: DeviceChoice, samples: &ClipSamples) -> Result<()> {
    let stream = GazeStream::load(&files.weights, choice)?;
    let held_out = samples.validation();
    let score = evaluate::score(stream.net(), samples, held_out, choice.resolve()?)?;
    let baselines = evaluate::baselines(stream.config(), samples, held_out)?;
    let Some((score, baselines)) = score.zip(baselines) else {
        println!("no scene is held out, or no label of one is in the image: nothing to measure");
        return Ok(());
    };
    println!("held-out scenes, label {} (in the image: {:.1} %):", stream.config().label, 100.0 * baselines.in_image);
    println!("  gaze      {score}");
    println!("  constant  {}", baselines.constant);
    println!("  tool      {}", baselines.tool);
    Ok(())
}
