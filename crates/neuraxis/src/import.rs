//! `neuraxis import`: other people's recordings as a data set for training.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use neuraxis_core::{Joints, Nanos, Observation, Pose, Progress, Tool, World};
use neuraxis_episode::dataset::{CloudSample, DatasetWriter};
use neuraxis_policy::{
    PolicyConfig,
    sample::{LabelledGoal, Record},
    views,
};
use neuraxis_rlbench::{Episode, FRAME_SECS, find, keyframes};
use neuraxis_vision::Cloud;
use serde_json::json;

use crate::config::Config;

/// Between two key-frames every so many frames are kept, as PerAct does.
const EVERY: usize = 10;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Episodes of RLBench or PerAct, TASK/{variationK|all_variations}/episodes/episodeN: those at or below a folder. Frames
    /// are labelled with the next key-frame (PerAct's heuristic). Pickles are read as data; nothing in them is run.
    Rlbench {
        /// A folder with episodes, of one task or of many.
        folder: PathBuf,
        /// Folder of the new data set, for `train --data`.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Imports.
pub fn run(what: ImportCommand, config: &Config) -> Result<()> {
    let ImportCommand::Rlbench { folder, out } = what;
    let found = find(&folder)?;
    let policy = PolicyConfig::default();
    let meta = json!({
        "source": "RLBench", "folder": folder, "commit": env!("NEURAXIS_COMMIT"), "embodiment": config.name,
        "cameras": ["front", "left_shoulder", "right_shoulder", "wrist"], "episodes_done": found.len(),
    });
    let mut writer = DatasetWriter::create(&out, policy.bounds_m, meta)?;
    let bar = crate::progress::bar(found.len() as u64);
    let mut left_out = 0;
    for path in &found {
        // One damaged episode among thousands is said, and does not end the others.
        match samples(path, &policy) {
            Ok(samples) => {
                for (record, cloud) in &samples {
                    writer.push(&CloudSample { xyz_in_world: &cloud.xyz_in_world, rgb: &cloud.rgb, record })?;
                }
            }
            Err(error) => {
                left_out += 1;
                bar.suspend(|| eprintln!("left out: {}: {error:#}", path.display()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if left_out == found.len() {
        bail!("{}: none of {} episodes can be used", folder.display(), found.len());
    }
    let count = writer.finish()?;
    println!("{count} observations of {} episodes in {}; {left_out} left out", found.len() - left_out, out.display());
    Ok(())
}

/// The observations of one episode with their labels.
fn samples(path: &Path, policy: &PolicyConfig) -> Result<Vec<(Record, Cloud)>> {
    let episode = Episode::open(path)?;
    let sentence = episode.descriptions.first().context("no sentence")?;
    let script = keyframes(&episode.frames);
    let goal_at = |t: usize| -> Result<_> {
        let keyframe = episode.keyframe(t).context("a key-frame beyond the last frame")?;
        let (p, b) = (keyframe.world_from_tool.position(), policy.bounds_m);
        if !(0..3).all(|i| p[i] >= b[i] && p[i] <= b[i + 3]) {
            bail!("frame {t}: its key-frame at {:.3?} m is outside the bounds {b:?} m", <[f64; 3]>::from(p));
        }
        Ok(keyframe)
    };
    let end_t = *script.last().context("one frame only")?;
    let end_xyz_in_world = Some(goal_at(end_t)?.world_from_tool.position().into());
    let mut samples = Vec::new();
    let mut start = 0;
    for (kind, &t) in script.iter().enumerate() {
        let keyframe = goal_at(t)?;
        let reached = &episode.frames[start];
        for at in (start..t).step_by(EVERY) {
            let frame = &episode.frames[at];
            let progress = Progress {
                reached_world_from_tool: reached.world_from_tool,
                gripper: reached.gripper,
                reached_count: kind as u32,
            };
            let seen = observation(&episode, at, frame.world_from_tool, frame.gripper_width_m, progress)?;
            let mut cloud = Cloud::default();
            views::fuse(&seen, policy, &mut cloud).with_context(|| format!("frame {at}"))?;
            let record = Record {
                task: episode.task.clone(),
                seed: episode.number,
                kind: kind as u32,
                secs: at as f64 * FRAME_SECS,
                world_from_tool: frame.world_from_tool,
                reached_world_from_tool: reached.world_from_tool,
                gripper: reached.gripper,
                gripper_width_m: frame.gripper_width_m,
                goals: vec![LabelledGoal { instruction: sentence.clone(), keyframe, end_xyz_in_world }],
            };
            samples.push((record, cloud));
        }
        start = t;
    }
    Ok(samples)
}

fn observation(
    episode: &Episode,
    t: usize,
    world_from_tool: Pose<World, Tool>,
    gripper_width_m: f64,
    progress: Progress,
) -> Result<Observation> {
    Ok(Observation {
        seq: t as u64,
        stamp: Nanos::from_secs(t as f64 * FRAME_SECS),
        cameras: episode.cameras(t)?,
        // Clouds do not depend on the joints.
        q: Joints::zeros(0),
        world_from_tool,
        gripper_width_m,
        progress,
    })
}
