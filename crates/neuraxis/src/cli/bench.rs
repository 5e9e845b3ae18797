//! `neuraxis bench`: what is measured, and for how long.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};

use super::{Cli, Command, can_write, write_json};
use crate::{
    bench::{self, AgreePlan, LoopPlan, Machine, Measured},
    config::Config,
    eval::Actor,
};

/// What is measured, and where the result goes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: BenchCommand,
    /// Write the result here.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

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
        /// While the 1 kHz loop runs, in motion.
        #[arg(long)]
        beside_loop: bool,
    },
    /// The same weights on two devices: how far their answers are apart. An error if by more than 1 mm or 5 degrees.
    Agree {
        /// `weights` (the shipped ones) or a file of weights.
        #[arg(long, default_value = "weights")]
        policy: String,
        /// One device: cpu, cuda, cuda:N.
        #[arg(long, default_value = "cpu")]
        one: neuraxis_policy::DeviceChoice,
        /// The other.
        #[arg(long, default_value = "cuda")]
        other: neuraxis_policy::DeviceChoice,
        /// Scenes.
        #[arg(long, default_value_t = 500)]
        observations: u64,
    },
    /// From image to motion with the policy in another process, over DDS, beside the same in one process.
    #[cfg(feature = "ros")]
    Apart {
        /// Time of each of the two, 1 to 3600 [s].
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
    /// All of them but `agree` and `replay`, with their default settings.
    All,
}

impl BenchArgs {
    /// Measures, prints, and writes the result if a file is given.
    pub fn run(self, config: &Config) -> Result<()> {
        self.json.as_ref().map_or(Ok(()), |file| can_write("--json", file))?;
        let machine = Machine::look();
        let measured = self.what.measure(config)?;
        let machine = machine.after();
        machine.print();
        // Of all of them each has been printed when it was measured.
        if !matches!(self.what, BenchCommand::All) {
            measured.iter().for_each(Measured::print);
        }
        self.json.map_or(Ok(()), |file| write_json(&file, &bench::rows(&measured, &machine)))
    }
}

impl BenchCommand {
    fn measure(&self, config: &Config) -> Result<Vec<Measured>> {
        match self {
            Self::Loop { secs, blocks, policy, no_flood } => {
                let actor = if policy == "none" { None } else { Some(Actor::of(policy, config)) };
                bench::control_loop(config, &LoopPlan { secs: *secs, blocks: *blocks, actor, flood: !no_flood })
            }
            #[cfg(feature = "ros")]
            Self::Ros { secs, blocks, messages_hz, requests_hz, camera_hz, best_effort } => {
                let plan = bench::RosPlan {
                    secs: *secs,
                    blocks: *blocks,
                    storm_hz: [*messages_hz, *requests_hz],
                    cameras: (crate::episode_run::simulated_cameras(), [640, 480], *camera_hz),
                    reliable: !best_effort,
                };
                bench::ros(config, &plan)
            }
            Self::Kinematics { poses } => bench::kinematics(config, *poses),
            Self::Motion => bench::motion(config),
            Self::Channels => bench::channels(),
            Self::Policy { policy, ticks, beside_loop } => {
                bench::policy(config, &Actor::of(policy, config), *ticks, *beside_loop)
            }
            Self::Agree { policy, one, other, observations } => {
                let Actor::Weights(weights) = Actor::of(policy, config) else { bail!("--policy {policy}: weights") };
                bench::agree(config, &AgreePlan { weights, devices: [*one, *other], observations: *observations })
            }
            #[cfg(feature = "ros")]
            Self::Apart { secs } => bench::apart(config, *secs),
            Self::Recorder { secs, out, keep } => bench::recorder(config, *secs, out, *keep),
            Self::Replay { file, secs, out, keep } => bench::replay(config, file, *secs, out, *keep),
            Self::All => {
                // Each as it would run alone: what the command line itself would say.
                let mut parts = Vec::new();
                let ros: &[&str] = if cfg!(feature = "ros") { &["ros", "apart"] } else { &[] };
                for name in
                    ["channels", "kinematics", "motion", "policy", "recorder", "loop"].iter().chain(ros).copied()
                {
                    let Command::Bench(BenchArgs { what, .. }) = Cli::parse_from(["neuraxis", "bench", name]).command
                    else {
                        continue;
                    };
                    // Before the first is measured, not after the fourth.
                    if let Self::Recorder { out, .. } = &what {
                        bench::is_new(out)?;
                    }
                    parts.push((name, what));
                }
                let mut rows = Vec::new();
                for (name, what) in parts {
                    say!("bench {name}");
                    let measured = what.measure(config)?;
                    // At once: a later one may fail.
                    measured.iter().for_each(Measured::print);
                    rows.extend(measured);
                }
                Ok(rows)
            }
        }
    }
}
