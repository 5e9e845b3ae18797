//! `neuraxis eval`: success rates with Wilson intervals, from lockstep runs on seeds that were never trained on.

mod actor;
mod args;
mod brain_row;
mod compare;
mod parallel;
mod plan;
mod report;
mod sheet;
mod tape;
mod why;
mod world;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use neuraxis_sim::{CameraRig, Goal, Plant, tasks::unseen};

use crate::{
    brain::{Apprentice, BrainPilot, Poisoned, check_cameras, drafter, open_memory},
    config::{Config, Surroundings},
    episode_run::{Studio, instruction, simulated_cameras},
    script::Expert,
};

pub use actor::{Actor, LearnedPolicy, load_learned};
pub use args::{EvalArgs, only_for_brain};
pub use brain_row::{BrainRow, BrainTable};
pub use compare::{compare, print as print_comparison};
pub use parallel::run_parallel;
pub use plan::{EvalPlan, Told};
pub use report::{Meta, Report, Row, line, merge, print, tabulate};
pub use sheet::compose;
pub use tape::Tape;

/// First seed of evaluations; demonstrations use seeds far below.
pub const EVAL_SEED: u64 = 1_000_000;
/// First seed of evaluations while training goes on; demonstrations stay below.
pub const EARLY_SEED: u64 = 900_000;

/// Runs this process's share of a plan; `tell` after each episode.
pub fn run(config: &Config, plan: &EvalPlan, mut tell: impl FnMut(&Row)) -> Result<Report> {
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.sim.perturbation = plan.perturbation.clone();
    studio.sim.grasp = plan.grasp;
    studio.sim.moving = plan.moving;
    studio.sim.disturbance = plan.disturbance;
    studio.surroundings = plan.planner;
    let mut embedder = match &plan.actor {
        Actor::Expert | Actor::Brain => None,
        _ => Some(crate::package::text_encoder(&config.root)?),
    };
    let (mut learned, hash, device) = match embedder.as_mut() {
        Some(embedder) => {
            let LearnedPolicy { policy, hash, device } = load_learned(config, &plan.actor, embedder)?;
            (Some(policy), hash, device)
        }
        None => (None, None, "none".to_string()),
    };
    let mut apprentice = match plan.actor {
        Actor::Brain => Apprentice::of(config)?,
        _ => None,
    };
    let (hash, device) = match &apprentice {
        Some(taught) => taught.hash_and_device(),
        None => (hash, device),
    };
    if plan.actor == Actor::Brain {
        check_cameras(config, &simulated_cameras())?;
    }
    let mut memory = plan.memory.as_deref().map(|file| open_memory(config, file)).transpose()?;
    // One for all episodes: what it takes for usual in a model's answers is learned over many.
    let mut planner = match plan.actor {
        Actor::Brain => Some(drafter(config, studio.robot.clone())?),
        _ => None,
    };
    let mut rows = Vec::new();
    for task in &plan.tasks {
        for i in (0..plan.episodes).filter(|i| i % plan.shard.1 == plan.shard.0) {
            let seed = plan.seed + i;
            let setup = studio.setup(task, seed)?;
            let mut lockstep = studio.lockstep(&setup, plan.repredict)?;
            if let Some(file) = &plan.world {
                world::load(file, &config.name, &setup, &mut lockstep)?;
            }
            let truth = match &plan.say {
                Some(say) => Goal { instruction: say.clone(), targets: Vec::new() },
                None => setup.goal().clone(),
            };
            let told = match plan.told {
                Told::Given => truth.clone(),
                Told::Unseen => {
                    let instruction = unseen(task, &truth.instruction, seed);
                    let instruction = instruction.with_context(|| format!("task {task} has no unseen wordings"))?;
                    Goal { instruction, ..truth.clone() }
                }
                Told::Wrong => {
                    // Wrong from the beginning, so that the first choice says whether the sentence was followed.
                    let begins_alike = |other: &Goal| other.targets.first() == truth.targets.first();
                    let others: Vec<&Goal> = setup.alternatives().iter().filter(|o| !begins_alike(o)).collect();
                    if others.is_empty() {
                        bail!("task {task}, seed {seed}: no other goal is valid in this scene");
                    }
                    others[(seed % others.len() as u64) as usize].clone()
                }
            };
            let first = studio.script(&setup, &lockstep, &truth)?.first().copied();
            let looks = learned.is_some()
                || plan.actor == Actor::Brain
                || plan.planner == Surroundings::Cloud
                || plan.pictures.is_some();
            let words = instruction(&told, embedder.as_mut().map(|e| e as &mut dyn neuraxis_core::TextEmbedder))?;
            let mut tape = match &plan.record {
                Some(dir) => Tape::record(dir, task, seed, &studio, &words)?,
                None => Tape::default(),
            };
            let mut rig = looks.then(|| CameraRig::new(&setup)).transpose()?;
            let (mut story, mut brain_row) = (None, None);
            let outcome = match learned.as_mut() {
                None if plan.actor == Actor::Brain => {
                    let asked = planner.take().context("a brain without a planner")?;
                    let ways_are_planned = plan.planner != Surroundings::Off;
                    let (robot, without) = (studio.robot.clone(), plan.without.clone());
                    let (kept, taught) = (memory.take(), apprentice.take());
                    let brain = BrainPilot::new(config, robot, asked, kept, taught, without, ways_are_planned)?;
                    let brain = brain.recorded_in(plan.record.as_deref());
                    let mut brain = brain.judging_itself(plan.say.is_some());
                    let mut outcome = if plan.poisoned {
                        let world = Plant::new(&studio.setup(task, seed + 1)?)?;
                        let mut pilot = Poisoned { brain: &mut brain, world };
                        lockstep.run(&mut pilot, &words, &truth, rig.as_mut(), &mut tape)?
                    } else {
                        lockstep.run(&mut brain, &words, &truth, rig.as_mut(), &mut tape)?
                    };
                    let (told, asked);
                    (told, asked, memory, apprentice) = brain.end();
                    planner = Some(asked);
                    if plan.say.is_some() {
                        outcome.success = told.goal_seen;
                    }
                    brain_row = Some(BrainRow::of(&told, lockstep.plant().disturbed_at(), &outcome));
                    story = Some(told);
                    outcome
                }
                Some(policy) => lockstep.run(policy, &words, &truth, rig.as_mut(), &mut tape)?,
                None => {
                    let script = studio.script(&setup, &lockstep, &told)?;
                    let mut expert = Expert::new(&setup, told.clone(), script);
                    lockstep.run(&mut expert, &words, &truth, rig.as_mut(), &mut tape)?
                }
            };
            if let Some(file) = &plan.world {
                world::save(file, &config.name, &setup, lockstep.plant())?;
            }
            if let (Some(dir), Some(rig)) = (&plan.pictures, &mut rig) {
                sheet::save(dir, task, seed, &rig.render(lockstep.plant())?)?;
            }
            if let (Some(dir), Some(story)) = (&plan.pictures, &story) {
                let file = dir.join(format!("{task}-{seed}.txt"));
                let text = format!("{}\n{}\n", told.instruction, story.text());
                std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
            let first_error_m = tape.first_position.zip(first).map(|(p, k)| (p - k.world_from_tool.position()).norm());
            let row = Row {
                task: task.clone(),
                seed,
                told: told.instruction.clone(),
                success: outcome.success,
                failed: outcome.failed,
                why: None,
                secs: (outcome.secs * 1e3).round() / 1e3,
                reached: outcome.reached,
                first_error_m,
                fault: outcome.fault.map(|f| format!("{f:?}")),
                refused: outcome.refused,
                chance: Some(setup.chance()),
                brain: brain_row,
            }
            .explained();
            tape.finish(row.success, &serde_json::to_value(&row)?)?;
            tell(&row);
            rows.push(row);
        }
    }
    let meta = Meta {
        versions: BTreeMap::from([
            ("neuraxis".into(), env!("CARGO_PKG_VERSION").into()),
            ("commit".into(), env!("NEURAXIS_COMMIT").into()),
            ("mujoco".into(), neuraxis_sim::mujoco_version()),
        ]),
        policy: match &plan.actor {
            Actor::Brain => format!("brain, planner {:?}", config.brain.planner),
            other => other.to_string(),
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
        without: plan.without.clone(),
        learned: if plan.actor == Actor::Brain { config.brain.learned.clone() } else { Vec::new() },
        memory: plan.memory.is_some(),
        time_limit_secs: config.run.time_limit_secs,
        robot: config.name.clone(),
        policy_hz: config.run.policy_hz,
        policy_latency_secs: config.run.lockstep_latency_secs,
        device,
        cameras: "front, left_shoulder, right_shoulder, wrist; 128x128 RGB-D".into(),
        grasp: plan.grasp.name().into(),
        judge: match &plan.say {
            Some(_) => "the brain itself: success is a goal that it has seen to hold".into(),
            None => "neuraxis-sim success predicates".into(),
        },
    };
    Ok(tabulate(meta, rows))
}
