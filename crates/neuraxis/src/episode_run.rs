//! What demonstrations and evaluation share: one episode of a task from a seed, with any source of key-frames.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_cerebellum::CerebellumConfig;
use neuraxis_core::{Instruction, KeyFrame, Nanos, TextEmbedder};
use neuraxis_robot::Robot;
use neuraxis_sim::{Goal, Setup, SimConfig, Spec, model::CAMERAS};

use crate::{
    config::{Config, Surroundings},
    lockstep::{Lockstep, RunConfig},
};

/// Everything that episodes of one process share.
pub struct Studio {
    /// Resolved configuration.
    pub config: Config,
    /// Kinematics.
    pub robot: Arc<Robot>,
    /// Where the simulator finds its assets.
    pub sim: SimConfig,
    /// What the path planner knows of the world in lockstep.
    pub surroundings: Surroundings,
}

impl Studio {
    /// Loads the robot of a configuration; no ways are planned.
    pub fn new(config: Config) -> Result<Self> {
        let robot = config.load_robot()?;
        let sim = SimConfig {
            assets: config.root.clone(),
            robot: config.name.clone(),
            home_rad: robot.home(),
            ..SimConfig::default()
        };
        Ok(Self { robot: Arc::new(robot), sim, surroundings: Surroundings::Off, config })
    }

    /// A scene and its goal.
    pub fn setup(&self, task: &str, seed: u64) -> Result<Setup> {
        let spec = Spec { task: task.into(), seed, variation: None };
        Setup::new(&spec, &self.sim).with_context(|| format!("task {task}, seed {seed}"))
    }

    /// Body and world at the start of a scene, with re-prediction on or off.
    pub fn lockstep(&self, setup: &Setup, repredict: bool) -> Result<Lockstep> {
        let run = RunConfig {
            policy_period: Nanos::from_secs(1.0 / self.config.run.policy_hz),
            policy_latency: Nanos::from_secs(
                self.config.run.lockstep_latency_secs + setup.perturbation().extra_latency_secs(),
            ),
            time_limit: Nanos::from_secs(self.config.run.time_limit_secs * setup.length()),
            surroundings: self.surroundings,
        };
        let cerebellum = CerebellumConfig { repredict, ..self.config.cerebellum.clone() };
        Lockstep::new(self.robot.clone(), setup, self.config.brainstem.clone(), cerebellum, run)
    }

    /// The expert's key-frames for a goal, from the scene's true state.
    pub fn script(&self, setup: &Setup, lockstep: &Lockstep, goal: &Goal) -> Result<Vec<KeyFrame>> {
        Ok(setup.keyframes(goal, lockstep.plant())?)
    }
}

/// Names of the simulated cameras; demonstrations have no others.
pub fn simulated_cameras() -> Vec<String> {
    CAMERAS.iter().map(|(name, _)| name.to_string()).collect()
}

/// A goal's sentence with its features.
pub fn instruction(goal: &Goal, embedder: Option<&mut dyn TextEmbedder>) -> Result<Instruction> {
    let features = embedder.map(|e| e.embed(&goal.instruction)).transpose()?;
    Ok(Instruction { text: goal.instruction.as_str().into(), epoch: 1, features })
}
