//! `neuraxis train policy`: data sets in, weights out, with progress, curves, early evaluation and resumption.

mod curves;
mod held_out;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use neuraxis_core::TextEmbedder;
use neuraxis_episode::dataset::Dataset;
use neuraxis_policy::{
    TrainConfig,
    checkpoint::About,
    choices::Dynamic,
    imported::ImportedKeypoints,
    loss::TERMS,
    sample::Samples,
    text::MiniLm,
    train::{News, Progress, RunFiles, WarmStart, train},
};

use crate::{
    config::{Config, read},
    interrupt,
};
use curves::Curves;

/// What to train on, and how long.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// Data set folders, one per shard.
    pub data: Vec<PathBuf>,
    /// Name damaged records and leave them out, instead of ending with an error.
    pub skip_damaged: bool,
    /// YAML of settings; none: the defaults.
    pub settings: Option<PathBuf>,
    /// Folder for weights, state, curves and pictures.
    pub out: PathBuf,
    /// Weights to start from.
    pub init: Option<PathBuf>,
    /// Stop after this time, with the state saved [s].
    pub max_secs: Option<u64>,
    /// The command line, to be kept with the weights.
    pub command: String,
}

/// Does this processor multiply bf16 itself?
fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

/// Trains until the settings' steps are done, the time is over or somebody interrupts; goes on from a state in `out`.
pub fn policy(config: &Config, plan: &TrainPlan) -> Result<()> {
    let started = Instant::now();
    let settings = settings(plan.settings.as_deref())?;
    // Ctrl-C saves the state and ends.
    interrupt::listen()?;
    let out = &plan.out;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let mut embedder = MiniLm::load(&config.root.join(".deps/text"))?;
    let samples = samples(plan, &settings, &mut embedder)?;
    let about = About {
        config: settings.policy.clone(),
        text_encoder: embedder.id().to_string(),
        embodiment: config.name.clone(),
        cameras: ["front", "left_shoulder", "right_shoulder", "wrist"].map(String::from).to_vec(),
        command: plan.command.clone(),
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: settings.seed,
        steps: 0,
        train_secs: 0.0,
        data: plan.data.iter().map(|d| d.display().to_string()).collect::<Vec<_>>().join(", "),
        licence: "Apache-2.0".into(),
        gaze: None,
    };
    let files = RunFiles {
        weights: out.join("policy.safetensors"),
        state: out.join("state.safetensors"),
        init: plan.init.clone(),
    };
    let mut curves = Curves::create(out)?;
    let mut trouble = None;
    let bar = ProgressBar::new(settings.steps).with_style(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} steps  {elapsed} passed, {eta} to go  {msg}",
    )?);
    let most = plan.max_secs.map(Duration::from_secs);
    let steps = train(
        &settings,
        &samples,
        about,
        &files,
        |news| {
            let kept = match &news {
                News::Warm(warm) => {
                    print_warm_start(plan.init.as_deref(), warm);
                    Ok(())
                }
                News::Resumed(step) => {
                    println!("going on after step {step} of {}", files.state.display());
                    bar.set_position(*step);
                    bar.reset_eta();
                    Ok(())
                }
                News::Progress(progress) => {
                    show(&bar, progress, &settings);
                    curves.push(progress)
                }
                News::Evaluated(evaluation) => {
                    bar.suspend(|| held_out::print(evaluation));
                    curves.push_evaluation(evaluation)
                }
            };
            if let Err(error) = kept {
                trouble.get_or_insert(error);
            }
        },
        || !interrupt::asked() && most.is_none_or(|most| started.elapsed() < most),
    )?;
    bar.finish();
    if let Some(error) = trouble {
        eprintln!("the curves are incomplete: {error:#}");
    }
    curves.finish()?;
    println!("weights: {}", files.weights.display());
    if steps < settings.steps {
        println!("stopped after {steps} of {} steps, state saved: the same command goes on", settings.steps);
    }
    Ok(())
}

fn settings(file: Option<&Path>) -> Result<TrainConfig> {
    let mut settings: TrainConfig = match file {
        Some(file) => read(file)?,
        None => TrainConfig::default(),
    };
    settings.validate()?;
    let device = settings.device.resolve()?;
    if settings.bf16 && !device.is_cuda() && !multiplies_bf16() {
        println!("this processor has no bf16 instructions, with which bf16 is slower than f32: training in f32");
        settings.bf16 = false;
    }
    println!("training on {device:?}");
    Ok(settings)
}

/// Opens the data sets; a damaged record is an error, unless it is to be left out.
fn samples(plan: &TrainPlan, settings: &TrainConfig, embedder: &mut MiniLm) -> Result<Samples> {
    let mut dataset = Dataset::open_all(&plan.data)?;
    if plan.skip_damaged {
        let damaged = dataset.leave_out_damaged();
        damaged.iter().for_each(|error| println!("left out: {error}"));
        ensure!(
            damaged.is_empty() || settings.consistency.keypoints.is_none(),
            "keypoints from a file go by record number, and records were left out: repair the data set, or leave out \
             consistency.keypoints"
        );
    }
    let imported = match &settings.consistency.keypoints {
        Some(file) => Some(ImportedKeypoints::read(file, dataset.len(), &settings.policy.bounds_m)?),
        None => None,
    };
    let samples = Samples::new(dataset, settings.holdout, embedder)?;
    let samples = match imported {
        Some(imported) => samples.with_keypoints(imported),
        None => samples,
    };
    let (observations, sentences) = samples.counts();
    println!(
        "{observations} observations, {} held out, {sentences} sentences, {} steps of {}",
        samples.validation().len(),
        settings.steps,
        settings.batch
    );
    Ok(samples)
}

fn print_warm_start(init: Option<&Path>, warm: &WarmStart) {
    let file = init.map_or(String::new(), |file| file.display().to_string());
    println!("{file}: {} tensors taken over, {} stay fresh", warm.filled, warm.fresh.len());
    for (name, why) in &warm.fresh {
        println!("  {name} {why}");
    }
}

fn show(bar: &ProgressBar, p: &Progress, settings: &TrainConfig) {
    bar.set_position(p.step);
    let trained = |name: &str| match name {
        "consistency" => settings.consistency.lambda > 0.0,
        "dynamic" => settings.policy.dynamic == Dynamic::WristView,
        _ => true,
    };
    let terms = TERMS.iter().zip(p.terms).filter(|(name, _)| trained(name));
    let terms: Vec<String> = terms.map(|(name, term)| format!("{name} {term:.3}")).collect();
    let line = format!("{} | {:.0} samples/s", terms.join(" "), p.samples_per_sec);
    if bar.is_hidden() {
        println!("step {:>6}/{}  {line}  lr {:.2e}  grad {:.2}", p.step, p.steps, p.lr, p.grad_norm);
    }
    bar.set_message(line);
}
