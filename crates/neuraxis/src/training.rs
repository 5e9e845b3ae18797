//! `neuraxis train policy`: data sets in, weights out, with progress, curves and resumption.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

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

use crate::config::{Config, read};

/// Set by Ctrl-C: the run saves its state and ends.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Trains from data set folders (one per shard) into `out`.
pub fn policy(config: &Config, data: &[PathBuf], settings: Option<&Path>, out: &Path, command: String) -> Result<()> {
    let settings: TrainConfig = match settings {
        Some(file) => read(file)?,
        None => TrainConfig::default(),
    };
    settings.validate()?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let mut embedder = MiniLm::load(&config.root.join(".deps/text"))?;
    let dataset = Dataset::open_all(data)?;
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
    let mut curves = Curves::create(out)?;
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
            curves.push(&p);
        },
        || !INTERRUPTED.load(Ordering::Relaxed),
    )?;
    bar.finish();
    println!("weights: {}", files.weights.display());
    Ok(())
}

/// Loss curves as CSV: step, coarse, fine, rotation, gripper, collision, samples per second.
struct Curves {
    csv: std::fs::File,
}

impl Curves {
    fn create(out: &Path) -> Result<Self> {
        let csv = out.join("curves.csv");
        Ok(Self {
            csv: std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&csv)
                .with_context(|| csv.display().to_string())?,
        })
    }

    fn push(&mut self, p: &neuraxis_policy::train::Progress) {
        use std::io::Write;
        let _ =
            writeln!(self.csv, "{},{},{:.1}", p.step, p.terms.map(|t| format!("{t:.5}")).join(","), p.samples_per_sec);
    }
}
