//! What is to be evaluated.

use std::path::PathBuf;

use neuraxis_sim::{Disturbance, Grasp, Moving, Perturbation};
use serde::{Deserialize, Serialize};

use super::Actor;
use crate::{brain::Without, config::Surroundings};

/// What the arm is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Told {
    /// The goal's own sentence.
    Given,
    /// The sentence of another goal that is valid in the same scene.
    Wrong,
    /// The goal in words that training has not.
    Unseen,
}

/// One evaluation.
#[derive(Clone, Debug)]
pub struct EvalPlan {
    /// What acts.
    pub actor: Actor,
    /// Task names.
    pub tasks: Vec<String>,
    /// Episodes per task.
    pub episodes: u64,
    /// First seed.
    pub seed: u64,
    /// Re-predict while moving.
    pub repredict: bool,
    /// What the arm is told.
    pub told: Told,
    /// What holds things.
    pub grasp: Grasp,
    /// What is different from training.
    pub perturbation: Perturbation,
    /// Whether the scene is displaced during the approach.
    pub moving: Moving,
    /// What goes wrong.
    pub disturbance: Option<Disturbance>,
    /// What the brain goes without.
    pub without: Vec<Without>,
    /// The brain is shown another world as the true one.
    pub poisoned: bool,
    /// File of the brain's memory; without it there is none.
    pub memory: Option<PathBuf>,
    /// What the brain is told in place of the tasks' own sentences; it judges by itself, then.
    pub say: Option<String>,
    /// File that keeps the simulated world from one process to the next; without it a world is as its seed says.
    pub world: Option<PathBuf>,
    /// What the path planner knows of the world.
    pub planner: Surroundings,
    /// Folder for a picture of each episode's end.
    pub pictures: Option<PathBuf>,
    /// Folder for a recording of each episode.
    pub record: Option<PathBuf>,
    /// This process's share: index and count.
    pub shard: (u64, u64),
}
