//! An evaluation in many processes.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Report, merge};
use crate::interrupt;

/// Runs the shards of a plan as child processes of this program and merges them. The first that fails ends all; so does
/// Ctrl-C, where it is listened for.
pub fn run_parallel(arguments: &[String], jobs: u64) -> Result<Report> {
    let program = std::env::current_exe().context("where is this program?")?;
    let started = Instant::now();
    let mut shards = Shards::new()?;
    for shard in 0..jobs {
        let child = Command::new(&program)
            .args(arguments)
            .args(["--shard", &format!("{shard}/{jobs}"), "--jobs", "1", "--json"])
            .arg(shards.file(shard))
            .stdout(Stdio::null())
            .spawn()
            .context("starting a shard")?;
        shards.children.push(child);
    }
    shards.wait()?;
    let read = |shard| -> Result<Report> {
        let file = shards.file(shard);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).with_context(|| file.display().to_string())
    };
    let report = merge((0..jobs).map(read).collect::<Result<_>>()?)?;
    let simulated: f64 = report.tasks.values().flat_map(|table| &table.rows).map(|row| row.secs).sum();
    let secs = started.elapsed().as_secs_f64();
    say_err!(
        "{jobs} shards in {secs:.0} s; {simulated:.0} s simulated: {:.1} times real time in each",
        simulated / secs / jobs as f64
    );
    Ok(report)
}

/// Child processes and the folder for their results; both end with this.
struct Shards {
    folder: PathBuf,
    children: Vec<Child>,
}

impl Shards {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("neuraxis-eval-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { folder, children: Vec::new() })
    }

    /// Where the result of one goes.
    fn file(&self, shard: u64) -> PathBuf {
        self.folder.join(format!("shard-{shard}.json"))
    }

    /// Until all have ended well, one has failed, or somebody wants to end.
    fn wait(&mut self) -> Result<()> {
        loop {
            // Before the shards are looked at: in a terminal they hear the same Ctrl-C, and are no failures.
            ensure!(!interrupt::asked(), "interrupted: not all episodes were run");
            let mut running = false;
            for (shard, child) in self.children.iter_mut().enumerate() {
                match child.try_wait()? {
                    Some(status) if !status.success() => bail!("shard {shard} of the evaluation failed: {status}"),
                    Some(_) => {}
                    None => running = true,
                }
            }
            if !running {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        // Those that have ended are not there to be killed.
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
