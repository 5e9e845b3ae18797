//! Which arm, and a run around it.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use clap::Args;
use neuraxis_core::{Instruction, Joints, Nanos};
use neuraxis_robot::Robot;
use neuraxis_sim::model::Mark;
use serde_json::json;

use crate::{
    config::{Config, Surroundings},
    demo,
    episode_run::{Studio, simulated_cameras},
    eval::EVAL_SEED,
    real::{self, ArmSettings, Driver},
    realtime::{Drive, Report, Session, Thinker},
    recorder::Window,
    source::Source,
    world::simulated,
};

/// Which arm, on command lines.
#[derive(Clone, Debug, Args)]
pub struct WhichArgs {
    /// How the arm is reached; as `driver` in configs/ROBOT/arm.yaml says if left out.
    #[arg(long, global = true, value_enum)]
    driver: Option<Driver>,
    /// File about one arm, in place of configs/ROBOT/arm.yaml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which arm.
pub struct Which {
    /// How it is reached.
    pub driver: Driver,
    /// From its file; the simulated arm needs none.
    pub settings: Option<ArmSettings>,
}

impl Which {
    /// What the command line says, and the file about the arm.
    pub fn of(config: &Config, args: &WhichArgs) -> Result<Self> {
        let settings = match args.driver {
            Some(Driver::Sim) => None,
            _ => Some(ArmSettings::load(config, args.config.as_deref())?),
        };
        let driver = args.driver.or(settings.as_ref().map(|s| s.driver)).unwrap_or(Driver::Sim);
        Ok(Self { driver, settings })
    }

    fn franka(&self) -> Result<&neuraxis_franka::FrankaConfig> {
        match (&self.settings, self.driver) {
            (Some(settings), Driver::Franka) => Ok(&settings.franka),
            _ => bail!("only for --driver franka, this is {}", self.driver.name()),
        }
    }

    /// People can be hurt by it.
    pub fn is_real(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| self.driver.is_real() && !settings.rehearsal)
    }

    /// The cameras that look on.
    pub(super) fn camera_names(&self) -> Vec<String> {
        self.settings.as_ref().map_or_else(simulated_cameras, ArmSettings::camera_names)
    }

    /// Clears the errors of an arm that its own controller has stopped.
    pub(super) fn recover(&self) -> Result<()> {
        neuraxis_franka::recover(self.franka()?)?;
        say!("the arm has no errors any more");
        Ok(())
    }

    /// Lets a hand that was just switched on find out how wide it opens.
    pub(super) fn home_the_hand(&self) -> Result<()> {
        real::franka::home_the_hand(self.franka()?)
    }
}

/// A session around an arm, for commands that look at one or move it a little.
pub struct Around {
    pub(super) studio: Studio,
    setup: Option<neuraxis_sim::Setup>,
    pub(super) which: Which,
}

impl Around {
    pub(super) fn new(config: &Config, which: Which) -> Result<Self> {
        Self::with_mark(config, which, None)
    }

    /// The simulated arm has a ball to calibrate by.
    pub fn with_mark(config: &Config, which: Which, mark: Option<Mark>) -> Result<Self> {
        let mut studio = Studio::new(config.clone())?;
        studio.sim.mark = mark;
        studio.config.brainstem.arm_when_degraded |= which.settings.as_ref().is_some_and(|s| s.rehearsal);
        let setup = (which.driver == Driver::Sim).then(|| studio.setup("push_buttons", EVAL_SEED + 7)).transpose()?;
        Ok(Self { studio, setup, which })
    }

    /// Kinematics.
    pub fn robot(&self) -> Arc<Robot> {
        self.studio.robot.clone()
    }

    /// What a viewer shows of it.
    pub(super) fn window(&self, live: bool) -> Window {
        Window { live, brain: false, cameras: self.which.camera_names() }
    }

    /// Not begun yet. Without words the source is not asked; `looks`: with a real arm's cameras.
    pub fn session<'a>(
        &'a self,
        source: Source,
        words: Option<Instruction>,
        limit: Nanos,
        drive: Drive,
        looks: bool,
    ) -> Result<Session<'a>> {
        let config = &self.studio.config;
        let world = match (&self.setup, &self.which.settings) {
            (Some(setup), _) => simulated(config, &self.studio.robot, setup, &[])?,
            (None, Some(settings)) => {
                real::world(config, &self.studio.robot, settings, self.which.driver, drive, looks)?
            }
            (None, None) => bail!("--driver {}: no file about it was read", self.which.driver.name()),
        };
        Ok(Session {
            config,
            robot: self.studio.robot.clone(),
            surroundings: Surroundings::Off,
            world,
            thinker: Thinker::Source { source, embedder: None },
            words,
            limit,
            judged: None,
            drive,
        })
    }
}

/// Ends the recording, if there is one. `judged`: whether what was to be done was done; `None` where nobody can tell.
pub(super) fn close(report: &mut Report, is_recorded: bool, judged: Option<bool>) -> Result<()> {
    if is_recorded {
        let mut recorder = report.film.take()?;
        recorder.dropped(report.dropped)?;
        let summary = json!({ "fault": report.outcome.fault.map(|f| format!("{f:?}")), "secs": report.outcome.secs });
        demo::print_files(&recorder.finish(judged, &summary)?);
    }
    Ok(())
}

/// Where the arm is at the end.
pub(super) fn print_state(report: &Report, robot: &Robot) {
    let Some(body) = report.body else {
        say!("arm         nothing was heard of it");
        return;
    };
    let numbers = |values: &Joints| values.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(" ");
    let p = robot.world_from_tool(&body.state.q).position();
    say!("joints      {} rad", numbers(&body.state.q));
    say!("tool        {:.3} {:.3} {:.3} m, fingers {:.3} m apart", p.x, p.y, p.z, body.state.gripper_width_m);
}
