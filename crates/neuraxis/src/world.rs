//! What stands around the loop in a run: an arm, its cameras, and the threads that keep these going.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_core::{Arm, Clock, Nanos};
use neuraxis_robot::Robot;
use neuraxis_sim::{Plant, Setup, realtime};

use crate::{
    config::Config,
    real::Teller,
    threads::{self, CameraLinks, EyeFault, Rate, Shared},
};

/// An arm with its cameras, alive.
pub struct World<'a> {
    /// In the brainstem's thread.
    pub arm: Box<dyn Arm + 'a>,
    /// The work of thread `cameras`, until the run is done.
    pub eyes: Eyes<'a>,
    /// Threads of the arm's and the cameras' own.
    pub sides: Vec<Side<'a>>,
    /// How their drivers are.
    pub tellers: Vec<Teller>,
}

/// The work of thread `cameras`.
pub type Eyes<'a> = Box<dyn FnOnce(CameraLinks, &Shared) -> Result<Rate> + Send + 'a>;

/// A thread beside the loop: physics, a driver.
pub struct Side<'a> {
    /// Name of the thread.
    pub name: &'static str,
    /// Its work, until the run is done.
    pub run: SideWork<'a>,
}

/// The work of such a thread.
pub type SideWork<'a> = Box<dyn FnOnce(&Shared) -> Result<SideReport> + Send + 'a>;

/// How such a thread fared.
#[derive(Default)]
pub struct SideReport {
    /// If it has a rate.
    pub rate: Option<Rate>,
    /// Time that it could not keep up with.
    pub lost: Nanos,
    /// In words.
    pub said: Option<String>,
}

/// The simulated arm in a scene. `faults`: of its cameras, to try out.
pub fn simulated<'a>(
    config: &Config,
    robot: &Arc<Robot>,
    setup: &'a Setup,
    faults: &[EyeFault],
) -> Result<Box<dyn FnOnce() -> Result<World<'a>> + 'a>> {
    let plant = Plant::new(setup).context("starting the simulation")?;
    let (goal, robot, faults) = (setup.goal().clone(), robot.clone(), faults.to_vec());
    let period = Nanos::from_secs(1.0 / config.run.camera_hz);
    Ok(Box::new(move || {
        let (physics, arm, frames) = realtime(plant, goal.clone(), MonotonicClock.now())?;
        let eyes = move |links: CameraLinks, shared: &Shared| {
            threads::cameras(setup, &robot, period, frames, links, &faults, shared)
        };
        let run = move |shared: &Shared| {
            let (rate, lost) = threads::plant(physics, &goal, shared)?;
            Ok(SideReport { rate: Some(rate), lost, said: None })
        };
        let plant = Side { name: "plant", run: Box::new(run) };
        Ok(World { arm: Box::new(arm), eyes: Box::new(eyes), sides: vec![plant], tellers: Vec::new() })
    }))
}

/// After this time an episode in a scene has failed.
pub fn time_limit(config: &Config, setup: &Setup) -> Nanos {
    Nanos::from_secs(config.run.time_limit_secs * setup.length())
}
