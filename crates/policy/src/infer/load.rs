//! From a file of weights to a policy that is ready to predict.

use std::path::Path;

use neuraxis_vision::FrozenWatch;
use tch::{Device, nn};

use super::{CorticalPolicy, PredictionViews};
use crate::{
    DeviceChoice, Error, PolicyConfig, Result, StaticStream,
    checkpoint::{Checkpoint, GAZE},
    choices::Dynamic,
    confidence,
    gaze::{FrozenGaze, GazeStream},
    network::PROPRIO,
    train::parameters,
};

impl CorticalPolicy {
    /// Loads weights, those of a gaze network from the same file; `text_encoder` must be the one they were trained with.
    /// A configuration whose inputs this program does not make is refused, naming the part.
    pub fn load(path: &Path, device: DeviceChoice, text_encoder: &str) -> Result<Self> {
        let device = device.resolve()?;
        let checkpoint = Checkpoint::read(path)?;
        if checkpoint.about.text_encoder != text_encoder {
            return Err(Error::Checkpoint {
                path: path.into(),
                reason: format!(
                    "was trained with text encoder {:?}, this run uses {text_encoder:?}",
                    checkpoint.about.text_encoder
                ),
            });
        }
        check_wired(&checkpoint.about.config)?;
        let mut store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &checkpoint.about.config)?;
        checkpoint.load_into(path, &parameters(&store))?;
        let gaze = embedded_gaze(path, &checkpoint, device)?;
        if device != Device::Cpu {
            store.set_device(device);
        }
        Ok(Self {
            sigma_px: confidence::sigma_px(checkpoint.about.recipe.as_ref()),
            about: checkpoint.about,
            hash: checkpoint.hash,
            net,
            gaze,
            epoch: None,
            device,
            watch: FrozenWatch::default(),
            cloud: neuraxis_vision::Cloud::default(),
            views: PredictionViews::default(),
            seq: 0,
            store,
        })
    }
}

/// Refuses configurations whose inputs are not made here.
fn check_wired(config: &PolicyConfig) -> Result<()> {
    if config.proprio_dim != PROPRIO {
        let missing = "this program makes 12 numbers of proprioception; the preset `paper` is for shapes and counts";
        return Err(Error::NotWired { key: "proprio_dim", value: config.proprio_dim.to_string(), missing });
    }
    Ok(())
}

/// The gaze network in a policy's file, if its dynamic stream is one.
fn embedded_gaze(path: &Path, checkpoint: &Checkpoint, device: Device) -> Result<Option<GazeStream>> {
    let about = match (checkpoint.about.config.dynamic, &checkpoint.about.gaze) {
        (Dynamic::Gaze, Some(about)) => about,
        (Dynamic::Gaze, None) => {
            let reason = "its policy has dynamic = gaze, but it holds no gaze network".into();
            return Err(Error::Checkpoint { path: path.into(), reason });
        }
        (Dynamic::Off | Dynamic::WristView | Dynamic::FkHeatmap, _) => return Ok(None),
    };
    let gaze = FrozenGaze::from_part(path, checkpoint, GAZE, about, device)?;
    gaze.check_fits(&checkpoint.about.config)?;
    Ok(Some(GazeStream::new(gaze)?))
}
