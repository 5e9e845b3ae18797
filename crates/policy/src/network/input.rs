//! What a stage is given, checked against its configuration.

use tch::{Device, Kind, Tensor};

use super::VIEWS;
use crate::{Error, Result, choices::Dynamic, config::PolicyConfig};

/// Inputs of a stage.
#[derive(Debug)]
pub struct StageInput {
    /// (b, 3, c, s, s) f32
    pub views: Tensor,
    /// (b, proprio_dim) f32
    pub proprio: Tensor,
    /// (b, l, text_dim) f32; l: tokens of the batch's longest sentence, text_len at most
    pub text: Tensor,
    /// (b, l) bool, true where there is a token
    pub text_keep: Tensor,
    /// The dynamic stream's part; `None` where the configuration has it off.
    pub dynamic: Option<DynamicInput>,
}

/// The dynamic stream's part of a stage's input, one variant per arm of [`Dynamic`]. Both stages see through one camera
/// the same view; of its channels only those that say where a point is are in the stage's own cube.
#[derive(Debug)]
pub enum DynamicInput {
    /// A fourth plain view.
    WristView {
        /// (b, c, s, s) f32, channels as those of the static views
        view: Tensor,
    },
    /// A fourth view and where the tool is in it.
    FkHeatmap {
        /// (b, c, s, s) f32, channels as those of the static views
        view: Tensor,
        /// (b, 1, s, s) f32 H4: probabilities that sum to one; all alike where the tool is outside the picture
        heat: Tensor,
    },
    /// Answer of the frozen gaze network.
    Gaze {
        /// (b, gaze_dim, t, t) f32: F_SA and F_GLC, one above the other
        features: Tensor,
        /// (b, 1, s, s) f32 H4: probabilities that sum to one
        heat: Tensor,
    },
}

impl DynamicInput {
    /// The fourth rendered view, if this arm has one.
    pub fn view(&self) -> Option<&Tensor> {
        match self {
            Self::WristView { view } | Self::FkHeatmap { view, .. } => Some(view),
            Self::Gaze { .. } => None,
        }
    }

    /// The given heatmap, if this arm has one.
    pub fn heat(&self) -> Option<&Tensor> {
        match self {
            Self::FkHeatmap { heat, .. } | Self::Gaze { heat, .. } => Some(heat),
            Self::WristView { .. } => None,
        }
    }

    /// The gaze network's features, if this arm has them.
    pub fn features(&self) -> Option<&Tensor> {
        match self {
            Self::Gaze { features, .. } => Some(features),
            Self::WristView { .. } | Self::FkHeatmap { .. } => None,
        }
    }

    /// The same tensors once more.
    pub fn shallow_clone(&self) -> Self {
        let same = Tensor::shallow_clone;
        match self {
            Self::WristView { view } => Self::WristView { view: same(view) },
            Self::FkHeatmap { view, heat } => Self::FkHeatmap { view: same(view), heat: same(heat) },
            Self::Gaze { features, heat } => Self::Gaze { features: same(features), heat: same(heat) },
        }
    }

    fn arm(&self) -> Dynamic {
        match self {
            Self::WristView { .. } => Dynamic::WristView,
            Self::FkHeatmap { .. } => Dynamic::FkHeatmap,
            Self::Gaze { .. } => Dynamic::Gaze,
        }
    }

    fn to_device(&self, device: Device) -> Result<Self> {
        let to = |t: &Tensor| t.f_to_device(device);
        Ok(match self {
            Self::WristView { view } => Self::WristView { view: to(view)? },
            Self::FkHeatmap { view, heat } => Self::FkHeatmap { view: to(view)?, heat: to(heat)? },
            Self::Gaze { features, heat } => Self::Gaze { features: to(features)?, heat: to(heat)? },
        })
    }
}

impl StageInput {
    /// The same on a device.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        Ok(Self {
            views: self.views.f_to_device(device)?,
            proprio: self.proprio.f_to_device(device)?,
            text: self.text.f_to_device(device)?,
            text_keep: self.text_keep.f_to_kind(Kind::Bool)?.f_to_device(device)?,
            dynamic: self.dynamic.as_ref().map(|d| d.to_device(device)).transpose()?,
        })
    }

    /// Refuses what a network of this configuration cannot take, saying which part.
    pub fn check(&self, config: &PolicyConfig) -> Result<()> {
        let b = self.views.size().first().copied().unwrap_or(0);
        let (c, s, t) = (config.view_channels(), config.image_px, config.token_side());
        fits("views", &self.views, &[b, VIEWS, c, s, s])?;
        fits("proprioception", &self.proprio, &[b, config.proprio_dim])?;
        let l = self.text.size().get(1).map_or(config.text_len, |l| (*l).clamp(1, config.text_len));
        fits("text", &self.text, &[b, l, config.text_dim])?;
        fits("text mask", &self.text_keep, &[b, l])?;
        let arm = self.dynamic.as_ref().map_or(Dynamic::Off, DynamicInput::arm);
        if arm != config.dynamic {
            let (wanted, given) = (config.dynamic.name(), arm.name());
            return Err(Error::Input(format!("the network's dynamic stream is `{wanted}`, the input's is `{given}`")));
        }
        if let Some(dynamic) = &self.dynamic {
            dynamic.view().map_or(Ok(()), |view| fits("dynamic view", view, &[b, c, s, s]))?;
            dynamic.heat().map_or(Ok(()), |heat| fits("dynamic heatmap", heat, &[b, 1, s, s]))?;
            dynamic.features().map_or(Ok(()), |f| fits("gaze features", f, &[b, config.gaze_dim, t, t]))?;
        }
        Ok(())
    }
}

fn fits(part: &str, tensor: &Tensor, expected: &[i64]) -> Result<()> {
    let given = tensor.size();
    if given == expected {
        return Ok(());
    }
    Err(Error::Input(format!("{part}: shape {given:?}, the network takes {expected:?}")))
}
