//! `neuraxis import weights`: a policy that somebody else's program trained, as a file that says what it is.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use neuraxis_core::TextEmbedder;
use neuraxis_policy::{
    CorticalPolicy, DeviceChoice, TrainConfig,
    adopt::adopt,
    checkpoint::About,
    gaze::{self, GazeTraining},
};

use crate::{config, config::Config, package};

/// Command line of `neuraxis import weights`.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// A safetensors file: tensors with our names (those of a file of ours), F32.
    file: PathBuf,
    /// What they are of: settings as of `train policy`, of which `policy:` counts.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Of the gaze network whose tensors lie in the same file, named gaze_net.*: settings as of `train gaze`, of which `gaze:`
    /// counts. Where `policy.dynamic` is `gaze`.
    #[arg(long, value_name = "FILE")]
    gaze: Option<PathBuf>,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Cameras that they were trained with, comma-separated.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "front,left_shoulder,right_shoulder,wrist"
    )]
    cameras: Vec<String>,
    /// Where they come from, for whoever asks later.
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// Their licence.
    #[arg(long, value_name = "TEXT")]
    licence: String,
}

/// Checks names and shapes, writes the file, and has it answer once.
pub fn run(args: WeightsArgs, config: &Config) -> Result<()> {
    let WeightsArgs { file, config: recipe, gaze, out, cameras, source, licence } = args;
    let recipe: TrainConfig = config::read(&recipe)?;
    let gaze: Option<GazeTraining> = gaze.as_deref().map(config::read).transpose()?;
    let embedder = package::text_encoder(&config.root)?;
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    let gaze = gaze.map(|gaze| gaze::checkpoint::About {
        config: gaze.gaze,
        embodiment: config.name.clone(),
        command: command.clone(),
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: 0,
        steps: 0,
        train_secs: 0.0,
        data: source.clone(),
        licence: licence.clone(),
        recipe: None,
    });
    let about = About {
        config: recipe.policy,
        text_encoder: embedder.id().into(),
        embodiment: config.name.clone(),
        cameras,
        command,
        commit: env!("NEURAXIS_COMMIT").into(),
        seed: 0,
        steps: 0,
        train_secs: 0.0,
        data: source,
        licence,
        recipe: None,
        gaze,
    };
    let count = adopt(&file, &about, &out)?;
    let mut policy = CorticalPolicy::load(&out, DeviceChoice::Cpu, embedder.id())?;
    policy.warm_up(1).with_context(|| format!("{}: these weights give no answer", file.display()))?;
    say!("weights     {}: {count} numbers, hash {:016x}", out.display(), policy.hash());
    Ok(())
}
