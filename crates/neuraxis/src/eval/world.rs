//! `eval --world FILE`: the simulated world lasts longer than a process. The next one finds things where this one has left
//! them, and the arm at home.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use neuraxis_sim::{Plant, Setup, Snapshot};
use serde::{Deserialize, Serialize};

use crate::lockstep::Lockstep;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct World {
    robot: String,
    task: String,
    seed: u64,
    /// Where the middles of things that move freely are in the world [m], for who reads the file.
    things_m: BTreeMap<String, [f64; 3]>,
    /// Joint positions of the whole scene, and positions of mocap bodies [m].
    qpos: Vec<f64>,
    mocap_m: Vec<[f64; 3]>,
}

/// Puts things where the file says; a file that is not there says nothing.
pub(super) fn load(file: &Path, robot: &str, setup: &Setup, lockstep: &mut Lockstep) -> Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let named = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(named)?;
    let world: World = serde_json::from_str(&text).with_context(named)?;
    let (spec, seed) = (setup.spec(), world.seed);
    if (world.robot.as_str(), world.task.as_str(), seed) != (robot, spec.task.as_str(), spec.seed) {
        let (task, seed_here) = (&spec.task, spec.seed);
        bail!(
            "{}: world of {} {} with {}, not of {task} {seed_here} with {robot}",
            named(),
            world.task,
            seed,
            world.robot
        );
    }
    let snapshot = Snapshot { qpos: world.qpos, mocap: world.mocap_m, ..Snapshot::default() };
    lockstep.resume(&snapshot, setup).with_context(named)
}

/// Writes down where things are; the file is whole at every moment.
pub(super) fn save(file: &Path, robot: &str, setup: &Setup, plant: &Plant) -> Result<()> {
    let mut snapshot = Snapshot::default();
    plant.snapshot_into(&mut snapshot);
    let world = World {
        robot: robot.into(),
        task: setup.spec().task.clone(),
        seed: setup.spec().seed,
        things_m: plant.things().into_iter().map(|(name, at)| (name, at.into())).collect(),
        qpos: snapshot.qpos,
        mocap_m: snapshot.mocap,
    };
    let new = PathBuf::from(format!("{}.new", file.display()));
    std::fs::write(&new, serde_json::to_vec_pretty(&world)?).with_context(|| new.display().to_string())?;
    std::fs::rename(&new, file).with_context(|| file.display().to_string())
}
