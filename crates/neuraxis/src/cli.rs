//! The command line (stable: people script it).

mod bench;
mod demo;
mod demos;
mod memory;
mod result;
#[cfg(feature = "ros")]
mod ros;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

pub use self::result::{can_write, write_json, write_timing};
#[cfg(feature = "ros")]
use self::ros::RosCommand;
use self::{bench::BenchArgs, demo::DemoArgs};
use self::{demos::DemosArgs, memory::MemoryArgs};
use crate::{
    bridge::{self, BridgeCommand},
    calibrate::{self, Calibrate},
    config::{Config, workspace_root},
    eval::{self, EvalArgs},
    import::{self, ImportCommand},
    plan::{self, Proposed, Shown},
    rec, tasks,
    training::{self, EarlyArgs, TrainArgs},
};

/// A real-time brain for robot arms: run a learned manipulation policy safely at a fixed rate, see and replay everything.
#[derive(Debug, Parser)]
#[command(name = "neuraxis", version, about, propagate_version = true)]
pub struct Cli {
    /// Robot: a folder under configs/.
    #[arg(long, global = true, default_value = "fr3")]
    robot: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The main job: one episode with the shipped weights, recorded as MCAP and for Rerun.
    Demo(DemoArgs),
    /// Recorded episodes in the viewer again: alone, or several side by side; or their decisions taken again.
    Replay {
        #[command(flatten)]
        args: crate::replay::ReplayArgs,
    },
    /// Recordings: what is in them, parts of them, their numbers for other programs.
    Rec {
        #[command(subcommand)]
        what: rec::RecCommand,
    },
    /// The task suite: what can be asked, and what a scene looks like.
    Tasks {
        #[command(subcommand)]
        what: tasks::TasksCommand,
    },
    /// Make expert demonstrations: labelled observations for training.
    Demos(DemosArgs),
    /// Measure success in lockstep, with Wilson 95 % intervals.
    Eval(EvalArgs),
    /// Other people's simulators and this one, key-frame by key-frame (`eval --bridge` acts in them).
    Bridge {
        #[command(subcommand)]
        what: BridgeCommand,
    },
    /// Recordings, of others and of ours, as a data set for training; weights of others.
    Import {
        #[command(subcommand)]
        what: ImportCommand,
    },
    /// Join the result files of shards.
    Merge {
        /// Result files of `eval --shard`, or of evaluations that differ in `--seed` alone.
        files: Vec<PathBuf>,
        /// Write the joined result here.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Compare two results scene by scene: who succeeded where the other did not, and whether that can be chance (sign test).
    Compare {
        /// Result files of `eval --json` of the one.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Result file of the other, on the same tasks and seeds; may be given more than once.
        #[arg(long, required = true, value_name = "FILE")]
        with: Vec<PathBuf>,
    },
    /// Run beside ROS 2: joint states, cameras, instructions, stop and reset as topics and services.
    #[cfg(feature = "ros")]
    Ros {
        #[command(subcommand)]
        what: RosCommand,
    },
    /// The first hour with an arm: home, jog, gripper, and a policy in its shadow.
    Arm(crate::arm::ArmArgs),
    /// Record what an arm and its cameras do while somebody else moves it: nothing is sent to it.
    Record(crate::arm::RecordArgs),
    /// Measure, beside a peer or the physical limit.
    Bench(BenchArgs),
    /// Fault injection: every stream under every fault, over the simulated arm; fails if a cell fails.
    Chaos {
        /// Rows of the matrix, comma-separated (state, command, policy, camera, clock, viewer, disk, ros), or `all`.
        #[arg(long, default_value = "all")]
        only: String,
        /// Of the scene and of every random delay.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Write the cells here.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Where a camera is (by a coloured ball), what friction feels like, thresholds of the brain's monitors.
    #[command(subcommand)]
    Calibrate(Calibrate),
    /// From a sentence to a checked plan, by grammar and search: nothing moves. Prints an outline.
    Plan {
        /// What is to be done, e.g. "put the red block in the top drawer and close it".
        #[arg(required_unless_present = "file")]
        instruction: Option<String>,
        /// A plan in the plan language (JSON), to be checked and shown in place of one that is searched.
        #[arg(long, value_name = "FILE", conflicts_with = "instruction")]
        file: Option<PathBuf>,
        /// What is there and what is known: YAML or JSON, explained in the default's head.
        #[arg(long, value_name = "FILE", default_value = "sim/scenes/workbench.yaml")]
        scene: PathBuf,
        /// Print the plan as JSON.
        #[arg(long)]
        json: bool,
        /// Print the plan as XML of BehaviorTree.CPP 4, for Groot2.
        #[arg(long, conflicts_with = "json")]
        xml: bool,
    },
    /// Install this program as ROS 2 package `neuraxis`, without colcon: `ros2 launch neuraxis sim.launch.xml` finds it.
    Install {
        /// Where to; made if it is not there.
        #[arg(long, value_name = "DIR", default_value = "install")]
        prefix: PathBuf,
    },
    /// What this machine grants: realtime, LibTorch, simulator, weights, viewer, ROS 2.
    Doctor,
    /// The brain's memory: what is remembered, why it is believed, and forgetting it.
    Memory(MemoryArgs),
    /// Every fault of the control loop: what it means, what the arm does, what to do about it.
    Faults,
    /// The resolved configuration of a robot.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Train on demonstrations; resumes where it was stopped.
    Train {
        #[command(subcommand)]
        what: TrainCommand,
    },
}

/// What a file is that results cannot be joined with.
const NO_RESULT: &str = "not the result of one evaluation (`eval --json`, without `--perturb each`)";

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Every value in force, defaults included.
    Print,
    /// Read and check every file; errors name file, key and range.
    Check,
}

#[derive(Debug, Subcommand)]
enum TrainCommand {
    /// The Cortical Policy.
    Policy {
        #[command(flatten)]
        args: TrainArgs,
        #[command(flatten)]
        early: EarlyArgs,
        /// Weights to start from: tensors of the same name and shape are taken over. Not read again once there is a state.
        #[arg(long, value_name = "FILE")]
        init: Option<PathBuf>,
    },
    /// The dynamic stream's gaze network, trained to look at the next key-frame (or the tool: `gaze.label`); it is frozen in
    /// the policy.
    Gaze {
        #[command(flatten)]
        args: TrainArgs,
        /// Weights to start from: tensors of the same name and shape are taken over. Not read again once there is a state.
        #[arg(long, value_name = "FILE")]
        init: Option<PathBuf>,
        /// Where it trains: cpu, cuda, cuda:N or auto.
        #[arg(long, default_value = "cpu")]
        device: neuraxis_policy::DeviceChoice,
    },
}

/// The command line without what belongs to ROS 2.
pub fn arguments() -> Vec<std::ffi::OsString> {
    #[cfg(feature = "ros")]
    return neuraxis_ros::without_ros_args(std::env::args_os());
    #[cfg(not(feature = "ros"))]
    return std::env::args_os().collect();
}

/// Carries out a command.
pub fn run(cli: Cli) -> Result<()> {
    let root = workspace_root()?;
    let config = || Config::load(&root, &cli.robot);
    match cli.command {
        Command::Tasks { what } => tasks::run(what, &config()?),
        Command::Demo(args) => args.run(config()?),
        Command::Replay { args } => crate::replay::run(&root, &args),
        Command::Rec { what } => rec::run(&root, &what),
        Command::Demos(args) => args.run(&config()?),
        Command::Eval(args) => args.run(config()?),
        Command::Bridge { what } => bridge::run(what, config()?),
        Command::Import { what } => import::run(what, &config()?),
        Command::Merge { files, json } => {
            json.as_ref().map_or(Ok(()), |file| can_write("--json", file))?;
            let report = eval::merge(results(&files)?)?;
            eval::print(&report);
            json.map_or(Ok(()), |file| write_json(&file, &report))
        }
        Command::Compare { files, with } => {
            eval::print_comparison(&eval::compare(&results(&files)?, &results(&with)?)?);
            Ok(())
        }
        #[cfg(feature = "ros")]
        Command::Ros { what } => what.run(config()?),
        Command::Arm(args) => crate::arm::run(config()?, &args),
        Command::Record(args) => crate::arm::record(&config()?, args),
        Command::Bench(args) => args.run(&config()?),
        Command::Chaos { only, seed, json } => {
            json.as_ref().map_or(Ok(()), |file| can_write("--json", file))?;
            let plan = crate::chaos::ChaosPlan { sources: crate::chaos::sources(&only)?, seed };
            let bar = crate::progress::bar(plan.sources.len() as u64 * neuraxis_faults::FaultKind::ALL.len() as u64);
            let report = crate::chaos::run(&config()?, &plan, |cell| {
                bar.set_message(cell.to_string());
                bar.inc(1);
            })?;
            bar.finish_and_clear();
            crate::chaos::print(&report);
            if let Some(file) = json {
                write_json(&file, &report)?;
            }
            match report.count(neuraxis_faults::CellResult::Failed) {
                0 => Ok(()),
                failed => bail!("{failed} cells failed"),
            }
        }
        Command::Calibrate(what) => calibrate::run(&what, &config()?),
        Command::Plan { instruction, file, scene, json, xml } => {
            let shown = match (json, xml) {
                (true, _) => Shown::Json,
                (_, true) => Shown::Xml,
                _ => Shown::Outline,
            };
            // The default lies in the workspace, wherever the command is given.
            let scene = if scene.exists() { scene } else { root.join(scene) };
            let proposed = match file {
                Some(file) => Proposed::In(file),
                None => Proposed::For(instruction.unwrap_or_default()),
            };
            plan::run(&proposed, &scene, shown, &config()?)
        }
        Command::Install { prefix } => {
            say!("{}", crate::package::install(&root, &prefix)?);
            Ok(())
        }
        Command::Doctor => match crate::doctor::run(&config()?) {
            true => Ok(()),
            false => bail!("the main job cannot run here"),
        },
        Command::Memory(args) => args.run(),
        Command::Faults => {
            for fault in neuraxis_core::Fault::ALL {
                say!("{:<18} {:<7} {}", format!("{fault:?}"), format!("{:?}", fault.reaction()), fault.text());
                say!("{:<26} {}", "", fault.remedy());
            }
            say!(
                "\nReject: the input is refused, motion goes on. Stop: the arm decelerates within its limits and holds;"
            );
            say!("fresh commands move it again. Latch: as Stop, and it stays so until an operator resets.");
            Ok(())
        }
        Command::Config { what: ConfigCommand::Print } => {
            put!("{}", serde_yaml::to_string(&config()?)?);
            Ok(())
        }
        Command::Config { what: ConfigCommand::Check } => {
            let config = config()?;
            config.check()?;
            say!("{}: every file is sound", config.name);
            Ok(())
        }
        Command::Train { what: TrainCommand::Policy { args, early, init } } => {
            training::policy::run(&config()?, args, &early, init.as_deref())
        }
        Command::Train { what: TrainCommand::Gaze { args, init, device } } => {
            training::gaze::run(&config()?, args, init, device)
        }
    }
}

/// Results of evaluations, as they were written.
fn results(files: &[PathBuf]) -> Result<Vec<eval::Report>> {
    let result = |file: &PathBuf| {
        let text = fs::read(file).with_context(|| file.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| format!("{}: {NO_RESULT}", file.display()))
    };
    files.iter().map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_result_is_neither_merged_nor_compared() {
        let path = std::env::temp_dir().join(format!("neuraxis-merge-{}.mcap", std::process::id()));
        fs::write(&path, [0x89, b'M', 0xff]).unwrap();
        let file = &path.display().to_string();
        for line in [&["neuraxis", "merge", file][..], &["neuraxis", "compare", file, "--with", file]] {
            let error = run(Cli::try_parse_from(line).unwrap()).unwrap_err().to_string();
            assert_eq!(error, format!("{file}: {NO_RESULT}"));
        }
        fs::remove_file(&path).unwrap();
    }
}
