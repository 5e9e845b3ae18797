//! A real arm as the world of a run: what `configs/<robot>/arm.yaml` says of its driver and its cameras.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use clap::ValueEnum;
use neuraxis_robot::Robot;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, read},
    world::World,
};

/// Which arm is driven.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Driver {
    /// The simulated one.
    Sim,
    /// Any arm with ros2_control controllers.
    Ros2Control,
    /// A Franka arm over its control interface.
    Franka,
}

impl Driver {
    /// People can be hurt by it.
    pub fn is_real(self) -> bool {
        self != Self::Sim
    }
}

/// `configs/<robot>/arm.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSettings {
    /// What is driven unless the command line says otherwise.
    pub driver: Driver,
}

fn file(config: &Config) -> PathBuf {
    config.root.join("configs").join(&config.name).join("arm.yaml")
}

/// The file's settings; an error that says what to write if there is none.
fn settings(config: &Config) -> Result<ArmSettings> {
    let file = file(config);
    if !file.exists() {
        bail!("no {}: which arm? Write one, or try out the simulated arm: --driver sim", file.display());
    }
    read(&file)
}

/// The command line's choice, or the file's.
pub fn driver(config: &Config, asked: Option<Driver>) -> Result<Driver> {
    asked.map_or_else(|| Ok(settings(config)?.driver), Ok)
}

/// The arm in the world; with `looks` its cameras too.
pub fn world<'a>(
    config: &Config,
    robot: &Arc<Robot>,
    driver: Driver,
    looks: bool,
) -> Result<Box<dyn FnOnce() -> Result<World<'a>> + 'a>> {
    let _ = (config, robot, driver, looks);
    bail!("not yet")
}
