//! The command line of `neuraxis eval`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use neuraxis_brain::{Learned, PlannerKind};
use neuraxis_sim::{Disturbance, Factor, Grasp, Moving, Perturbation};

use super::{Actor, EVAL_SEED, EvalPlan, Told};
use crate::{
    brain::Without,
    bridge::{BridgePlan, BridgeTarget},
    cli::{can_write, write_json, write_timing},
    config::{Config, Surroundings},
    interrupt,
    shards::{at_least_one, parse_shard, without},
    tasks,
};

/// Options of `neuraxis eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// `weights` (the shipped ones), `expert`, `brain` (plans and skills, for long tasks), `nearest:DATA`, or a file of
    /// weights.
    #[arg(long, default_value = "weights")]
    policy: String,
    /// Tasks, comma-separated; `trained`: those of the shipped weights; `all`; `long`.
    #[arg(long, default_value = "trained")]
    tasks: String,
    /// Episodes per task.
    #[arg(long, default_value_t = 50, value_parser = at_least_one)]
    episodes: u64,
    /// First seed; training uses seeds below 900000.
    #[arg(long, default_value_t = EVAL_SEED)]
    seed: u64,
    /// Make one prediction per key-frame instead of re-predicting while moving.
    #[arg(long)]
    no_repredict: bool,
    /// What the arm is told.
    #[arg(long, value_enum, default_value_t = Told::Given)]
    instruction: Told,
    /// What holds things: friction, or attach (they follow the hand, as in RLBench).
    #[arg(long, default_value_t = Grasp::Friction)]
    grasp: Grasp,
    /// What is different from training: factors, comma-separated (`neuraxis tasks factors`), a YAML file with
    /// factors and their ranges, or `each`: a table with a line for every factor.
    #[arg(long)]
    perturb: Option<String>,
    /// Displace the scene while the arm approaches it: `displaced` (once) or `drifting` (slowly; so without a value).
    #[arg(long, num_args = 0..=1, default_value_t = Moving::Still, default_missing_value = "drifting", value_name = "HOW")]
    moving: Moving,
    /// Let something go wrong once: object_dropped, gripper_slip, target_moved, path_blocked or drawer_closed.
    #[arg(long)]
    disturb: Option<Disturbance>,
    /// What the brain goes without, to see what it is good for (`--policy brain` only); comma-separated.
    #[arg(long, value_enum, value_delimiter = ',')]
    without: Vec<Without>,
    /// Who plans for the brain: symbolic, vlm, or vlm_or_symbolic (the model is reached as brain.yaml says); as configured
    /// if left out.
    #[arg(long, value_parser = planner_kind)]
    cortex: Option<PlannerKind>,
    /// Where the model's server is, /v1 included; in place of `vlm.base_url` in brain.yaml.
    #[arg(long, value_name = "URL")]
    vlm_url: Option<String>,
    /// Skills that the learned policy does for the brain at the first try: pull. As configured if left out.
    #[arg(long, value_name = "SKILLS", value_parser = learned, value_delimiter = ',')]
    learned: Vec<Learned>,
    /// File of the brain's memory, made if it is not there: plans that worked are used again, repairs are learned.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    /// Tell the brain this in place of the task's own sentence, "put it back where it was", say; no judge knows the goal,
    /// then: success is what the brain itself has seen.
    #[arg(long, value_name = "SENTENCE")]
    say: Option<String>,
    /// File that keeps the simulated world of one task and seed: things lie where the last episode has left them, the arm
    /// is at home. Made if it is not there.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Show the brain the world of another scene as the true one, which it must not look at (for tests).
    #[arg(long, hide = true)]
    poisoned: bool,
    /// Plan paths around what stands in the way of free key-frames, as seen in the `cloud` of the cameras or taken from
    /// the `simulator`; `off`: over via points. If left out: as configured, and `off` for the expert.
    #[arg(long, value_name = "off|cloud|simulator")]
    planner: Option<Surroundings>,
    /// Run one share of the episodes: i/n, i from 0 to n-1; join them with `neuraxis merge`.
    #[arg(long)]
    shard: Option<String>,
    /// Child processes.
    #[arg(long, default_value_t = 2, value_parser = at_least_one)]
    jobs: u64,
    /// Folder for a picture of the end of every episode, and sheet.png of all; with `--perturb each` DIR/FACTOR.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Folder for a recording (MCAP) of every episode, with what weights saw for each answer; with `--perturb each`
    /// DIR/FACTOR.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Write the result here.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    target: BridgeTarget,
}

impl EvalArgs {
    /// Runs the evaluation, prints its table and writes its files.
    pub fn run(self, mut config: Config) -> Result<()> {
        let Self {
            policy,
            tasks,
            episodes,
            seed,
            no_repredict,
            instruction,
            grasp,
            perturb,
            moving,
            disturb,
            without: ablated,
            poisoned,
            cortex,
            learned,
            vlm_url,
            memory,
            say,
            world,
            planner,
            shard,
            jobs,
            pictures,
            record,
            json,
            target,
        } = self;
        json.as_ref().map_or(Ok(()), |file| can_write("--json", file))?;
        world.as_ref().map_or(Ok(()), |file| can_write("--world", file))?;
        if let Some(address) = target.bridge {
            let (actor, recorded) = (Actor::of(&policy, &config), target.recorded);
            let plan = BridgePlan { address, actor, tasks, episodes, seed, recorded };
            return crate::bridge::measure(&config, &plan, json.as_deref());
        }
        only_for_brain(
            &policy,
            &[
                ("--without", !ablated.is_empty()),
                ("--cortex", cortex.is_some()),
                ("--vlm-url", vlm_url.is_some()),
                ("--learned", !learned.is_empty()),
                ("--memory", memory.is_some()),
            ],
        )?;
        config.ask_of(cortex, vlm_url)?;
        if !learned.is_empty() {
            config.brain.learned = learned;
        }
        if perturb.as_deref() == Some("each") {
            let options = ["--json", "--jobs", "--perturb", "--pictures", "--record"];
            let arguments = without(std::env::args().skip(1).collect(), &options);
            interrupt::listen()?;
            return eval_each(&arguments, jobs, [pictures.as_deref(), record.as_deref()], json.as_deref());
        }
        let actor = Actor::of(&policy, &config);
        let alone = shard.is_some() || jobs <= 1;
        if memory.is_some() && !alone {
            bail!("a memory belongs to one process: --jobs 1 with --memory");
        }
        if world.is_some() && !alone {
            bail!("a world belongs to one process: --jobs 1 with --world");
        }
        let planner = planner.unwrap_or_else(|| actor.surroundings(&config));
        if say.is_some() && actor != Actor::Brain {
            bail!("only the brain can say whether a goal of one's own is met: --policy brain with --say");
        }
        let plan = EvalPlan {
            actor,
            tasks: tasks::list(&tasks, &config)?,
            episodes,
            seed,
            repredict: !no_repredict,
            told: instruction,
            grasp,
            perturbation: perturb.as_deref().map_or_else(|| Ok(Perturbation::default()), perturbation)?,
            moving,
            disturbance: disturb,
            without: ablated,
            poisoned,
            memory,
            say,
            world,
            planner,
            pictures: pictures.clone(),
            record,
            shard: shard.as_deref().map(parse_shard).transpose()?.unwrap_or((0, 1)),
        };
        let started = std::time::Instant::now();
        let report = if alone {
            let bar = crate::progress::bar(plan.tasks.len() as u64 * episodes.div_ceil(plan.shard.1));
            super::run(&config, &plan, |row| {
                bar.inc(1);
                if bar.is_hidden() {
                    // In one write, for shards share the terminal.
                    let _ = std::io::stderr().write_all((row.line() + "\n").as_bytes());
                } else if !row.success {
                    bar.println(row.line());
                }
            })?
        } else {
            let arguments: Vec<String> = std::env::args().skip(1).collect();
            let arguments = without(arguments, &["--json", "--jobs"]);
            interrupt::listen()?;
            super::run_parallel(&arguments, jobs)?
        };
        super::print(&report);
        if let Some(dir) = pictures.filter(|_| shard.is_none()) {
            say!("pictures {}", super::compose(&dir, &report)?.display());
        }
        if let Some(file) = json {
            write_json(&file, &report)?;
            write_timing(&file, started, jobs)?;
        }
        Ok(())
    }
}

/// An error where an option was given that nobody heeds but the brain, and something else acts.
pub fn only_for_brain(policy: &str, given: &[(&str, bool)]) -> Result<()> {
    match given.iter().find(|(_, is_given)| *is_given && policy != "brain") {
        Some((option, _)) => bail!("{option} is for --policy brain, this is {policy}"),
        None => Ok(()),
    }
}

fn learned(text: &str) -> Result<Learned, String> {
    let found = Learned::ALL.into_iter().find(|(name, _)| *name == text);
    found
        .map(|(_, learned)| learned)
        .ok_or_else(|| format!("{text:?}, allowed: {}", Learned::ALL.map(|l| l.0).join(", ")))
}

fn planner_kind(text: &str) -> Result<PlannerKind, String> {
    serde_yaml::from_str(text).map_err(|_| "known: symbolic, vlm, vlm_or_symbolic".to_string())
}

/// Factors by name, or a file with their ranges.
fn perturbation(text: &str) -> Result<Perturbation> {
    let perturbation = if text.ends_with(".yaml") {
        crate::config::read(std::path::Path::new(text))?
    } else {
        let factors = text.split(',').map(str::parse).collect::<Result<Vec<Factor>, _>>()?;
        Perturbation { factors, ..Perturbation::default() }
    };
    perturbation.validate().with_context(|| text.to_string())?;
    Ok(perturbation)
}

/// One evaluation without and one with each factor, each with a folder of its own for its pictures and its recordings.
fn eval_each(
    arguments: &[String],
    jobs: u64,
    [pictures, record]: [Option<&Path>; 2],
    json: Option<&Path>,
) -> Result<()> {
    let mut reports = std::collections::BTreeMap::new();
    say!("{:<20} {:>9} {:>17}", "factor", "successes", "95 % (Wilson)");
    for factor in std::iter::once(None).chain(Factor::ALL.into_iter().map(Some)) {
        let name = factor.map_or("none", Factor::name);
        let mut arguments = arguments.to_vec();
        if factor.is_some() {
            arguments.extend(["--perturb".into(), name.into()]);
        }
        for (option, dir) in [("--pictures", pictures), ("--record", record)] {
            if let Some(dir) = dir {
                arguments.extend([option.into(), dir.join(name).display().to_string()]);
            }
        }
        let report = super::run_parallel(&arguments, jobs.max(1))?;
        pictures.map(|dir| super::compose(&dir.join(name), &report)).transpose()?;
        say!("{name:<20} {}", super::line(&report));
        reports.insert(name, report);
    }
    if let Some(dir) = pictures {
        say!("pictures {}", dir.join("FACTOR/sheet.png").display());
    }
    json.map_or(Ok(()), |file| write_json(file, &reports))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: EvalArgs,
    }

    /// Why these arguments are refused before anything runs.
    fn refused(arguments: &str) -> String {
        let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        let line = Line::try_parse_from(["eval"].into_iter().chain(arguments.split(' ')));
        line.map_or_else(|e| e.to_string(), |line| line.args.run(config).unwrap_err().to_string())
    }

    #[test]
    fn what_only_the_brain_heeds_is_refused_elsewhere() {
        for option in ["--without ladder", "--cortex vlm", "--vlm-url http://x/v1", "--learned pull", "--memory m"] {
            let name = option.split(' ').next().unwrap();
            let said = refused(&format!("--policy expert {option}"));
            assert_eq!(said, format!("{name} is for --policy brain, this is expert"));
        }
        assert_eq!(only_for_brain("brain", &[("--memory", true)]).ok(), Some(()));
    }

    #[test]
    fn a_world_that_cannot_be_kept_is_refused_before_anything_moves() {
        let said = refused("--policy expert --jobs 1 --world /dev/null/never/world.json");
        assert!(said.starts_with("--world /dev/null/never/world.json: cannot be written: "), "{said}");
    }

    #[test]
    fn nothing_is_no_evaluation() {
        assert!(refused("--policy expert --episodes 0").contains("allowed: 1 or more"));
    }
}
