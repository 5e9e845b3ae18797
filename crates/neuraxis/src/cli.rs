//! The command line (stable: people script it).

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use neuraxis_hippocampus::{Stamp, Store};

use crate::{
    bridge::{self, BridgeCommand},
    calibrate::{self, Calibrate},
    config::{Config, workspace_root},
    demos::{self, DemosPlan},
    eval::{self, Actor, EVAL_SEED, EvalArgs},
    import::{self, ImportCommand},
    plan::{self, Shown},
    rec,
    shards::{parse_shard, without},
    tasks,
    training::{self, TrainArgs},
};

#[cfg(feature = "viz")]
use crate::keeping::KeepArgs;

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
enum MemoryCommand {
    /// All at a glance, or one episode.
    Show {
        /// Number of an episode.
        episode: Option<i64>,
    },
    /// What a belief rests on: `fact 7`, `repair 2`, `red_block`, `in(red_block,top_drawer)`, `episode 3`.
    Why {
        /// In words.
        #[arg(required = true)]
        what: Vec<String>,
    },
    /// For good: `episode 3`, `thing red_block`, `older 30` (days).
    Forget {
        /// In words.
        #[arg(required = true)]
        what: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The main job: one episode with the shipped weights, recorded as MCAP and for Rerun.
    #[cfg(feature = "viz")]
    Demo {
        /// `weights` (the shipped ones), `expert`, `brain` (plans and skills, for long tasks), or a file of weights.
        #[arg(long, default_value = "weights")]
        policy: String,
        /// File of the brain's memory, made if it is not there.
        #[arg(long, value_name = "FILE")]
        memory: Option<PathBuf>,
        /// Task name.
        #[arg(long, default_value = "push_buttons")]
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED + 7)]
        seed: u64,
        /// Folder for the recordings.
        #[arg(long, default_value = "out/demo")]
        out: PathBuf,
        /// Clock of the episode.
        #[arg(long, value_enum, default_value_t = crate::demo::ClockChoice::Realtime)]
        clock: crate::demo::ClockChoice,
        /// Open the Rerun viewer and stream to it as well.
        #[arg(long)]
        live: bool,
        /// Try out a fault: the cameras fall silent after this time [s]; the arm must stop and hold.
        #[arg(long, value_name = "SECS")]
        cameras_stop_after: Option<f64>,
        #[command(flatten)]
        keep: KeepArgs,
    },
    /// Recorded episodes in the viewer again: alone, or several side by side; or their decisions taken again.
    #[cfg(feature = "viz")]
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
    Demos {
        /// Folder of the data set; shards become DIR/shard-i.
        #[arg(long)]
        out: PathBuf,
        /// Tasks, comma-separated; `trained`: those of the shipped weights; `all`.
        #[arg(long, default_value = "all")]
        tasks: String,
        /// Episodes per task.
        #[arg(long, default_value_t = 600)]
        episodes: u64,
        /// First seed; keep it below 1000000, where evaluation begins.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Processes; each makes a shard of its own.
        #[arg(long, default_value_t = 2)]
        jobs: u64,
        /// Folder for a recording (MCAP) of every episode: 4 MB each, images at 10 Hz.
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        /// This process's shard, i/n.
        #[arg(long, hide = true)]
        shard: Option<String>,
    },
    /// Measure success in lockstep, with Wilson 95 % intervals.
    Eval(EvalArgs),
    /// Other people's simulators and this one, key-frame by key-frame (`eval --bridge` acts in them).
    Bridge {
        #[command(subcommand)]
        what: BridgeCommand,
    },
    /// Other people's recordings as a data set for training.
    Import {
        #[command(subcommand)]
        what: ImportCommand,
    },
    /// Join the result files of shards.
    Merge {
        /// Result files of `eval --shard`.
        files: Vec<PathBuf>,
        /// Write the joined result here.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Run beside ROS 2: joint states, cameras, instructions, stop and reset as topics and services.
    #[cfg(all(feature = "ros", feature = "viz"))]
    Ros {
        #[command(subcommand)]
        what: RosCommand,
    },
    /// The first hour with an arm: home, jog, gripper, and a policy in its shadow.
    #[cfg(feature = "viz")]
    Arm(crate::arm::ArmArgs),
    /// Record what an arm and its cameras do while somebody else moves it: nothing is sent to it.
    #[cfg(feature = "viz")]
    Record(crate::arm::RecordArgs),
    /// Measure, beside a peer or the physical limit.
    #[cfg(feature = "viz")]
    Bench {
        #[command(subcommand)]
        what: BenchCommand,
        /// Write the result here.
        #[arg(long, global = true)]
        json: Option<PathBuf>,
    },
    /// Fault injection: every stream under every fault, over the simulated arm; fails if a cell fails.
    #[cfg(feature = "sim")]
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
    /// What is learned of one robot from runs in which nothing went wrong: friction, thresholds of the brain's monitors
    #[command(subcommand)]
    Calibrate(Calibrate),
    /// From a sentence to a checked plan, by grammar and search: nothing moves. Prints an outline.
    Plan {
        /// What is to be done, e.g. "put the red block in the top drawer and close it".
        instruction: String,
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
    Memory {
        /// File of the memory.
        #[arg(long, value_name = "FILE", default_value = "out/memory.sqlite")]
        file: PathBuf,
        #[command(subcommand)]
        what: MemoryCommand,
    },
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

#[cfg(all(feature = "ros", feature = "viz"))]
#[derive(Debug, Subcommand)]
enum RosCommand {
    /// The simulated arm in the robot's place. `--ros-args` and what follows goes to ROS 2.
    Sim {
        /// `weights` (the shipped ones), `expert`, `brain` (plans and skills), a file of weights, or `remote`: `neuraxis ros
        /// policy` in another process, with the weights of run.yaml (`remote:HASH`: those, `remote:any`: any).
        #[arg(long, default_value = "weights")]
        policy: String,
        /// Task name.
        #[arg(long, default_value = "push_buttons")]
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED + 7)]
        seed: u64,
        /// Do nothing until somebody sends an instruction.
        // With a value, because launch files have no logic: `--wait=$(var instruction_wait)`.
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
            default_value_t = false, action = clap::ArgAction::Set)]
        wait: bool,
        /// Folder for a recording.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        #[command(flatten)]
        keep: KeepArgs,
    },
    /// A real arm with real cameras, as configs/ROBOT/arm.yaml says. It holds until the node is activated.
    Arm(crate::ros::ArmOptions),
    /// The policy alone, for a machine that infers: answers a robot that runs `ros arm --policy remote` or `ros sim --policy
    /// remote`.
    Policy(crate::ros_policy::PolicyOptions),
    /// What a robot's node publishes, in the viewer: joints, cameras, what the policy wants, what the brain says.
    Viz(crate::ros_viz::VizOptions),
    /// The simulated world as a robot on ROS 2: joint states and cameras out, commands of three kinds of controllers in.
    Plant {
        /// Task name.
        #[arg(long, default_value = "push_buttons")]
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED + 7)]
        seed: u64,
        /// What goes wrong, SECS after the first command: silent, freeze, nan, wrong_names, missing_joint, duplicate_joint,
        /// late, ignore, jump, cameras_freeze, camera_skew, cameras_move, tf_silent, gripper_refuse, gripper_abort, gripper_hang or gripper_deaf.
        #[arg(long, value_name = "KIND[@SECS]")]
        misbehave: Option<neuraxis_ros::Misbehave>,
    },
    /// The other process of `bench`: sends until its standard input ends.
    #[command(hide = true)]
    Load(crate::bench::LoadArgs),
}

#[cfg(feature = "viz")]
#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// The 1 kHz loop in motion beside cyclictest: idle, beside inference, under a flood of ROS messages, in turns.
    Loop {
        /// Time of each part of a block [s].
        #[arg(long, default_value_t = 10.0)]
        secs: f64,
        /// Blocks; each measures every part once.
        #[arg(long, default_value_t = 1)]
        blocks: usize,
        /// What infers in the busy part: `weights` (the shipped ones), a file of weights, or `none`.
        #[arg(long, default_value = "weights")]
        policy: String,
        /// Leave out the flood of ROS messages.
        #[arg(long)]
        no_flood: bool,
    },
    /// The 1 kHz loop in the process of the ROS 2 node: quiet, under a flood of messages and a storm of requests, and beside
    /// RGB-D cameras of which every picture is accounted for; in turns, ratios to the quiet loop.
    #[cfg(feature = "ros")]
    Ros {
        /// Time of each part of a block [s].
        #[arg(long, default_value_t = 10.0)]
        secs: f64,
        /// Blocks; each measures every part once.
        #[arg(long, default_value_t = 1)]
        blocks: usize,
        /// Instructions of the storm [Hz].
        #[arg(long, default_value_t = 10_000.0)]
        messages_hz: f64,
        /// Requests of the storm, to three of the node's services in turn [Hz].
        #[arg(long, default_value_t = 1000.0)]
        requests_hz: f64,
        /// Pictures of each camera, of 640 x 480 pixels, colour and depth [Hz].
        #[arg(long, default_value_t = 30.0)]
        camera_hz: f64,
        /// The camera side does not ask for lost messages again.
        #[arg(long)]
        best_effort: bool,
    },
    /// Forward kinematics, Jacobian, inverse kinematics beside crate k and Pinocchio (NEURAXIS_BENCH_PYTHON).
    Kinematics {
        /// Random reachable poses to solve from home.
        #[arg(long, default_value_t = 100_000)]
        poses: u32,
    },
    /// A step and a new goal of jerk-limited motion beside rsruckig and ruckig (NEURAXIS_BENCH_PYTHON).
    Motion,
    /// Mailbox and ring beside rtrb, on one thread and across two.
    Channels,
    /// One policy tick by stage, one torch thread.
    Policy {
        /// `weights` (the shipped ones) or a file of weights.
        #[arg(long, default_value = "weights")]
        policy: String,
        /// Predictions.
        #[arg(long, default_value_t = 100)]
        ticks: u32,
    },
    /// From image to motion with the policy in another process, over DDS, beside the same in one process.
    #[cfg(feature = "ros")]
    Apart {
        /// Time of each of the two [s].
        #[arg(long, default_value_t = 30.0)]
        secs: f64,
    },
    /// Four cameras of 640x480 with depth at 30 Hz and the loop into a recording: drops, MB/s, processor, enqueue; beside a
    /// plain write of the same bytes.
    Recorder {
        /// How long [s].
        #[arg(long, default_value_t = 20.0)]
        secs: f64,
        /// A new folder on the disk that is measured.
        #[arg(long, default_value = "out/bench-recorder")]
        out: PathBuf,
        /// Keep what was written.
        #[arg(long)]
        keep: bool,
    },
    /// A long recording: how long it takes to open, to decode, to go into a file for the viewer.
    Replay {
        /// A recording, which is repeated until it is long enough.
        file: PathBuf,
        /// How long [s].
        #[arg(long, default_value_t = 600.0)]
        secs: f64,
        /// A folder for it.
        #[arg(long, default_value = "out/bench-replay")]
        out: PathBuf,
        /// Keep what was written.
        #[arg(long)]
        keep: bool,
    },
    /// All of them but `replay`, with their default settings.
    All,
}

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
        /// Weights to start from: tensors of the same name and shape are taken over. Not read again once there is a state.
        #[arg(long, value_name = "FILE")]
        init: Option<PathBuf>,
    },
    /// The dynamic stream's gaze network, to look at the end-effector; it is frozen in the policy.
    Gaze {
        #[command(flatten)]
        args: TrainArgs,
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
        #[cfg(feature = "viz")]
        Command::Demo { policy, memory, task, seed, out, clock, live, cameras_stop_after, keep } => {
            let mut config = config()?;
            keep.apply(&mut config.run.recording)?;
            let plan = crate::demo::DemoPlan {
                actor: Actor::of(&policy, &config),
                task: tasks::one(&task, &config)?,
                seed,
                out,
                clock,
                memory,
                live,
                cameras_stop_after_secs: cameras_stop_after,
            };
            if !crate::demo::run(&config, &plan)? {
                bail!("the goal was not met");
            }
            Ok(())
        }
        #[cfg(feature = "viz")]
        Command::Replay { args } => crate::replay::run(&root, &args),
        Command::Rec { what } => rec::run(&root, &what),
        Command::Demos { out, tasks, episodes, seed, jobs, record, shard } => {
            let config = config()?;
            let plan = DemosPlan { tasks: tasks::list(&tasks, &config)?, episodes, seed, record };
            match shard {
                Some(shard) => demo_shard(&config, plan, &out, parse_shard(&shard)?),
                None => demo_shards(&plan, &out, jobs),
            }
        }
        Command::Eval(args) => args.run(config()?),
        Command::Bridge { what } => bridge::run(what, config()?),
        Command::Import { what } => import::run(what, &config()?),
        Command::Merge { files, json } => {
            let reports = files
                .iter()
                .map(|f| {
                    let text = std::fs::read_to_string(f).with_context(|| f.display().to_string())?;
                    serde_json::from_str(&text).with_context(|| f.display().to_string())
                })
                .collect::<Result<Vec<eval::Report>>>()?;
            let report = eval::merge(reports)?;
            eval::print(&report);
            json.map_or(Ok(()), |file| write_json(&file, &report))
        }
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Sim { policy, task, seed, wait, out, keep } } => {
            let mut config = config()?;
            keep.apply(&mut config.run.recording)?;
            let task = tasks::one(&task, &config)?;
            let plan = crate::ros::RosSim { leader: crate::ros::Leader::of(&policy, &config), task, seed, wait, out };
            crate::ros::sim(&config, &plan)
        }
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Arm(options) } => crate::ros::arm(&config()?, options),
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Policy(options) } => crate::ros_policy::policy(&config()?, &options),
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Viz(options) } => crate::ros_viz::viz(&config()?, &options),
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Plant { task, seed, misbehave } } => {
            let config = config()?;
            let plan = crate::ros_plant::RosPlant { task: tasks::one(&task, &config)?, seed, misbehave };
            crate::ros_plant::plant(&config, &plan)
        }
        #[cfg(all(feature = "ros", feature = "viz"))]
        Command::Ros { what: RosCommand::Load(args) } => args.run(),
        #[cfg(feature = "viz")]
        Command::Arm(args) => crate::arm::run(config()?, &args),
        #[cfg(feature = "viz")]
        Command::Record(args) => crate::arm::record(&config()?, args),
        #[cfg(feature = "viz")]
        Command::Bench { what, json } => {
            let config = config()?;
            let machine = crate::bench::Machine::look();
            let measured = bench(&config, &what)?;
            let machine = machine.after();
            machine.print();
            measured.iter().for_each(crate::bench::Measured::print);
            json.map_or(Ok(()), |file| write_json(&file, &crate::bench::rows(&measured, &machine)))
        }
        #[cfg(feature = "sim")]
        Command::Chaos { only, seed, json } => {
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
        Command::Plan { instruction, scene, json, xml } => {
            let shown = match (json, xml) {
                (true, _) => Shown::Json,
                (_, true) => Shown::Xml,
                _ => Shown::Outline,
            };
            // The default lies in the workspace, wherever the command is given.
            let scene = if scene.exists() { scene } else { root.join(scene) };
            plan::run(&instruction, &scene, shown, &config()?)
        }
        Command::Install { prefix } => {
            println!("{}", crate::package::install(&root, &prefix)?);
            Ok(())
        }
        Command::Doctor => match crate::doctor::run(&config()?) {
            true => Ok(()),
            false => bail!("the main job cannot run here"),
        },
        Command::Memory { file, what } => {
            if !file.exists() {
                bail!("there is no memory {}; `eval --policy brain --memory FILE` makes one", file.display());
            }
            let mut store = Store::open(&file)?;
            match what {
                MemoryCommand::Show { episode } => crate::memory::show(&store, episode),
                MemoryCommand::Why { what } => crate::memory::why(&store, &what),
                MemoryCommand::Forget { what } => {
                    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
                    crate::memory::forget(&mut store, &what, Stamp::from_unix_ms(since.as_millis() as i64))
                }
            }
        }
        Command::Faults => {
            for fault in neuraxis_core::Fault::ALL {
                println!("{:<18} {:<7} {}", format!("{fault:?}"), format!("{:?}", fault.reaction()), fault.text());
                println!("{:<26} {}", "", fault.remedy());
            }
            println!(
                "\nReject: the input is refused, motion goes on. Stop: the arm decelerates within its limits and holds;"
            );
            println!("fresh commands move it again. Latch: as Stop, and it stays so until an operator resets.");
            Ok(())
        }
        Command::Config { what: ConfigCommand::Print } => {
            print!("{}", serde_yaml::to_string(&config()?)?);
            Ok(())
        }
        Command::Config { what: ConfigCommand::Check } => {
            let config = config()?;
            config.check()?;
            println!("{}: every file is sound", config.name);
            Ok(())
        }
        Command::Train { what: TrainCommand::Policy { args, init } } => {
            training::policy::run(&config()?, args, init.as_deref())
        }
        Command::Train { what: TrainCommand::Gaze { args, device } } => training::gaze::run(&config()?, args, device),
    }
}

/// Measures.
#[cfg(feature = "viz")]
fn bench(config: &Config, what: &BenchCommand) -> Result<Vec<crate::bench::Measured>> {
    use crate::bench::{LoopPlan, channels, control_loop, kinematics, motion, policy, recorder, replay};
    match what {
        BenchCommand::Loop { secs, blocks, policy, no_flood } => {
            let actor = if policy == "none" { None } else { Some(Actor::of(policy, config)) };
            control_loop(config, &LoopPlan { secs: *secs, blocks: *blocks, actor, flood: !no_flood })
        }
        #[cfg(feature = "ros")]
        BenchCommand::Ros { secs, blocks, messages_hz, requests_hz, camera_hz, best_effort } => {
            let plan = crate::bench::RosPlan {
                secs: *secs,
                blocks: *blocks,
                storm_hz: [*messages_hz, *requests_hz],
                cameras: (crate::episode_run::simulated_cameras(), [640, 480], *camera_hz),
                reliable: !best_effort,
            };
            crate::bench::ros(config, &plan)
        }
        BenchCommand::Kinematics { poses } => kinematics(config, *poses),
        BenchCommand::Motion => motion(config),
        BenchCommand::Channels => channels(),
        BenchCommand::Policy { policy: weights, ticks } => policy(config, &Actor::of(weights, config), *ticks),
        #[cfg(feature = "ros")]
        BenchCommand::Apart { secs } => crate::bench::apart(config, *secs),
        BenchCommand::Recorder { secs, out, keep } => recorder(config, *secs, out, *keep),
        BenchCommand::Replay { file, secs, out, keep } => replay(config, file, *secs, out, *keep),
        BenchCommand::All => {
            // Each as it would run alone: what the command line itself would say.
            let mut rows = Vec::new();
            let ros: &[&str] = if cfg!(feature = "ros") { &["ros", "apart"] } else { &[] };
            for name in ["channels", "kinematics", "motion", "policy", "recorder", "loop"].iter().chain(ros).copied() {
                let Command::Bench { what, .. } = Cli::parse_from(["neuraxis", "bench", name]).command else {
                    continue;
                };
                println!("bench {name}");
                rows.extend(bench(config, &what)?);
            }
            Ok(rows)
        }
    }
}

fn demo_shard(config: &Config, mut plan: DemosPlan, out: &std::path::Path, (index, count): (u64, u64)) -> Result<()> {
    // Each shard makes a contiguous range of seeds.
    let share = plan.episodes / count + u64::from(index < plan.episodes % count);
    plan.seed += index * (plan.episodes / count) + index.min(plan.episodes % count);
    plan.episodes = share;
    let bar = crate::progress::bar(plan.episodes * plan.tasks.len() as u64);
    demos::generate(config, &plan, out, |done, kept, failed| {
        bar.set_position(done);
        bar.set_message(format!("{kept} observations, {failed} experts failed"));
        if bar.is_hidden() && done % 50 == 0 {
            println!("{done} episodes, {kept} observations, {failed} experts failed");
        }
    })
}

fn demo_shards(plan: &DemosPlan, out: &std::path::Path, jobs: u64) -> Result<()> {
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
        children.push(command.spawn()?);
    }
    for mut child in children {
        let status = child.wait()?;
        if !status.success() {
            bail!("a shard failed: {status}");
        }
    }
    println!("{} episodes of {} tasks in {}", plan.episodes, plan.tasks.len(), out.display());
    Ok(())
}

/// Writes a result for programs.
pub fn write_json(file: &std::path::Path, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    std::fs::write(file, text + "\n").with_context(|| file.display().to_string())
}
