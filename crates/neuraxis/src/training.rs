//! `neuraxis train policy`: data sets in, weights out, with progress, curves and resumption.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use neuraxis_core::TextEmbedder;
use neuraxis_episode::dataset::Dataset;
use neuraxis_policy::{
    TrainConfig,
    checkpoint::About,
    sample::Samples,
    text::MiniLm,
    train::{RunFiles, train},
};

use crate::{
    config::{Config, read},
    curves::Curves,
    interrupt,
};

/// Does this processor multiply bf16 itself?
fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

/// Trains from data set folders (one per shard) into `out`.
///
/// A damaged record is an error, unless `skip_damaged`: then each one is named and left out.
pub fn policy(
    config: &Config,
    data: &[PathBuf],
    settings: Option<&Path>,
    out: &Path,
    skip_damaged: bool,
    command: String,
) -> Result<()> {
    let mut settings: TrainConfig = match settings {
        Some(file) => read(file)?,
        None => TrainConfig::default(),
    };
    settings.validate()?;
    if settings.bf16 && !multiplies_bf16() {
        println!("this processor has no bf16 instructions, with which bf16 is slower than f32: training in f32");
        settings.bf16 = false;
    }
    // Ctrl-C saves the state and ends.
    interrupt::listen()?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let mut embedder = MiniLm::load(&config.root.join(".deps/text"))?;
    let mut dataset = Dataset::open_all(data)?;
    if skip_damaged {
        for error in dataset.leave_out_damaged() {
            println!("left out: {error}");
        }
    }
    let samples = Samples::new(dataset, settings.holdout, &mut embedder)?;
    let (observations, sentences) = samples.counts();
    println!(
        "{observations} observations, {} held out, {sentences} sentences, {} steps of {}",
        samples.validation().len(),
        settings.steps,
        settings.batch
    );
    let about = About {
        config: settings.policy.clone(),
        text_encoder: embedder.id().to_string(),
        embodiment: config.name.clone(),
        cameras: ["front", "left_shoulder", "right_shoulder", "wrist"].map(String::from).to_vec(),
        command,
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: settings.seed,
        steps: 0,
        train_secs: 0.0,
        data: data.iter().map(|d| d.display().to_string()).collect::<Vec<_>>().join(", "),
        licence: "Apache-2.0".into(),
    };
    let files = RunFiles { weights: out.join("policy.safetensors"), state: out.join("state.safetensors") };
    let mut curves = Curves::create(out, "neuraxis train policy", &CURVES)?;
    let mut trouble = None;
    let bar = ProgressBar::new(settings.steps).with_style(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} steps  {elapsed} passed, {eta} to go  {msg}",
    )?);
    train(
        &settings,
        &samples,
        about,
        &files,
        |p| {
            bar.set_position(p.step);
            let [coarse, fine, rotation, gripper, collision] = p.terms;
            let line = format!(
                "coarse {coarse:.3} fine {fine:.3} rotation {rotation:.3} gripper {gripper:.3} collision {collision:.3} | {:.0} samples/s",
                p.samples_per_sec
            );
            bar.set_message(line.clone());
            if bar.is_hidden() {
                println!("step {:>6}/{}  {line}  lr {:.2e}  grad {:.2}", p.step, p.steps, p.lr, p.grad_norm);
            }
            let values: Vec<f64> = p.terms.into_iter().chain([p.samples_per_sec]).collect();
            if let Err(error) = curves.push(p.step, &values) {
                trouble.get_or_insert(error);
            }
        },
        || !interrupt::asked(),
    )?;
    bar.finish();
    if let Some(error) = trouble {
        eprintln!("the curves are incomplete: {error:#}");
    }
    curves.finish()?;
    println!("weights: {}", files.weights.display());
    Ok(())
}

/// Names of the curves in the order of the file's columns, after the step.
const CURVES: [&str; 6] = ["loss/coarse", "loss/fine", "loss/rotation", "loss/gripper", "loss/collision", "speed"];
