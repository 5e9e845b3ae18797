//! Early evaluation in the suite: while training goes on, a process of its own plays episodes with the weights so far.
//!
//! Held-out observations say how near the answers are; only episodes say whether that is near enough.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{config::Config, eval::EARLY_SEED, shards::at_least_one};

/// What is played.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct EarlyArgs {
    /// At every checkpoint play these tasks with the weights so far, beside the training; into early.csv and the curves. Names, comma-separated.
    #[arg(long, value_name = "TASKS")]
    pub early: Option<String>,
    /// Episodes of each, seeds from 900000.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub early_episodes: u64,
}

/// Successes of a task: share of the episodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Early {
    /// Steps that the weights had.
    pub step: u64,
    /// Task, episodes won, episodes.
    pub tasks: Vec<(String, u64, u64)>,
}

/// The process, if one is at work.
pub struct Player {
    tasks: Vec<String>,
    episodes: u64,
    robot: String,
    out: PathBuf,
    playing: Option<(u64, Child)>,
}

impl Player {
    /// Plays nothing yet. `out`: the training's folder.
    pub fn new(args: &EarlyArgs, config: &Config, out: &Path) -> Result<Self> {
        let tasks = args.early.as_deref().map(|named| crate::tasks::list(named, config)).transpose()?;
        Ok(Self {
            tasks: tasks.unwrap_or_default(),
            episodes: args.early_episodes,
            robot: config.name.clone(),
            out: out.join("early"),
            playing: None,
        })
    }

    /// There are weights of so many steps; what the last ones reached, if that has become known. Weights that come while others
    /// are still played are left out.
    pub fn saved(&mut self, step: u64, weights: &Path) -> Result<Option<Early>> {
        if self.tasks.is_empty() {
            return Ok(None);
        }
        let known = self.look()?;
        if self.playing.is_none() {
            fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
            let copy = self.file(step, "safetensors");
            fs::copy(weights, &copy).with_context(|| copy.display().to_string())?;
            let said = File::create(self.file(step, "log"))?;
            let mut player = Command::new(std::env::current_exe()?);
            player.args(["--robot", &self.robot, "eval", "--jobs", "1", "--policy"]).arg(copy);
            player.args(["--tasks", &self.tasks.join(",")]).arg("--json").arg(self.file(step, "json"));
            player.args(["--episodes", &self.episodes.to_string(), "--seed", &EARLY_SEED.to_string()]);
            let child = player.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).spawn();
            self.playing = Some((step, child.context("starting the early evaluation")?));
        }
        Ok(known)
    }

    /// Waits for the last episodes, or ends them where somebody is waiting for the end.
    pub fn finish(&mut self, waits: bool) -> Result<Option<Early>> {
        if !waits {
            let known = self.look();
            self.end();
            return known;
        }
        if let Some((_, child)) = &mut self.playing {
            say!("waiting for the early evaluation");
            child.wait()?;
        }
        self.look()
    }

    /// Ends what is played, and leaves nothing of it.
    fn end(&mut self) {
        if let Some((step, mut child)) = self.playing.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(self.file(step, "safetensors"));
        }
    }

    fn file(&self, step: u64, extension: &str) -> PathBuf {
        self.out.join(format!("{step:06}.{extension}"))
    }

    fn look(&mut self) -> Result<Option<Early>> {
        let Some((step, child)) = &mut self.playing else { return Ok(None) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        let step = *step;
        self.playing = None;
        if !status.success() {
            bail!("the early evaluation of step {step} failed: {}", self.file(step, "log").display());
        }
        let file = self.file(step, "json");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let tasks = won(&serde_json::from_str(&text)?).with_context(|| file.display().to_string())?;
        fs::remove_file(self.file(step, "safetensors"))?;
        let mut table = OpenOptions::new().create(true).append(true).open(self.out.with_extension("csv"))?;
        for (task, won, of) in &tasks {
            writeln!(table, "{step},{task},{won},{of}")?;
        }
        Ok(Some(Early { step, tasks }))
    }
}

/// A training that fails takes its evaluation with it.
impl Drop for Player {
    fn drop(&mut self) {
        self.end();
    }
}

/// What `neuraxis eval --json` says of each task.
fn won(report: &Value) -> Result<Vec<(String, u64, u64)>> {
    let tasks = report["tasks"].as_object().context("no `tasks`")?;
    let of = |(name, task): (&String, &Value)| {
        let rows = task["rows"].as_array().with_context(|| format!("tasks.{name}: no `rows`"))?;
        let won = rows.iter().filter(|row| row["success"] == true).count();
        Ok((name.clone(), won as u64, rows.len() as u64))
    };
    tasks.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: EarlyArgs,
    }

    #[test]
    fn no_episode_is_no_evaluation() {
        let line = |count| Line::try_parse_from(["train", "--early", "turn_tap", "--early-episodes", count]);
        assert_eq!(line("2").unwrap().args.early_episodes, 2);
        assert!(line("0").err().unwrap().to_string().contains("allowed: 1 or more"));
    }

    #[test]
    fn successes_are_counted_by_task() {
        let report =
            serde_json::json!({ "tasks": { "open_drawer": { "rows": [{ "success": true }, { "success": false }] } } });
        assert_eq!(won(&report).unwrap(), [("open_drawer".to_string(), 1, 2)]);
        assert!(won(&serde_json::json!({})).is_err());
    }
}
