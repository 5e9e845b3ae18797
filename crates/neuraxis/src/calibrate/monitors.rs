//! Thresholds of the brain's monitors from evaluations in which nothing went wrong.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use neuraxis_brain::{MonitorConfig, Peak};
use serde_json::Value;

/// Writes `monitors.yaml` from result files of `neuraxis eval --policy brain --json`. Episodes that failed, that were
/// disturbed, or in which anything was noticed are left out.
pub fn run(files: &[PathBuf], alpha: f64, out: &Path) -> Result<()> {
    let (mut peaks, mut used, mut left_out) = (Vec::new(), 0, 0);
    for file in files {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let report: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let tasks = report["tasks"].as_object().with_context(|| format!("{}: no `tasks`", file.display()))?;
        for row in tasks.values().flat_map(|task| task["rows"].as_array().into_iter().flatten()) {
            let brain = &row["brain"];
            let is_nominal = row["success"] == true && brain["disturbed_at_secs"].is_null() && brain["alarms"] == 0;
            if !is_nominal {
                left_out += 1;
                continue;
            }
            used += 1;
            let of_row: Vec<Peak> =
                serde_json::from_value(brain["peaks"].clone()).with_context(|| format!("{}: peaks", file.display()))?;
            peaks.extend(of_row);
        }
    }
    if used == 0 {
        bail!("no nominal episodes: evaluate with `--policy brain --tasks long --json FILE`, undisturbed");
    }
    let config = MonitorConfig::calibrated(&peaks, alpha)?;
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let head = format!(
        "# Thresholds of the brain's monitors, by skill and channel; units: crates/executor/src/monitor/channel.rs.\n\
         # Made by `neuraxis calibrate monitors --alpha {alpha} {}` from {used} nominal episodes ({left_out} left out).\n",
        files.join(" ")
    );
    std::fs::write(out, head + &serde_yaml::to_string(&config)?).with_context(|| out.display().to_string())?;
    say!("{used} nominal episodes ({left_out} left out), {} peaks", peaks.len());
    for (skill, channels) in &config.thresholds {
        for (channel, threshold) in channels {
            say!("{skill:<8} {channel:<10} above {:<12.4} from {} runs", threshold.above, threshold.runs);
        }
    }
    say!("written     {}", out.display());
    Ok(())
}
