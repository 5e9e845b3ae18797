//! `neuraxis calibrate`: what is learned of one robot: where its cameras are, what runs are like in which nothing goes wrong.

mod camera;
mod contact;
mod monitors;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::config::Config;

/// What is calibrated.
#[derive(Debug, Subcommand)]
pub enum Calibrate {
    /// Where a camera is: the arm carries a coloured ball in front of it, or looks at one. Prints the pose for arm.yaml.
    Camera(Box<camera::CameraArgs>),
    /// What friction feels like, so that a touch is told from it: from recordings of ordinary work into contact.json.
    Contact {
        /// Recordings (MCAP), two at least, of ten minutes together and of several days, if it can be: friction shifts.
        #[arg(required = true)]
        recordings: Vec<PathBuf>,
        /// Where it goes; configs/<robot>/contact.json if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// When a signal of the body is strange: from evaluations of the brain into monitors.yaml. After `contact`.
    Monitors {
        /// Result files of `eval --policy brain --tasks long --json FILE`, undisturbed.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A nominal run of a skill exceeds a threshold at most this often; fewer than 1/alpha runs arm nothing.
        #[arg(long, default_value_t = 0.005)]
        alpha: f64,
        /// Where it goes; configs/<robot>/monitors.yaml if left out.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Runs one of them.
pub fn run(what: &Calibrate, config: &Config) -> Result<()> {
    let folder = config.root.join("configs").join(&config.name);
    let target = |out: &Option<PathBuf>, name: &str| out.clone().unwrap_or_else(|| folder.join(name));
    match what {
        Calibrate::Camera(args) => camera::run(config.clone(), args),
        Calibrate::Contact { recordings, out } => {
            let robot = config.load_robot().context("contacts are felt through a model of the arm")?;
            contact::run(recordings, robot, &target(out, "contact.json"))
        }
        Calibrate::Monitors { files, alpha, out } => monitors::run(files, *alpha, &target(out, "monitors.yaml")),
    }
}
