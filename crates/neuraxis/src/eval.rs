//! `neuraxis eval`: success rates with Wilson intervals, from lockstep runs on seeds that were never trained on.

use std::{collections::BTreeMap, path::Path, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context, Result, bail};
use neuraxis_core::Policy;
use neuraxis_policy::{nearest::NearestReplay, text::MiniLm};
use neuraxis_sim::{CameraRig, Disturbance, Grasp, Moving, Perturbation};
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Surroundings},
    episode_run::{Studio, instruction},
    lockstep::{Nobody, Sighted},
    script::Expert,
    wilson,
};

/// First seed of evaluations; demonstrations use seeds far below.
pub const EVAL_SEED: u64 = 1_000_000;

/// What acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Actor {
    /// The scripted expert, from the scene's true state.
    Expert,
    /// The nearest training observation's key-frame, from this data set.
    Nearest(PathBuf),
    /// Trained weights.
    Weights(PathBuf),
}

/// What the arm is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Told {
    /// The goal's own sentence.
    Given,
    /// The sentence of another goal that is valid in the same scene.
    Wrong,
}

/// One evaluation.
#[derive(Clone, Debug)]
pub struct EvalPlan {
    /// What acts.
    pub actor: Actor,
    /// Task names.
    pub tasks: Vec<String>,
    /// Episodes per task.
    pub episodes: u64,
    /// First seed.
    pub seed: u64,
    /// Re-predict while moving.
    pub repredict: bool,
    /// What the arm is told.
    pub told: Told,
    /// What holds things.
    pub grasp: Grasp,
    /// What is different from training.
    pub perturbation: Perturbation,
    /// Whether the scene is displaced during the approach.
    pub moving: Moving,
    /// What goes wrong.
    pub disturbance: Option<Disturbance>,
    /// What the path planner knows of the world.
    pub planner: Surroundings,
    /// This process's share: index and count.
    pub shard: (u64, u64),
}

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
    /// Chance that a random valid goal is the true one.
    pub chance: f64,
}

/// What makes two tables comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Versions of what decides results.
    pub versions: BTreeMap<String, String>,
    /// What acted.
    pub policy: String,
    /// Hash of the weights.
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
    /// Mean chance of the true goal.
    pub chance: f64,
    /// Share of first predictions within 3 cm of the expert's first key-frame.
    pub first_choice: Option<f64>,
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
}

/// Runs this process's share of a plan; `tell` after each episode.
pub fn run(config: &Config, plan: &EvalPlan, mut tell: impl FnMut(&Row)) -> Result<Report> {
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.sim.perturbation = plan.perturbation.clone();
    studio.sim.grasp = plan.grasp;
    studio.sim.moving = plan.moving;
    studio.sim.disturbance = plan.disturbance;
    studio.surroundings = plan.planner;
    let text_dir = config.root.join(".deps/text");
    let mut embedder = match &plan.actor {
        Actor::Expert => None,
        _ => Some(MiniLm::load(&text_dir)?),
    };
    let mut learned: Option<Box<dyn Policy>> = None;
    let (mut hash, mut device) = (None, "none".to_string());
    match (&plan.actor, embedder.as_mut()) {
        (Actor::Weights(path), Some(embedder)) => {
            let policy = crate::source::load_policy(config, path, neuraxis_core::TextEmbedder::id(embedder))?;
            hash = Some(format!("{:016x}", policy.hash()));
            device = format!("{:?}, 1 torch thread", policy.device());
            learned = Some(Box::new(policy));
        }
        (Actor::Nearest(data), Some(embedder)) => {
            let shards = crate::config::shards(std::slice::from_ref(data))?;
            learned = Some(Box::new(NearestReplay::open(&shards, embedder)?));
        }
        _ => {}
    }
    let mut rows = Vec::new();
    for task in &plan.tasks {
        for i in (0..plan.episodes).filter(|i| i % plan.shard.1 == plan.shard.0) {
            let seed = plan.seed + i;
            let setup = studio.setup(task, seed)?;
            let mut lockstep = studio.lockstep(&setup, plan.repredict)?;
            let truth = setup.goal().clone();
            let told = match plan.told {
                Told::Given => truth.clone(),
                Told::Wrong => {
                    let others = setup.alternatives();
                    if others.is_empty() {
                        bail!("task {task}, seed {seed}: no other goal is valid in this scene");
                    }
                    others[(seed % others.len() as u64) as usize].clone()
                }
            };
            let first = studio.script(&setup, &lockstep, &truth).first().copied();
            let mut watch = FirstPrediction::default();
            let outcome = match learned.as_mut() {
                Some(policy) => {
                    let words =
                        instruction(&told, embedder.as_mut().map(|e| e as &mut dyn neuraxis_core::TextEmbedder))?;
                    let mut rig = CameraRig::new(&setup)?;
                    lockstep.run(&mut Sighted(policy.as_mut()), &words, &truth, Some(&mut rig), &mut watch)?
                }
                None => {
                    let script = studio.script(&setup, &lockstep, &told);
                    let mut expert = Expert::new(&setup, told.clone(), script);
                    let mut rig = (plan.planner == Surroundings::Cloud).then(|| CameraRig::new(&setup)).transpose()?;
                    lockstep.run(&mut expert, &instruction(&told, None)?, &truth, rig.as_mut(), &mut Nobody)?
                }
            };
            let first_error_m = watch.position.zip(first).map(|(p, k)| (p - k.world_from_tool.position()).norm());
            let row = Row {
                task: task.clone(),
                seed,
                told: told.instruction.clone(),
                success: outcome.success,
                failed: outcome.failed,
                secs: (outcome.secs * 1e3).round() / 1e3,
                reached: outcome.reached,
                first_error_m,
                fault: outcome.fault.map(|f| format!("{f:?}")),
                refused: outcome.refused,
                chance: setup.chance(),
            };
            tell(&row);
            rows.push(row);
        }
    }
    let meta = Meta {
        versions: BTreeMap::from([
            ("neuraxis".into(), env!("CARGO_PKG_VERSION").into()),
            ("mujoco".into(), neuraxis_sim::mujoco_version()),
        ]),
        policy: match &plan.actor {
            Actor::Expert => "expert".into(),
            Actor::Nearest(_) => "nearest-key-frame replay".into(),
            Actor::Weights(path) => path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        },
        policy_hash: hash,
        seed: plan.seed,
        clock: "lockstep".into(),
        repredict: plan.repredict,
        instruction: plan.told,
        perturbation: plan.perturbation.clone(),
        moving: plan.moving,
        disturbance: plan.disturbance,
        planner: plan.planner,
        robot: config.name.clone(),
        policy_hz: config.run.policy_hz,
        policy_latency_secs: config.run.lockstep_latency_secs,
        device,
        cameras: "front, left_shoulder, right_shoulder, wrist; 128x128 RGB-D".into(),
        grasp: plan.grasp.name().into(),
        judge: "neuraxis-sim success predicates".into(),
    };
    Ok(tabulate(meta, rows))
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
            let near = errors.iter().filter(|e| **e < 0.03).count();
            let table = TaskTable {
                episodes,
                successes,
                wilson95: wilson::interval95(successes, episodes),
                mean_secs: if successes > 0 { secs / successes as f64 } else { 0.0 },
                chance: rows.iter().map(|r| r.chance).sum::<f64>() / episodes.max(1) as f64,
                first_choice: (!errors.is_empty()).then(|| near as f64 / errors.len() as f64),
                rows,
            };
            (task, table)
        })
        .collect();
    let mean =
        tasks.values().map(|t| t.successes as f64 / t.episodes.max(1) as f64).sum::<f64>() / tasks.len().max(1) as f64;
    Report { meta, tasks, mean }
}

/// Joins the reports of shards of one evaluation.
pub fn merge(reports: Vec<Report>) -> Result<Report> {
    let mut reports = reports.into_iter();
    let first = reports.next().context("no report to merge")?;
    let meta = first.meta.clone();
    let mut rows: Vec<Row> = first.tasks.into_values().flat_map(|t| t.rows).collect();
    for report in reports {
        if report.meta != meta {
            bail!("reports of different evaluations cannot be merged: {:?} and {:?}", meta, report.meta);
        }
        rows.extend(report.tasks.into_values().flat_map(|t| t.rows));
    }
    let mut seen = std::collections::BTreeSet::new();
    for row in &rows {
        if !seen.insert((row.task.clone(), row.seed)) {
            bail!("episode {} of {} is in two reports", row.seed, row.task);
        }
    }
    Ok(tabulate(meta, rows))
}

/// The table people read.
pub fn print(report: &Report) {
    println!(
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
        report.meta.versions.get("mujoco").map_or("?", |v| v.as_str()),
    );
    println!(
        "{:<28} {:>9} {:>9} {:>17} {:>8} {:>13} {:>8}",
        "task", "successes", "rate", "95 % (Wilson)", "secs", "first choice", "chance"
    );
    for (task, t) in &report.tasks {
        println!(
            "{task:<28} {:>5}/{:<3} {:>8.1}% {:>7.1}% - {:>5.1}% {:>8.1} {:>13} {:>7.1}%",
            t.successes,
            t.episodes,
            100.0 * t.successes as f64 / t.episodes.max(1) as f64,
            100.0 * t.wilson95[0],
            100.0 * t.wilson95[1],
            t.mean_secs,
            t.first_choice.map_or_else(|| "-".into(), |c| format!("{:.0}%", 100.0 * c)),
            100.0 * t.chance,
        );
    }
    println!("mean success {:.1} %", 100.0 * report.mean);
}

/// All tasks together on one line: successes and interval.
pub fn line(report: &Report) -> String {
    let episodes = report.tasks.values().map(|t| t.episodes).sum();
    let successes = report.tasks.values().map(|t| t.successes).sum();
    let [low, high] = wilson::interval95(successes, episodes);
    format!("{successes:>5}/{episodes:<3} {:>7.1}% - {:>5.1}%", 100.0 * low, 100.0 * high)
}

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
    eprintln!("{jobs} shards in {:.0} s", started.elapsed().as_secs_f64());
    merge(reports)
}

/// Remembers where the first prediction pointed.
#[derive(Default)]
struct FirstPrediction {
    position: Option<nalgebra::Vector3<f64>>,
}

impl crate::lockstep::Witness for FirstPrediction {
    fn prediction(&mut self, prediction: &neuraxis_core::Prediction) -> Result<()> {
        self.position.get_or_insert(prediction.keyframe.world_from_tool.position());
        Ok(())
    }
}
