//! `neuraxis arm`: the first hour with an arm. Small motions at reduced speed, and a policy in the arm's shadow.

mod around;
mod watch;

use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
};

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use neuraxis_core::{Gripper, Instruction, Nanos};
use neuraxis_robot::Robot;
use serde_json::json;

use crate::{
    config::Config,
    errand::{Errand, Errands},
    interrupt,
    realtime::{Drive, Until},
    recorder::Recorder,
    source::Source,
    threads::Shared,
};

pub use around::{Around, Which, WhichArgs};
use around::{close, print_state};
use watch::Watched;
pub use watch::{RecordArgs, record};

/// An errand that takes longer has failed.
const ERRAND_LIMIT: Nanos = Nanos::from_millis(60_000);
/// Furthest that one jog goes [rad], [m].
const JOG_RAD: f64 = 0.5;
const JOG_M: f64 = 0.2;

/// Command line of `neuraxis arm`.
#[derive(Debug, Args)]
pub struct ArmArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Share of the configured speed and acceleration, 0.02 to 1.
    #[arg(long, global = true, default_value_t = 0.2)]
    speed: f64,
    /// Do not ask whether the space around the arm is free.
    #[arg(long, global = true)]
    yes: bool,
    /// Folder for a recording; `shadow` without it: out/shadow.
    #[arg(long, global = true, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(subcommand)]
    what: ArmCommand,
}

#[derive(Debug, Subcommand)]
enum ArmCommand {
    /// Go to the home position, straight in joint space: see that nothing stands in the way.
    Home,
    /// Move one joint, or the tool, a little.
    Jog {
        /// Joint, 1 is next to the base.
        #[arg(long, requires = "by", conflicts_with = "tool")]
        joint: Option<usize>,
        /// Angle, at most 0.5 either way [rad].
        #[arg(long, allow_negative_numbers = true, value_name = "RAD")]
        by: Option<f64>,
        /// Shift of the tool in the world, at most 0.2 in all [m]: X,Y,Z.
        #[arg(long, allow_hyphen_values = true, value_name = "X,Y,Z", value_parser = shift)]
        tool: Option<[f64; 3]>,
    },
    /// Clear the errors of an arm that its own controller has stopped. See first why it stopped, and make room.
    Recover,
    /// Open or close the fingers; or let a Franka Hand that was just switched on find out how wide they open.
    Gripper {
        /// What the fingers do; `home`: a Franka Hand only.
        #[arg(value_enum)]
        to: Fingers,
    },
    /// Cameras and policy run, what the policy wants is shown and recorded, and nothing is sent to the arm.
    Shadow {
        /// What the policy is told.
        #[arg(long, default_value = "push the red button", value_parser = watch::sentence)]
        say: String,
        /// `weights` (the shipped ones) or a file of weights.
        #[arg(long, default_value = "weights")]
        policy: String,
        /// How long; until Ctrl-C if left out [s].
        #[arg(long)]
        secs: Option<f64>,
        /// Open the viewer as well.
        #[arg(long)]
        live: bool,
    },
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Fingers {
    Open,
    Close,
    Home,
}

/// Carries out what was asked; an error unless the arm did it.
pub fn run(mut config: Config, args: &ArmArgs) -> Result<()> {
    if !(0.02..=1.0).contains(&args.speed) {
        bail!("--speed {}: allowed: 0.02 to 1", args.speed);
    }
    interrupt::listen()?;
    neuraxis_policy::use_one_thread();
    let which = Which::of(&config, &args.which)?;
    config.slow_down(args.speed);
    match &args.what {
        ArmCommand::Recover => which.recover(),
        ArmCommand::Gripper { to: Fingers::Home } => {
            if !args.yes {
                confirm("the fingers open and close as far as they go")?;
            }
            which.home_the_hand()
        }
        ArmCommand::Shadow { say, policy, secs, live } => {
            let weights = if policy == "weights" { config.root.join(&config.run.weights) } else { policy.into() };
            let watched = Watched { say: say.clone(), secs: *secs, out: args.out.clone(), live: *live };
            watch::shadow(&config, which, &weights, &watched)
        }
        what => {
            let robot = config.load_robot()?;
            let errand = errand(what, &robot)?;
            if which.is_real() && !args.yes {
                confirm(&format!("{errand:?} at {:.0} % of the speed", 100.0 * args.speed))?;
            }
            go(&config, which, errand, args.out.as_deref())
        }
    }
}

fn errand(what: &ArmCommand, robot: &Robot) -> Result<Errand> {
    Ok(match what {
        ArmCommand::Home => Errand::Home,
        ArmCommand::Gripper { to: Fingers::Open } => Errand::Fingers(Gripper::Open),
        ArmCommand::Gripper { to: Fingers::Close } => Errand::Fingers(Gripper::Closed),
        ArmCommand::Jog { joint: Some(joint), by: Some(by), .. } => {
            if !(1..=robot.dof()).contains(joint) {
                bail!("--joint {joint}: allowed: 1 to {}", robot.dof());
            }
            if by.is_nan() || by.abs() > JOG_RAD {
                bail!("--by {by}: allowed: -{JOG_RAD} to {JOG_RAD} rad");
            }
            Errand::Joint(joint - 1, *by)
        }
        ArmCommand::Jog { tool: Some(by), .. } => {
            let far = by.iter().map(|v| v * v).sum::<f64>().sqrt();
            if far.is_nan() || far > JOG_M {
                bail!("--tool: {far:.3} m, allowed: up to {JOG_M} m");
            }
            Errand::Tool(*by)
        }
        ArmCommand::Jog { .. } => bail!("jog what? --joint N --by RAD, or --tool X,Y,Z"),
        ArmCommand::Gripper { to: Fingers::Home } | ArmCommand::Recover | ArmCommand::Shadow { .. } => {
            bail!("that is no errand for the loop")
        }
    })
}

fn shift(text: &str) -> Result<[f64; 3], String> {
    let parts: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    parts.ok().and_then(|v| v.try_into().ok()).ok_or_else(|| format!("{text:?}, allowed: X,Y,Z in metres"))
}

/// A real arm moves only for somebody who looks at it: asks, and an error unless the answer is yes.
pub fn confirm(what: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("the arm would move ({what}): --yes says that the space around it is free");
    }
    put!("the arm will move ({what}). Is the space around it free, and the emergency stop at hand? yes/no: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("not moved");
    }
    Ok(())
}

fn go(config: &Config, which: Which, errand: Errand, out: Option<&std::path::Path>) -> Result<()> {
    let around = Around::new(config, which)?;
    let robot = around.studio.robot.clone();
    let words = Instruction { text: format!("{errand:?}").into(), epoch: 1, features: None };
    let source = Source::Errand(Box::new(Errands::new(robot.clone(), errand)));
    let session = around.session(source, Some(words.clone()), ERRAND_LIMIT, Drive::Thinker, false)?;
    let record = |zero| {
        let meta = json!({ "errand": format!("{errand:?}"), "driver": around.which.driver.name() });
        let made =
            out.map(|out| Recorder::create(out, config, &robot, Some(&words), meta, zero, Some(around.window(false))));
        made.transpose()
    };
    let mut report = session.run(Until::Reached(1), &Shared::default(), record, |_| Ok(None))?;
    let arrived = report.outcome.success;
    close(&mut report, out.is_some(), Some(arrived))?;
    print_state(&report, &robot);
    match report.outcome.fault {
        _ if arrived => Ok(()),
        Some(fault) => bail!("the arm has not done it: {fault}"),
        None => bail!("the arm has not done it within {:.0} s", ERRAND_LIMIT.secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_about_something() {
        assert_eq!(watch::sentence(" push it "), Ok("push it".into()));
        assert!(watch::sentence("").is_err() && watch::sentence("  ").is_err());
    }

    #[test]
    fn a_shift_has_three_numbers() {
        assert_eq!(shift("0, -0.1,0.05"), Ok([0.0, -0.1, 0.05]));
        assert!(shift("1,2").is_err() && shift("a,b,c").is_err());
    }
}
