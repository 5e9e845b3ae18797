//! One self-describing file of gaze weights: safetensors, with everything needed to use them in its header.

use std::{collections::HashMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::{
    Error, Result,
    checkpoint::{Blob, fnv1a},
    gaze::GazeConfig,
};

/// Header key under which [`About`] is kept as JSON.
const ABOUT: &str = "neuraxis_gaze";

/// What weights are and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Shape of the network, its camera and the kind of its label.
    pub config: GazeConfig,
    /// Robot the demonstrations were made with.
    pub embodiment: String,
    /// Command that made it.
    pub command: String,
    /// Repository commit at that time.
    pub commit: String,
    /// Seed.
    pub seed: u64,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Seconds of training so far.
    pub train_secs: f64,
    /// Data sets it was trained on.
    pub data: String,
    /// Licence of the weights.
    pub licence: String,
}

/// Named f32 tensors and their description.
#[derive(Debug)]
pub struct GazeCheckpoint {
    /// Description.
    pub about: About,
    /// Tensors by name.
    pub tensors: HashMap<String, Tensor>,
    /// FNV-1a of the file's bytes.
    pub hash: u64,
}

impl GazeCheckpoint {
    /// Writes atomically: a kill leaves the old file or the new one.
    pub fn write(path: &Path, about: &About, tensors: &[(String, Tensor)]) -> Result<()> {
        let views =
            tensors.iter().map(|(name, tensor)| Ok((name.clone(), Blob::new(tensor)?))).collect::<Result<Vec<_>>>()?;
        let json = serde_json::to_string(about).map_err(|e| refuse(path, e.to_string()))?;
        let header = HashMap::from([(ABOUT.to_string(), json)]);
        let bytes = safetensors::serialize(views, Some(header)).map_err(|e| refuse(path, e.to_string()))?;
        let partial = path.with_extension("partial");
        fs::write(&partial, bytes).map_err(Error::io(&partial))?;
        fs::rename(&partial, path).map_err(Error::io(path))
    }

    /// Reads and checks the description; shapes are checked when the weights are put to use.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| refuse(path, format!("not a safetensors file: {e}")))?;
        let json = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(ABOUT))
            .ok_or_else(|| refuse(path, format!("its header has no `{ABOUT}`: not weights of a gaze network")))?;
        let about: About = serde_json::from_str(json).map_err(|e| refuse(path, format!("header `{ABOUT}`: {e}")))?;
        about.config.validate()?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| refuse(path, e.to_string()))?;
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(refuse(path, format!("tensor {name} is {:?}, expected F32", view.dtype())));
            }
            let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            if let Some(bad) = values.iter().position(|x| !x.is_finite()) {
                return Err(refuse(path, format!("tensor {name} holds a non-finite number at {bad}")));
            }
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            tensors.insert(name.to_string(), Tensor::f_from_slice(&values)?.f_view(&shape[..])?);
        }
        Ok(Self { about, tensors, hash: fnv1a(&bytes) })
    }

    /// Copies weights into the parameters of a network, looked up as `prefix` + name; shapes must match exactly.
    pub fn load_into(&self, path: &Path, prefix: &str, parameters: &[(String, Tensor)]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (name, parameter) in parameters {
            let found = self.find(path, &format!("{prefix}{name}"))?;
            if found.size() != parameter.size() {
                return Err(refuse(
                    path,
                    format!("tensor {name} is {:?}, expected {:?}", found.size(), parameter.size()),
                ));
            }
            parameter.shallow_clone().f_copy_(&found)?;
        }
        Ok(())
    }

    /// One tensor by name.
    pub fn find(&self, path: &Path, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.get(name).ok_or_else(|| refuse(path, format!("tensor {name} is missing")))?;
        Ok(tensor.shallow_clone())
    }
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Checkpoint { path: path.into(), reason }
}
