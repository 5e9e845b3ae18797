//! Files of a run: the state to go on from, the weights for use, weights of another run to start from.

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
};

/// What weights of another run filled.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmStart {
    /// Tensors taken over.
    pub filled: usize,
    /// Tensors that keep their fresh weights: name and why.
    pub fresh: Vec<(String, String)>,
}

/// Copies tensors of the same name and shape from a file of weights; the rest stays as it is.
///
/// # Errors
/// A file that is none, or of which nothing fits.
pub fn warm_start(path: &Path, parameters: &[(String, Tensor)]) -> Result<WarmStart> {
    let checkpoint = Checkpoint::read(path)?;
    let _guard = tch::no_grad_guard();
    let mut warm = WarmStart { filled: 0, fresh: Vec::new() };
    for (name, parameter) in parameters {
        match checkpoint.tensors.get(name) {
            Some(found) if found.size() == parameter.size() => {
                parameter.shallow_clone().f_copy_(found)?;
                warm.filled += 1;
            }
            Some(found) => {
                warm.fresh.push((name.clone(), format!("is {:?} there, {:?} here", found.size(), parameter.size())));
            }
            None => warm.fresh.push((name.clone(), "is not there".into())),
        }
    }
    if warm.filled == 0 {
        return Err(Error::Checkpoint { path: path.into(), reason: "no tensor fits this network".into() });
    }
    Ok(warm)
}

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

/// Restores a state file; returns the seconds already trained.
pub(super) fn resume(
    config: &TrainConfig,
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
    if state.about.config != config.policy {
        return refuse("was made with another network configuration");
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
    state.load_part_into(path, "weight.", master)?;
    optimiser.restore(state.about.steps, master, |name| state.find(path, name))?;
    Ok(state.about.train_secs)
}

fn is_of_training(name: &str) -> bool {
    [CONSISTENCY, OUTLOOK].iter().any(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')))
}
