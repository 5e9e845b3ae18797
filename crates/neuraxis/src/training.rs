//! `neuraxis train`: data sets in, weights out, with progress, curves, evaluation on held-out scenes and resumption.

mod curves;
mod early;
pub mod gaze;
mod held_out;
pub mod policy;
mod sheets;

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use neuraxis_episode::dataset::Dataset;
use neuraxis_policy::{
    checkpoint::{Described, Description},
    train::WarmStart,
};
use serde::Deserialize;

pub use early::EarlyArgs;

use crate::{
    config::{Config, shards},
    interrupt,
};

/// What every training is told.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArgs {
    /// Data set made by `demos` or `import` (all its shards are used); may be given more than once.
    #[arg(long, required = true)]
    pub data: Vec<PathBuf>,
    /// Name damaged records and leave them out, instead of ending with an error.
    #[arg(long)]
    pub skip_damaged: bool,
    /// YAML of training settings (keys: crates/policy/src/config.rs and, below `policy`, config/shape.rs there; of `gaze`:
    /// crates/policy/src/gaze/config.rs). Default of `policy`: 1800 steps, not foveated; of `gaze`: 3000 steps. Those of the
    /// shipped weights: configs/weights/.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder for weights, state and curves; of one training at a time.
    #[arg(long)]
    pub out: PathBuf,
    /// Stop after this time with the state saved; the same command goes on [s].
    #[arg(long, value_name = "SECS")]
    pub max_secs: Option<u64>,
    /// Open the Rerun viewer: curves, and pictures of what the networks see, as they come.
    #[arg(long)]
    pub live: bool,
}

/// What is learned from.
pub struct Demonstrations {
    /// Samples of all shards.
    pub dataset: Dataset,
    /// Damaged records that are not among them.
    pub left_out: usize,
    /// Names of the cameras that saw them.
    pub cameras: Vec<String>,
}

/// A run of training: its arguments, and when it has to end.
pub struct TrainRun {
    args: TrainArgs,
    started: Instant,
    /// Held, not read.
    _lock: File,
}

impl TrainRun {
    /// Makes the folder, which is in nobody else's hands from here on, and listens for Ctrl-C, which saves the state and ends.
    pub fn start(args: TrainArgs) -> Result<Self> {
        let started = Instant::now();
        if let Some(dir) = args.data.iter().find(|dir| !dir.is_dir()) {
            bail!("--data {}: no such folder", dir.display());
        }
        std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
        let lock = locked(&args.out)?;
        interrupt::listen()?;
        Ok(Self { args, started, _lock: lock })
    }

    /// Where the viewer lies, if it is to be opened.
    pub fn live<'a>(&self, config: &'a Config) -> Option<&'a Path> {
        self.args.live.then_some(config.root.as_path())
    }

    /// False once somebody has interrupted or the time is over.
    pub fn goes_on(&self) -> bool {
        let most = self.args.max_secs.map(Duration::from_secs);
        !interrupt::asked() && most.is_none_or(|most| self.started.elapsed() < most)
    }

    /// All shards, made with `robot` and with the same cameras; without leave a damaged record ends the run.
    pub fn demonstrations(&self, robot: &str) -> Result<Demonstrations> {
        let folders = shards(&self.args.data)?;
        let mut cameras: Option<Vec<String>> = None;
        for folder in &folders {
            let index = folder.join("index.json");
            let text = std::fs::read_to_string(&index).with_context(|| index.display().to_string())?;
            let meta = &serde_json::from_str::<serde_json::Value>(&text)?["meta"];
            let made_with = &meta["embodiment"];
            if made_with.as_str().is_some_and(|name| name != robot) {
                bail!("{}: demonstrations of robot {made_with}, this is {robot:?}: --robot", index.display());
            }
            let mut seen_with = Vec::<String>::deserialize(&meta["cameras"])
                .with_context(|| format!("{}: meta.cameras: names of the cameras", index.display()))?;
            seen_with.sort();
            match &cameras {
                Some(others) if *others != seen_with => bail!(
                    "{}: seen by cameras {}, what came before by {}: weights are for one set of cameras",
                    index.display(),
                    seen_with.join(", "),
                    others.join(", ")
                ),
                _ => cameras = Some(seen_with),
            }
        }
        let mut dataset = Dataset::open_all(&folders)?;
        let damaged = if self.args.skip_damaged { dataset.leave_out_damaged() } else { Vec::new() };
        damaged.iter().for_each(|error| say!("left out: {error}"));
        Ok(Demonstrations { dataset, left_out: damaged.len(), cameras: cameras.unwrap_or_default() })
    }

    /// Data, as a checkpoint names it.
    pub fn data(&self) -> String {
        self.args.data.iter().map(|d| d.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The command line, as a checkpoint names it.
    pub fn command(&self) -> String {
        std::env::args().collect::<Vec<_>>().join(" ")
    }

    /// Prints where the weights are, and whether there is more to do.
    pub fn print_end(&self, weights: &Path, steps: u64, wanted: u64) {
        say!("weights: {}", weights.display());
        if steps < wanted {
            say!("stopped after {steps} of {wanted} steps, state saved: the same command goes on");
        }
    }
}

/// Takes `train.lock` in a training's folder, for as long as the file is open: the kernel lets go of it however the process
/// ends.
fn locked(out: &Path) -> Result<File> {
    let path = out.join("train.lock");
    let named = || path.display().to_string();
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).with_context(named)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("--out {}: another training writes there ({}); give another --out", out.display(), named())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(named),
    }
}

/// Steps that the state of a run has, none if there is no such file. Of one that cannot be read, which training will say, all.
fn steps_in<A: Description>(state: &Path, steps: impl Fn(&A) -> u64) -> u64 {
    match state.exists() {
        true => Described::<A>::read(state).map_or(u64::MAX, |state| steps(&state.about)),
        false => 0,
    }
}

/// Whether to compute in bf16: as wanted, but not on a processor that would be slower with it, which is said.
fn bf16(wanted: bool, is_cuda: bool) -> bool {
    #[cfg(target_arch = "x86_64")]
    let multiplies_bf16 = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let multiplies_bf16 = true;
    let too_slow = wanted && !is_cuda && !multiplies_bf16;
    if too_slow {
        say!("this processor has no bf16 instructions, with which bf16 is slower than f32: training in f32");
    }
    wanted && !too_slow
}

/// Says what came from other weights.
fn print_warm_start(init: Option<&Path>, warm: &WarmStart) {
    let file = init.map_or(String::new(), |file| file.display().to_string());
    say!("{file}: {} tensors taken over, {} stay fresh", warm.filled, warm.fresh.len());
    for (name, why) in &warm.fresh {
        say!("  {name} {why}");
    }
    warm.notes.iter().for_each(|note| say!("{file}: {note}"));
}

/// A bar of steps, with what the last ones gave.
fn bar(steps: u64) -> Result<ProgressBar> {
    let style = "{wide_bar} {pos}/{len} steps  {elapsed} passed, {eta} to go  {msg}";
    Ok(ProgressBar::new(steps).with_style(ProgressStyle::with_template(style)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(data: PathBuf, out: &Path) -> TrainArgs {
        let data = vec![data];
        TrainArgs { data, skip_damaged: false, config: None, out: out.into(), max_secs: None, live: false }
    }

    #[test]
    fn data_that_is_not_there_is_named_before_anything_is_made() {
        let out = std::env::temp_dir().join(format!("neuraxis-train-{}", std::process::id()));
        let error = TrainRun::start(args("nodir".into(), &out)).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("--data nodir: no such folder"));
        assert!(!out.exists());
    }

    #[test]
    fn a_second_training_in_the_same_folder_is_refused_until_the_first_has_ended() {
        let out = std::env::temp_dir().join(format!("neuraxis-train-lock-{}", std::process::id()));
        std::fs::create_dir_all(&out).unwrap();
        let first = locked(&out).unwrap();
        let error = TrainRun::start(args(out.clone(), &out)).err().map(|error| error.to_string()).unwrap();
        assert!(error.starts_with("--out ") && error.contains("another training writes there"), "{error}");
        drop(first);
        locked(&out).unwrap();
        std::fs::remove_dir_all(&out).unwrap();
    }
}
