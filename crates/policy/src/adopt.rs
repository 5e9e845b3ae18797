//! Weights that somebody else's program wrote: a safetensors file whose tensors have our names, shapes and type (F32), and
//! which does not say what it is. The caller says.

use std::path::Path;

use tch::{Device, nn};

use crate::{
    Error, Result, StaticStream,
    checkpoint::{About, Checkpoint},
    choices::Dynamic,
    network::parameter_count,
    train::parameters,
};

/// Writes the weights in `from` to `to` as a self-describing file; `about` says what they are. Every tensor of the network must
/// be there in its shape, and no other: the error names those that are not. Returns how many numbers learn.
pub fn adopt(from: &Path, about: &About, to: &Path) -> Result<usize> {
    if about.config.dynamic == Dynamic::Gaze {
        let missing = "a gaze network lies in the same file as its policy, and is not taken over from others";
        return Err(Error::NotWired { key: "dynamic", value: "gaze".into(), missing });
    }
    let checkpoint = Checkpoint::import(from, about.clone())?;
    let store = nn::VarStore::new(Device::Cpu);
    StaticStream::new(&store.root(), &about.config)?;
    let parameters = parameters(&store);
    checkpoint.load_into(from, &parameters)?;
    Checkpoint::write(to, about, &parameters)?;
    Ok(parameter_count(&store, ""))
}
