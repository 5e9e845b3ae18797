//! `neuraxis arm`: the first hour with an arm. Small motions at reduced speed, and a policy in the arm's shadow.

use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use neuraxis_core::{Gripper, Instruction, Joints, KeyFrame, Nanos, TextEmbedder};
use neuraxis_policy::text::MiniLm;
use neuraxis_robot::Robot;
use serde_json::json;

use crate::{
    config::{Config, Surroundings},
    demo,
    episode_run::{Studio, simulated_cameras},
    errand::{Errand, Errands},
    eval::EVAL_SEED,
    interrupt,
    real::{self, ArmSettings, Driver},
    realtime::{Drive, Report, Session, Thinker, Until},
    recorder::{Recorder, Window},
    source::{Source, load_policy},
    threads::Shared,
    world::simulated,
};

/// An errand that takes longer has failed.
const ERRAND_LIMIT: Nanos = Nanos::from_millis(60_000);
/// Furthest that one jog goes [rad], [m].
const JOG_RAD: f64 = 0.5;
const JOG_M: f64 = 0.2;

/// Command line of `neuraxis arm`.
#[derive(Debug, Args)]
pub struct ArmArgs {
    /// Which arm; as `driver` in configs/ROBOT/arm.yaml says if left out.
    #[arg(long, global = true, value_enum)]
    driver: Option<Driver>,
    /// File about one arm, in place of configs/ROBOT/arm.yaml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Share of the configured speed and acceleration, 0.02 to 1.
    #[arg(long, global = true, default_value_t = 0.2)]
    speed: f64,
    /// Do not ask whether the space around the arm is free.
    #[arg(long, global = true)]
    yes: bool,
    /// Folder for a recording.
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
        /// Which.
        #[arg(value_enum)]
        to: Fingers,
    },
    /// Cameras and policy run, what the policy wants is shown and recorded, and nothing is sent to the arm.
    Shadow {
        /// What the policy is told.
        #[arg(long, default_value = "push the red button")]
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
    let settings = match args.driver {
        Some(Driver::Sim) => None,
        _ => Some(ArmSettings::load(&config, args.config.as_deref())?),
    };
    let driver = args.driver.or(settings.as_ref().map(|s| s.driver)).unwrap_or(Driver::Sim);
    config.cerebellum.motion.velocity_scale *= args.speed;
    config.cerebellum.motion.acceleration_rad_s2 *= args.speed;
    config.cerebellum.motion.contact_speed_m_s *= args.speed;
    let which = Which { driver, settings };
    match &args.what {
        ArmCommand::Recover => which.recover(),
        ArmCommand::Gripper { to: Fingers::Home } => which.home_the_hand(args.yes),
        ArmCommand::Shadow { say, policy, secs, live } => {
            let weights = if policy == "weights" { config.root.join(&config.run.weights) } else { policy.into() };
            let until = secs.map_or(Nanos(u64::MAX / 4), Nanos::from_secs);
            shadow(&config, which, &weights, say, until, args.out.clone().unwrap_or("out/shadow".into()), *live)
        }
        what => {
            let robot = config.load_robot()?;
            let errand = errand(what, &robot)?;
            if driver.is_real() && !args.yes {
                ask(&format!("{errand:?} at {:.0} % of the speed", 100.0 * args.speed))?;
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

/// A real arm moves only for somebody who looks at it.
fn ask(what: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("the arm would move ({what}): --yes says that the space around it is free");
    }
    print!("the arm will move ({what}). Is the space around it free, and the emergency stop at hand? yes/no: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("not moved");
    }
    Ok(())
}

/// Which arm.
struct Which {
    driver: Driver,
    /// From its file; the simulated arm needs none.
    settings: Option<ArmSettings>,
}

impl Which {
    fn franka(&self) -> Result<&neuraxis_franka::FrankaConfig> {
        match (&self.settings, self.driver) {
            (Some(settings), Driver::Franka) => Ok(&settings.franka),
            _ => bail!("only for --driver franka, this is {}", self.driver.name()),
        }
    }

    fn recover(&self) -> Result<()> {
        neuraxis_franka::recover(self.franka()?)?;
        println!("the arm has no errors any more");
        Ok(())
    }

    fn home_the_hand(&self, is_sure: bool) -> Result<()> {
        let config = self.franka()?;
        if !is_sure {
            ask("the fingers open and close as far as they go")?;
        }
        real::franka::home_the_hand(config)
    }
}

/// What the commands of this file share: a session around an arm.
struct Around {
    studio: Studio,
    setup: Option<neuraxis_sim::Setup>,
    which: Which,
}

impl Around {
    fn new(config: &Config, which: Which) -> Result<Self> {
        let studio = Studio::new(config.clone())?;
        let setup = (which.driver == Driver::Sim).then(|| studio.setup("push_buttons", EVAL_SEED + 7)).transpose()?;
        Ok(Self { studio, setup, which })
    }

    fn window(&self, live: bool) -> Window {
        let cameras = self.which.settings.as_ref().map_or_else(simulated_cameras, ArmSettings::camera_names);
        Window { live, brain: false, cameras }
    }

    fn session<'a>(&'a self, source: Source, words: Instruction, limit: Nanos, drive: Drive) -> Result<Session<'a>> {
        let config = &self.studio.config;
        let looks = drive == Drive::Shadow;
        let world = match (&self.setup, &self.which.settings) {
            (Some(setup), _) => simulated(config, &self.studio.robot, setup, None)?,
            (None, Some(settings)) => real::world(config, &self.studio.robot, settings, self.which.driver, looks)?,
            (None, None) => bail!("--driver {}: no file about it was read", self.which.driver.name()),
        };
        Ok(Session {
            config,
            robot: self.studio.robot.clone(),
            surroundings: Surroundings::Off,
            world,
            thinker: Thinker::Source { source, embedder: None },
            words: Some(words),
            limit,
            drive,
        })
    }
}

fn go(config: &Config, which: Which, errand: Errand, out: Option<&std::path::Path>) -> Result<()> {
    let around = Around::new(config, which)?;
    let robot = around.studio.robot.clone();
    let words = Instruction { text: format!("{errand:?}").into(), epoch: 1, features: None };
    let source = Source::Errand(Errands::new(robot.clone(), errand));
    let session = around.session(source, words.clone(), ERRAND_LIMIT, Drive::Thinker)?;
    let record = |zero| {
        let meta = json!({ "errand": format!("{errand:?}"), "driver": around.which.driver.name() });
        let made = out.map(|out| Recorder::create(out, config, &robot, &words, meta, zero, Some(around.window(false))));
        made.transpose()
    };
    let mut report = session.run(Until::Arrival, &Shared::default(), record, |_| Ok(None))?;
    let arrived = report.outcome.success;
    close(&mut report, out.is_some())?;
    print_state(&report, &robot);
    match report.outcome.fault {
        _ if arrived => Ok(()),
        Some(fault) => bail!("the arm has not done it: {fault}"),
        None => bail!("the arm has not done it within {:.0} s", ERRAND_LIMIT.secs()),
    }
}

fn shadow(
    config: &Config,
    which: Which,
    weights: &std::path::Path,
    say: &str,
    limit: Nanos,
    out: PathBuf,
    live: bool,
) -> Result<()> {
    let mut config = config.clone();
    // Nothing follows from predictions: to wait for them is no fault.
    config.cerebellum.waiting_timeout_secs = 600.0;
    let around = Around::new(&config, which)?;
    let robot: Arc<Robot> = around.studio.robot.clone();
    let mut embedder = crate::package::text_encoder(&config.root)?;
    let words = Instruction { text: say.into(), epoch: 1, features: Some(embedder.embed(say)?) };
    let policy = load_policy(&config, weights, embedder.id())?;
    println!("shadow      {}: nothing is sent to the arm", words.text);
    let session = around.session(Source::Weights(Box::new(policy)), words.clone(), limit, Drive::Shadow)?;
    let record = |zero| {
        let meta = json!({ "shadow": true, "driver": around.which.driver.name() });
        Recorder::create(&out, &config, &robot, &words, meta, zero, Some(around.window(live))).map(Some)
    };
    let mut report = session.run(Until::EpisodeEnds, &Shared::default(), record, |_| Ok(None))?;
    demo::print_rates(&report);
    if let Some(reason) = &report.outcome.refused {
        println!("refused     {reason}");
    }
    close(&mut report, true)?;
    print_state(&report, &robot);
    let Some(KeyFrame { world_from_tool, gripper, .. }) = report.wanted else {
        bail!("the policy wanted nothing: it has seen no images that it could use");
    };
    let p = world_from_tool.position();
    println!("wanted      {:.3} {:.3} {:.3} m, then {gripper:?}", p.x, p.y, p.z);
    Ok(())
}

fn close(report: &mut Report, is_recorded: bool) -> Result<()> {
    if is_recorded {
        let mut recorder = report.film.take()?;
        recorder.dropped(report.dropped)?;
        let summary = json!({ "fault": report.outcome.fault.map(|f| format!("{f:?}")), "secs": report.outcome.secs });
        demo::print_files(&recorder.finish(report.outcome.success, &summary)?);
    }
    Ok(())
}

fn print_state(report: &Report, robot: &Robot) {
    let Some(body) = report.body else {
        println!("arm         nothing was heard of it");
        return;
    };
    let numbers = |values: &Joints| values.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(" ");
    let p = robot.world_from_tool(&body.state.q).position();
    println!("joints      {} rad", numbers(&body.state.q));
    println!("tool        {:.3} {:.3} {:.3} m, fingers {:.3} m apart", p.x, p.y, p.z, body.state.gripper_width_m);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_has_three_numbers() {
        assert_eq!(shift("0, -0.1,0.05"), Ok([0.0, -0.1, 0.05]));
        assert!(shift("1,2").is_err() && shift("a,b,c").is_err());
    }
}
