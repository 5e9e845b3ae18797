//! `neuraxis ros`: the nodes of the package.

use std::path::PathBuf;

use anyhow::Result;
use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use neuraxis_ros::{Misbehave, Misbehaviour};
use neuraxis_sim::model::Mark;

use crate::{
    bench::LoadArgs,
    config::Config,
    eval::{EVAL_SEED, only_for_brain},
    keeping::KeepArgs,
    ros::{self, Leader, RosSim},
    ros_plant::{self, RosPlant},
    ros_policy, ros_viz, tasks,
};

/// A node.
#[derive(Debug, Subcommand)]
pub enum RosCommand {
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
        /// File of the brain's memory, made if it is not there.
        #[arg(long, value_name = "FILE")]
        memory: Option<PathBuf>,
        #[command(flatten)]
        keep: KeepArgs,
    },
    /// A real arm with real cameras, as configs/ROBOT/arm.yaml says. It holds until the node is activated.
    Arm(ros::ArmOptions),
    /// The policy alone, for a machine that infers: answers a robot that runs `ros arm --policy remote` or `ros sim --policy
    /// remote`.
    Policy(ros_policy::PolicyOptions),
    /// What a robot's node publishes, in the viewer: joints, cameras, what the policy wants, what the brain says.
    Viz(ros_viz::VizOptions),
    /// The simulated world as a robot on ROS 2: joint states and cameras out, commands of three kinds of controllers in.
    Plant {
        /// Task name.
        #[arg(long, default_value = "push_buttons")]
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED + 7)]
        seed: u64,
        #[arg(long, value_name = "KIND[@SECS|@asked]", help = Misbehaviour::HELP)]
        misbehave: Option<Misbehave>,
        /// A red ball to calibrate cameras by.
        #[arg(long, value_name = "WHERE", value_parser = PossibleValuesParser::new(["hand", "table"]).map(mark))]
        mark: Option<Mark>,
    },
    /// The other process of `bench`: sends until its standard input ends.
    #[command(hide = true)]
    Load(LoadArgs),
}

impl RosCommand {
    /// Runs it until it is told to end.
    pub fn run(self, mut config: Config) -> Result<()> {
        match self {
            Self::Sim { policy, task, seed, wait, out, memory, keep } => {
                only_for_brain(&policy, &[("--memory", memory.is_some())])?;
                keep.apply(&mut config.run.recording)?;
                let task = tasks::one(&task, &config)?;
                ros::sim(&config, &RosSim { leader: Leader::of(&policy, &config), task, seed, wait, out, memory })
            }
            Self::Arm(options) => ros::arm(&config, options),
            Self::Policy(options) => ros_policy::policy(&config, &options),
            Self::Viz(options) => ros_viz::viz(&config, &options),
            Self::Plant { task, seed, misbehave, mark } => {
                let task = tasks::one(&task, &config)?;
                ros_plant::plant(&config, &RosPlant { task, seed, misbehave, mark })
            }
            Self::Load(args) => args.run(),
        }
    }
}

fn mark(place: String) -> Mark {
    if place == "hand" { Mark::Hand } else { Mark::Table }
}
