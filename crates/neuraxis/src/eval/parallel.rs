//! An evaluation in many processes.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, bail};

use super::{Report, merge};

/// Runs the shards of a plan as child processes of this program and merges them.
pub fn run_parallel(arguments: &[String], jobs: u64, scratch: &Path) -> Result<Report> {
    std::fs::create_dir_all(scratch).with_context(|| scratch.display().to_string())?;
    let program = std::env::current_exe().context("where is this program?")?;
    let started = Instant::now();
    let mut children = Vec::new();
    for shard in 0..jobs {
        let file = scratch.join(format!("shard-{shard}-of-{jobs}.json"));
        let child = Command::new(&program)
            .args(arguments)
            .args(["--shard", &format!("{shard}/{jobs}"), "--jobs", "1", "--json"])
            .arg(&file)
            .stdout(std::process::Stdio::null())
            .spawn()
            .context("starting a shard")?;
        children.push((child, file));
    }
    let mut reports = Vec::new();
    for (mut child, file) in children {
        let status = child.wait()?;
        if !status.success() {
            bail!("a shard of the evaluation failed: {status} ({})", file.display());
        }
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        reports.push(serde_json::from_str(&text).with_context(|| file.display().to_string())?);
    }
    let report = merge(reports)?;
    let simulated: f64 = report.tasks.values().flat_map(|table| &table.rows).map(|row| row.secs).sum();
    let secs = started.elapsed().as_secs_f64();
    say_err!(
        "{jobs} shards in {secs:.0} s; {simulated:.0} s simulated: {:.1} times real time in each",
        simulated / secs / jobs as f64
    );
    Ok(report)
}
