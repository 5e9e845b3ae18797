//! Weights that somebody else's program wrote: a safetensors file whose tensors have our names, shapes and type (F32), and
//! which does not say what it is. The caller says.

use std::path::Path;

use tch::{Device, nn};

use crate::{
    Error, Result, StaticStream,
    checkpoint::{About, Checkpoint, GAZE},
    choices::Dynamic,
    gaze::FrozenGaze,
    network::parameter_count,
    train::parameters,
};

/// Writes the weights in `from` to `to` as a self-describing file; `about` says what they are, and of which gaze network, if
/// there is one, whose tensors are those named `gaze_net.`. Every tensor of the networks must be there in its shape, and no
/// other: the error names those that are not. Returns how many numbers of the policy learn.
pub fn adopt(from: &Path, about: &About, to: &Path) -> Result<usize> {
    if about.gaze.is_some() != (about.config.dynamic == Dynamic::Gaze) {
        let (value, missing) = match &about.gaze {
            Some(_) => (about.config.dynamic.name(), "a gaze network goes with dynamic: gaze alone"),
            None => ("gaze", "the gaze network that lies in the same file is not described"),
        };
        return Err(Error::NotWired { key: "dynamic", value: value.into(), missing });
    }
    let checkpoint = Checkpoint::import(from, about.clone())?;
    let store = nn::VarStore::new(Device::Cpu);
    StaticStream::new(&store.root(), &about.config)?;
    let mut parameters = parameters(&store);
    checkpoint.load_into(from, &parameters)?;
    if let Some(gaze) = &about.gaze {
        let gaze = FrozenGaze::from_part(from, &checkpoint, GAZE, gaze, Device::Cpu)?;
        gaze.check_fits(&about.config)?;
        parameters.extend(gaze.embedded());
    }
    Checkpoint::write(to, about, &parameters)?;
    Ok(parameter_count(&store, ""))
}
