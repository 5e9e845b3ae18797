//! A trained gaze network whose weights no longer change: from a file of its own, or from inside a policy's file.

use std::path::Path;

use tch::{Device, Tensor, nn};

use crate::{
    Error, PolicyConfig, Result, TrainConfig,
    checkpoint::{Described, Description, GAZE},
    gaze::{
        GazeConfig, GazeNet, Mode,
        checkpoint::{About, GazeCheckpoint},
    },
    network::DynamicInput,
    train::parameters,
};

/// Frames of the clips that are made of observations: the one before and the current one.
const FRAMES: i64 = 2;

/// Weights on a device, without gradient.
#[derive(Debug)]
pub struct FrozenGaze {
    about: About,
    net: GazeNet,
    weights: Vec<(String, Tensor)>,
    device: Device,
    _store: nn::VarStore,
}

impl FrozenGaze {
    /// Loads a file of `neuraxis train gaze`.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let file = GazeCheckpoint::read(path)?;
        Self::from_part(path, &file, "", &file.about, device)
    }

    /// The network that a policy is trained with, if its dynamic stream is one.
    ///
    /// # Errors
    /// A file that is none, or a network that does not fit the policy.
    pub fn of(config: &TrainConfig, device: Device) -> Result<Option<Self>> {
        let Some(path) = &config.gaze else { return Ok(None) };
        let gaze = Self::load(path, device)?;
        gaze.check_fits(&config.policy)?;
        Ok(Some(gaze))
    }

    /// From those tensors of a file whose names begin with `prefix`; `about` says what they are.
    pub fn from_part<A: Description>(
        path: &Path,
        file: &Described<A>,
        prefix: &str,
        about: &About,
        device: Device,
    ) -> Result<Self> {
        if about.config.frames != FRAMES {
            let reason = format!("is for clips of {} frames, a stream has {FRAMES}", about.config.frames);
            return Err(Error::Checkpoint { path: path.into(), reason });
        }
        let mut store = nn::VarStore::new(Device::Cpu);
        let net = GazeNet::new(&store.root(), &about.config)?;
        let weights = parameters(&store);
        file.load_part_into(path, prefix, &weights)?;
        store.freeze();
        if device != Device::Cpu {
            store.set_device(device);
        }
        Ok(Self { about: about.clone(), net, weights, device, _store: store })
    }

    /// What the weights are.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Shape of the network, its camera and its label.
    pub fn config(&self) -> &GazeConfig {
        &self.about.config
    }

    /// The network.
    pub fn net(&self) -> &GazeNet {
        &self.net
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// All weights under the names that they have in a policy's file.
    pub fn embedded(&self) -> Vec<(String, Tensor)> {
        self.weights.iter().map(|(name, weight)| (format!("{GAZE}{name}"), weight.shallow_clone())).collect()
    }

    /// Refuses a policy that works in other bounds, on another grid of tokens or with features of another width.
    pub fn check_fits(&self, policy: &PolicyConfig) -> Result<()> {
        let gaze = self.config();
        let fail = |key, value: String, allowed| Err(Error::Config { key, value, allowed });
        if gaze.bounds_m != policy.bounds_m {
            return fail("gaze.bounds_m", format!("{:?}", gaze.bounds_m), "the policy's bounds");
        }
        if gaze.tokens() != policy.token_side() {
            return fail("gaze.image_px", gaze.image_px.to_string(), "32 px for each of the policy's tokens");
        }
        if gaze.feature_width() != policy.gaze_dim {
            return Err(Error::GazeWidth { policy: policy.gaze_dim, gaze: gaze.feature_width() });
        }
        Ok(())
    }

    /// What both stages of a policy are given of a (b, 2, 3, s, s) clip: features, and saliency in a map of `side`. In
    /// f32, whatever the policy runs in: it is done once for both stages.
    pub fn answer(&self, clip: &Tensor, side: i64) -> Result<DynamicInput> {
        let _guard = tch::no_grad_guard();
        let output = self.net.forward(&clip.f_to_device(self.device)?, Mode::Use)?;
        Ok(DynamicInput::Gaze { heat: output.saliency(side)?, features: output.features })
    }
}
