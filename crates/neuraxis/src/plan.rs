//! `neuraxis plan`: from a sentence to a checked plan, without moving anything.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use neuraxis_cortex::{PlanFile, PlanRequest, Planner, SymbolicPlanner};
use neuraxis_plan::{Scene, SceneFile, Validator, behavior_tree_xml, outline};

use crate::{config::Config, reach::reach};

/// How a plan is shown.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An outline for a person.
    Outline,
    /// As it is sent.
    Json,
    /// For BehaviorTree.CPP and Groot2.
    Xml,
}

/// Who proposes a plan.
pub enum Proposed {
    /// The search, for this sentence.
    For(String),
    /// Whoever wrote this file.
    In(PathBuf),
}

/// Takes the plan that is proposed in the scene of a file (YAML or JSON), checks it within the limits of brain.yaml, and
/// prints it.
pub fn run(proposed: &Proposed, scene: &Path, shown: Shown, config: &Config) -> Result<()> {
    let scene = load(scene)?;
    let request = |instruction| PlanRequest { instruction, scene: &scene, epoch: 0 };
    let proposal = match proposed {
        Proposed::For(instruction) => SymbolicPlanner.plan(&request(instruction))?,
        Proposed::In(file) => PlanFile::new(file).plan(&request(""))?,
    };
    let reach = reach(config, Arc::new(config.load_robot()?));
    let plan = match Validator::new(&scene, &config.brain.limits).with_geometry(reach.as_ref()).check(&proposal.plan) {
        Ok(plan) => plan,
        Err(errors) => bail!("the plan is refused:\n{errors}"),
    };
    match shown {
        Shown::Outline => put!("{}", outline(&plan, &scene)),
        Shown::Json => say!("{}", serde_json::to_string_pretty(plan.raw())?),
        Shown::Xml => put!("{}", behavior_tree_xml(&plan, &scene)),
    }
    Ok(())
}

fn load(file: &Path) -> Result<Scene> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    // JSON is YAML, too.
    let scene: SceneFile = serde_yaml::from_str(&text).with_context(|| file.display().to_string())?;
    Scene::try_from(scene).with_context(|| file.display().to_string())
}
