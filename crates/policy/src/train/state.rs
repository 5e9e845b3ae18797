//! Files of a run: the state to go on from, the weights for use.

use std::path::Path;

use tch::{Device, Tensor};

use super::{
    RunFiles,
    worker::{CONSISTENCY, OUTLOOK},
};
use crate::{
    Error, Result, TrainConfig,
    checkpoint::{About, Checkpoint},
    optim::AdamW,
    recipe,
};

/// Writes both files, each with the gaze network `gaze` in it. Weights that only training needs are left out of those
/// for use.
pub(super) fn save(
    files: &RunFiles,
    about: &About,
    master: &[(String, Tensor)],
    gaze: &[(String, Tensor)],
    optimiser: &AdamW,
) -> Result<()> {
    let embedded = || gaze.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    let mut state: Vec<(String, Tensor)> =
        master.iter().map(|(n, t)| (format!("weight.{n}"), t.shallow_clone())).collect();
    state.extend(optimiser.state(master));
    state.extend(embedded());
    Checkpoint::write(&files.state, about, &state)?;
    let mut weights = optimiser.average(master);
    weights.retain(|(name, _)| !is_of_training(name));
    weights.extend(embedded());
    Checkpoint::write(&files.weights, about, &weights)
}

/// Settings that may differ when a run goes on: how long, where (not every machine computes in bf16) and how it is watched.
/// Compared apart: the network, and the gaze network, of which the weights count and not the file.
const FREE: [&str; 11] = [
    "steps",
    "device",
    "bf16",
    "micro_batch",
    "checkpoint_every",
    "log_every",
    "evaluate_every",
    "evaluate_per_kind",
    "init_differs",
    "policy",
    "gaze",
];

/// Restores a state file; returns the seconds already trained.
///
/// # Errors
/// One of another run: of a network, settings or data that are not those of `about`.
pub(super) fn resume(
    config: &TrainConfig,
    about: &About,
    path: &Path,
    master: &[(String, Tensor)],
    gaze: &[(String, Tensor)],
    optimiser: &mut AdamW,
) -> Result<f64> {
    let state = Checkpoint::read(path)?;
    let refuse = |reason: &str| {
        let remedy = "give another --out (with --init to start from its weights) or delete it";
        Err(Error::Checkpoint { path: path.into(), reason: format!("{reason}; {remedy}") })
    };
    if let Some(difference) = recipe::difference("policy.", &state.about.config, &config.policy)? {
        return refuse(&difference);
    }
    for (part, key, weight) in
        [(CONSISTENCY, "consistency.lambda", config.consistency.lambda), (OUTLOOK, "outlook", config.outlook)]
    {
        let had = state.tensors.keys().any(|name| name.starts_with(&format!("weight.{part}.")));
        if had != (weight > 0.0) {
            return refuse(&format!("was made with {key} {}", if had { "above 0" } else { "0" }));
        }
    }
    for (name, weight) in gaze {
        if state.find(path, name)? != weight.f_to_device(Device::Cpu)? {
            return refuse("was made with another gaze network");
        }
    }
    let then = &state.about;
    for (what, then, now) in
        [("text encoder", &then.text_encoder, &about.text_encoder), ("data", &then.data, &about.data)]
    {
        if then != now {
            return refuse(&format!("was made with {what} {then}, this is {now}"));
        }
    }
    if let (Some(then), Some(now)) = (&then.recipe, &about.recipe)
        && let Some(difference) = then.difference::<TrainConfig>(now, &FREE)?
    {
        return refuse(&difference);
    }
    state.load_part_into(path, "weight.", master)?;
    optimiser.restore(state.about.steps, master, |name| state.find(path, name))?;
    Ok(state.about.train_secs)
}

fn is_of_training(name: &str) -> bool {
    [CONSISTENCY, OUTLOOK].iter().any(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')))
}
