//! What an evaluation found: rows, tables with Wilson intervals, and how they are printed and joined.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use neuraxis_brain::Learned;
use neuraxis_sim::{Disturbance, Moving, Perturbation};
use serde::{Deserialize, Serialize};

use super::{BrainRow, BrainTable, Told};
use crate::{brain::Without, config::Surroundings, wilson};

/// One episode's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Task name.
    pub task: String,
    /// Seed.
    pub seed: u64,
    /// What the arm was told.
    pub told: String,
    /// The goal was met.
    pub success: bool,
    /// The goal could no longer be met.
    pub failed: bool,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Simulated time [s].
    pub secs: f64,
    /// Key-frames reached.
    pub reached: u32,
    /// Distance of the first prediction from the expert's first key-frame [m].
    pub first_error_m: Option<f64>,
    /// First fault.
    pub fault: Option<String>,
    /// Why the policy gave no prediction, the last time.
    pub refused: Option<String>,
    /// Chance that a random valid goal is the true one, where the goals are known.
    pub chance: Option<f64>,
    /// Of the brain, where one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brain: Option<BrainRow>,
}

/// What makes two tables comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Versions of what decides results.
    pub versions: BTreeMap<String, String>,
    /// What acted.
    pub policy: String,
    /// Hash of the weights, those of the brain's learned skills too.
    pub policy_hash: Option<String>,
    /// First seed.
    pub seed: u64,
    /// Clock.
    pub clock: String,
    /// Re-prediction while moving.
    pub repredict: bool,
    /// What the arm was told.
    pub instruction: Told,
    /// What was different from training.
    pub perturbation: Perturbation,
    /// Whether the scene was displaced during the approach.
    pub moving: Moving,
    /// What went wrong.
    pub disturbance: Option<Disturbance>,
    /// What the path planner knew of the world.
    pub planner: Surroundings,
    /// What the brain went without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Without>,
    /// Skills that the learned policy did for the brain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Learned>,
    /// The brain remembered earlier episodes.
    #[serde(default)]
    pub memory: bool,
    /// Of an episode of a task of the usual length [s]; 0: the other end decides.
    #[serde(default)]
    pub time_limit_secs: f64,
    /// Which arm.
    pub robot: String,
    /// Rate [Hz] and latency [s] of the policy.
    pub policy_hz: f64,
    /// Observation-to-prediction latency [s].
    pub policy_latency_secs: f64,
    /// Where the networks ran, and on how many torch threads.
    pub device: String,
    /// Cameras and image size.
    pub cameras: String,
    /// How things are held.
    pub grasp: String,
    /// Who judged success.
    pub judge: String,
}

/// A task's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskTable {
    /// Episodes run.
    pub episodes: u64,
    /// Successes.
    pub successes: u64,
    /// 95 % interval.
    pub wilson95: [f64; 2],
    /// Mean simulated time of successes [s].
    pub mean_secs: f64,
    /// Mean chance of the true goal, where the goals are known.
    pub chance: Option<f64>,
    /// Share of first predictions within 3 cm of the expert's first key-frame.
    pub first_choice: Option<f64>,
    /// Of the brain, where one acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brain: Option<BrainTable>,
    /// Episodes, by seed.
    pub rows: Vec<Row>,
}

/// The result file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Conditions.
    pub meta: Meta,
    /// By task.
    pub tasks: BTreeMap<String, TaskTable>,
    /// Mean success over tasks.
    pub mean: f64,
    /// Why it ended before its last episode, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

/// Rows to tables.
pub fn tabulate(meta: Meta, rows: Vec<Row>) -> Report {
    let mut by_task: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        by_task.entry(row.task.clone()).or_default().push(row);
    }
    let tasks: BTreeMap<String, TaskTable> = by_task
        .into_iter()
        .map(|(task, mut rows)| {
            rows.sort_by_key(|r| r.seed);
            let episodes = rows.len() as u64;
            let successes = rows.iter().filter(|r| r.success).count() as u64;
            let secs: f64 = rows.iter().filter(|r| r.success).map(|r| r.secs).sum();
            let errors: Vec<f64> = rows.iter().filter_map(|r| r.first_error_m).collect();
            let chances: Option<Vec<f64>> = rows.iter().map(|r| r.chance).collect();
            let near = errors.iter().filter(|e| **e < 0.03).count();
            let table = TaskTable {
                episodes,
                successes,
                wilson95: wilson::interval95(successes, episodes),
                mean_secs: if successes > 0 { secs / successes as f64 } else { 0.0 },
                chance: chances.map(|chances| chances.iter().sum::<f64>() / episodes.max(1) as f64),
                brain: BrainTable::of(rows.iter().filter_map(|row| row.brain.as_ref())),
                first_choice: (!errors.is_empty()).then(|| near as f64 / errors.len() as f64),
                rows,
            };
            (task, table)
        })
        .collect();
    let mean =
        tasks.values().map(|t| t.successes as f64 / t.episodes.max(1) as f64).sum::<f64>() / tasks.len().max(1) as f64;
    Report { meta, tasks, mean, incomplete: None }
}

/// Joins the reports of shards of one evaluation, each of which may have a first seed of its own.
pub fn merge(reports: Vec<Report>) -> Result<Report> {
    let mut reports = reports.into_iter();
    let first = reports.next().context("no report to merge")?;
    let (mut meta, mut incomplete) = (first.meta, first.incomplete);
    let mut rows: Vec<Row> = first.tasks.into_values().flat_map(|t| t.rows).collect();
    for report in reports {
        meta.seed = meta.seed.min(report.meta.seed);
        let other = Meta { seed: meta.seed, ..report.meta };
        if other != meta {
            bail!("reports of different evaluations cannot be merged: {meta:?} and {other:?}");
        }
        rows.extend(report.tasks.into_values().flat_map(|t| t.rows));
        incomplete = incomplete.or(report.incomplete);
    }
    let mut seen = std::collections::BTreeSet::new();
    for row in &rows {
        if !seen.insert((row.task.clone(), row.seed)) {
            bail!("episode {} of {} is in two reports", row.seed, row.task);
        }
    }
    Ok(Report { incomplete, ..tabulate(meta, rows) })
}

/// The table people read.
pub fn print(report: &Report) {
    say!(
        "policy {}  robot {}  clock {}  re-prediction {}  instruction {:?}  factors {}  scene {}  disturbance {}  planner {}  seeds from {}  mujoco {}",
        report.meta.policy,
        report.meta.robot,
        report.meta.clock,
        if report.meta.repredict { "on" } else { "off" },
        report.meta.instruction,
        match &report.meta.perturbation.factors[..] {
            [] => "none".into(),
            some => some.iter().map(|factor| factor.name()).collect::<Vec<_>>().join(","),
        },
        report.meta.moving,
        report.meta.disturbance.map_or("none", Disturbance::name),
        report.meta.planner,
        report.meta.seed,
        report.meta.versions.get("mujoco").map_or("-", |v| v.as_str()),
    );
    if let Some(about) = report.meta.versions.get("bridge") {
        say!("at the other end: {about}");
    }
    say!("grasp {}  judge {}  cameras {}", report.meta.grasp, report.meta.judge, report.meta.cameras);
    say!(
        "{:<28} {:>9} {:>9} {:>17} {:>8} {:>13} {:>8}",
        "task",
        "successes",
        "rate",
        "95 % (Wilson)",
        "secs",
        "first choice",
        "chance"
    );
    for (task, t) in &report.tasks {
        say!(
            "{task:<28} {:>5}/{:<3} {:>8.1}% {:>7.1}% - {:>5.1}% {:>8.1} {:>13} {:>8}",
            t.successes,
            t.episodes,
            100.0 * t.successes as f64 / t.episodes.max(1) as f64,
            100.0 * t.wilson95[0],
            100.0 * t.wilson95[1],
            t.mean_secs,
            t.first_choice.map_or_else(|| "-".into(), |c| format!("{:.0}%", 100.0 * c)),
            t.chance.map_or_else(|| "-".into(), |c| format!("{:.1}%", 100.0 * c)),
        );
    }
    for (task, brain) in report.tasks.iter().filter_map(|(task, t)| Some((task, t.brain.as_ref()?))) {
        say!("{task:<24} {}", brain.line());
    }
    if let Some(all) = BrainTable::of(report.tasks.values().flat_map(|t| &t.rows).filter_map(|row| row.brain.as_ref()))
    {
        say!("{:<24} {}", "all", all.line());
    }
    say!("mean success {:.1} %", 100.0 * report.mean);
    if let Some(why) = &report.incomplete {
        say!("incomplete: it ended before its last episode: {why}");
    }
}

/// All tasks together on one line: successes and interval.
pub fn line(report: &Report) -> String {
    let episodes = report.tasks.values().map(|t| t.episodes).sum();
    let successes = report.tasks.values().map(|t| t.successes).sum();
    let [low, high] = wilson::interval95(successes, episodes);
    format!("{successes:>5}/{episodes:<3} {:>7.1}% - {:>5.1}%", 100.0 * low, 100.0 * high)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Of a policy that fails at these seeds, in the form in which sim/peers writes reports.
    pub fn report(policy: &str, seeds: &[u64]) -> Report {
        let meta = json!({
            "versions": {}, "policy": policy, "policy_hash": null, "seed": seeds[0], "clock": "lockstep", "repredict": true,
            "instruction": "Given", "perturbation": {}, "moving": "still", "disturbance": null, "planner": "off",
            "robot": "fr3", "policy_hz": 10.0, "policy_latency_secs": 0.0, "device": "cpu", "cameras": "front",
            "grasp": "friction", "judge": "the simulator",
        });
        let row = |seed: &u64| {
            let row = json!({
                "task": "stack_cups", "seed": seed, "told": "stack them", "success": false, "failed": false, "secs": 20.0,
                "reached": 0, "first_error_m": null, "fault": null, "refused": null, "chance": null,
            });
            serde_json::from_value(row).unwrap()
        };
        tabulate(serde_json::from_value(meta).unwrap(), seeds.iter().map(row).collect())
    }

    #[test]
    fn results_under_other_conditions_are_not_joined() {
        let joined = |change: fn(&mut Meta)| {
            let mut other = report("brain", &[6]);
            change(&mut other.meta);
            merge(vec![report("brain", &[5]), other])
        };
        assert!(joined(|_| ()).is_ok());
        let changes: [fn(&mut Meta); 5] = [
            |meta| meta.learned = vec![Learned::Pull],
            |meta| meta.policy_hash = Some("0123456789abcdef".into()),
            |meta| meta.memory = true,
            |meta| meta.time_limit_secs = 60.0,
            |meta| meta.versions = BTreeMap::from([("commit".into(), "0123456789ab".into())]),
        ];
        for change in changes {
            let said = joined(change).unwrap_err().to_string();
            assert!(said.starts_with("reports of different evaluations cannot be merged"), "{said}");
        }
    }

    #[test]
    fn shards_may_have_first_seeds_of_their_own() {
        let cut_off = Report { incomplete: Some("the server died".into()), ..report("act", &[1_000_000]) };
        let merged = merge(vec![report("act", &[1_000_025, 1_000_026]), cut_off]).unwrap();
        assert_eq!((merged.meta.seed, merged.tasks["stack_cups"].episodes), (1_000_000, 3));
        assert_eq!(merged.incomplete.as_deref(), Some("the server died"));
        let twice = merge(vec![report("act", &[5, 6]), report("act", &[6])]).unwrap_err().to_string();
        assert_eq!(twice, "episode 6 of stack_cups is in two reports");
        let other = merge(vec![report("act", &[5]), report("expert", &[6])]).unwrap_err().to_string();
        assert!(other.starts_with("reports of different evaluations cannot be merged"), "{other}");
    }
}
