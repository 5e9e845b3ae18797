//! `neuraxis demos`: a data set of demonstrations, made by one process or by several.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use neuraxis_sim::Moving;

use crate::{
    config::Config,
    demos::{self, DemosPlan},
    eval::EARLY_SEED,
    progress,
    shards::{at_least_one, parse_shard, without},
    tasks,
};

/// Which demonstrations.
#[derive(Debug, Args)]
pub struct DemosArgs {
    /// Folder of the data set; shards become DIR/shard-i.
    #[arg(long)]
    out: PathBuf,
    /// Tasks, comma-separated; `trained`: those of the shipped weights; `all`.
    #[arg(long, default_value = "all")]
    tasks: String,
    /// Episodes per task.
    #[arg(long, default_value_t = 600, value_parser = at_least_one)]
    episodes: u64,
    /// First seed; all of them are below 900000, where evaluations begin: of the weights so far, and at 1000000 of whole ones.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Displace the scene while the arm approaches it: `displaced` (once) or `drifting` (slowly).
    #[arg(long, value_name = "HOW", default_value_t = Moving::Still)]
    moving: Moving,
    /// Processes; each makes a shard of its own.
    #[arg(long, default_value_t = 2, value_parser = at_least_one)]
    jobs: u64,
    /// Folder for a recording (MCAP) of every episode: 4 MB each, images at 10 Hz.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// This process's shard, i/n.
    #[arg(long, hide = true)]
    shard: Option<String>,
}

impl DemosArgs {
    /// Makes them, or lets processes of its own make a shard each.
    pub fn run(self, config: &Config) -> Result<()> {
        let Self { out, tasks, episodes, seed, moving, jobs, record, shard } = self;
        if seed.checked_add(episodes).is_none_or(|end| end > EARLY_SEED) {
            bail!("--seed {seed} --episodes {episodes}: allowed: seeds below {EARLY_SEED}; evaluations begin there");
        }
        let plan = DemosPlan { tasks: tasks::list(&tasks, config)?, episodes, seed, moving, record };
        match shard {
            Some(shard) => make_shard(config, plan, &out, parse_shard(&shard)?),
            None => make_all(&plan, &out, jobs),
        }
    }
}

fn make_shard(config: &Config, mut plan: DemosPlan, out: &Path, (index, count): (u64, u64)) -> Result<()> {
    // Each shard makes a contiguous range of seeds.
    let share = plan.episodes / count + u64::from(index < plan.episodes % count);
    plan.seed += index * (plan.episodes / count) + index.min(plan.episodes % count);
    plan.episodes = share;
    let bar = progress::bar(plan.episodes * plan.tasks.len() as u64);
    demos::generate(config, &plan, out, |done, kept, failed| {
        bar.set_position(done);
        bar.set_message(format!("{kept} observations, {failed} experts failed"));
        if bar.is_hidden() && done % 50 == 0 {
            say!("{done} episodes, {kept} observations, {failed} experts failed");
        }
    })
}

fn make_all(plan: &DemosPlan, out: &Path, jobs: u64) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let program = std::env::current_exe()?;
    let arguments = without(std::env::args().skip(1).collect(), &["--out", "--jobs"]);
    let mut children = Vec::new();
    for shard in 0..jobs {
        let mut command = std::process::Command::new(&program);
        command
            .args(&arguments)
            .args(["--shard", &format!("{shard}/{jobs}"), "--out"])
            .arg(out.join(format!("shard-{shard}")));
        children.push(command.spawn());
    }
    // All have ended before one is said to have failed: who repeats the command finds none that still writes.
    let ended: Vec<_> = children.into_iter().map(|child| child.and_then(|mut child| child.wait())).collect();
    for (shard, status) in ended.into_iter().enumerate() {
        let status = status.with_context(|| format!("shard {shard}"))?;
        if !status.success() {
            bail!("shard {shard} failed: {status}; the same command goes on where it was");
        }
    }
    say!("{} episodes of {} tasks in {}", plan.episodes, plan.tasks.len(), out.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DemosArgs,
    }

    #[test]
    fn nothing_and_scenes_of_evaluations_are_no_demonstrations() {
        let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        let refused = |arguments: &str| {
            let all = ["demos", "--out", "/dev/null/never", "--tasks", "turn_tap"].into_iter();
            let line = Line::try_parse_from(all.chain(arguments.split(' ')));
            line.map_or_else(|e| e.to_string(), |line| format!("{:#}", line.args.run(&config).unwrap_err()))
        };
        assert!(refused("--episodes 0").contains("allowed: 1 or more"));
        for beyond in ["--seed 899999 --episodes 2", "--seed 900000 --episodes 1", "--seed 18446744073709551615"] {
            assert!(refused(beyond).ends_with("allowed: seeds below 900000; evaluations begin there"), "{beyond}");
        }
        // Where it can be written, this would be made.
        assert!(refused("--seed 899999 --episodes 1").contains("/dev/null/never"));
    }
}
