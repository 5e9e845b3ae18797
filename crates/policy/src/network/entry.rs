//! Views, words and proprioception become tokens of the transformer's width.

use tch::{Kind, Tensor, nn};

use super::{StageInput, VIEWS};
use crate::{
    Result,
    config::PolicyConfig,
    layers::{Conv, GroupNorm, Linear, Mlp, Norm, Reading, leaky_relu},
};

/// What goes into the layers.
pub(super) struct Entered {
    /// (b, l, dim)
    pub text: Tensor,
    /// (b, v, t * t, dim)
    pub tokens: Tensor,
    /// (b, v, pixel_dim, g, g), where there is a pixel path
    pub pixels: Option<Tensor>,
}

#[derive(Debug)]
pub(super) enum Entry {
    Pixel(Box<PixelEntry>),
    Patch(Box<PatchEntry>),
}

impl Entry {
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        Ok(if config.pixel_path {
            Self::Pixel(Box::new(PixelEntry::new(path, config)?))
        } else {
            Self::Patch(Box::new(PatchEntry::new(path, config)?))
        })
    }

    /// `views`: (b, v, c, s, s), the static ones first; `keep`: (b, 1, 1, l) additive mask of the words.
    pub fn forward(&self, views: &Tensor, input: &StageInput, keep: &Tensor, kind: Kind) -> Result<Entered> {
        let views = views.f_to_kind(kind)?;
        let (proprio, text) = (input.proprio.f_to_kind(kind)?, input.text.f_to_kind(kind)?);
        match self {
            Self::Pixel(entry) => entry.forward(&views, &proprio, &text, keep),
            Self::Patch(entry) => entry.forward(&views, &proprio, &text),
        }
    }
}

/// Learned place of each token in its view; the dynamic view's is kept apart, so that weights of the static stream fit
/// into a network with both.
#[derive(Debug)]
struct Positions {
    fixed: Tensor,
    dynamic: Option<Tensor>,
}

impl Positions {
    fn new(path: &nn::Path, config: &PolicyConfig, width: i64) -> Result<Self> {
        let tokens = config.token_side() * config.token_side();
        let dynamic = config.dynamic.has_view();
        Ok(Self {
            fixed: path.f_randn("position", &[1, VIEWS, tokens, width], 0.0, 0.02)?,
            dynamic: dynamic
                .then(|| path.f_randn("dynamic_position", &[1, 1, tokens, width], 0.0, 0.02))
                .transpose()?,
        })
    }

    /// (b, v, t * t, width) -> the same
    fn add(&self, tokens: &Tensor) -> Result<Tensor> {
        let kind = tokens.kind();
        let positions = match &self.dynamic {
            Some(dynamic) => Tensor::f_cat(&[&self.fixed, dynamic], 1)?,
            None => self.fixed.shallow_clone(),
        };
        Ok(tokens.f_add(&positions.f_to_kind(kind)?)?)
    }
}

/// Quarter-resolution pixels that read the instruction, then patches of them.
#[derive(Debug)]
pub(super) struct PixelEntry {
    stem: Conv,
    spread: Conv,
    pixel_proprio: Linear,
    pixel_norm: Norm,
    pixel_reads: Reading,
    pixel_norm_mlp: Norm,
    pixel_mlp: Mlp,
    patchify: Conv,
    positions: Positions,
    proprio: Mlp,
    text: Linear,
    text_position: Tensor,
}

impl PixelEntry {
    fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let (dim, pixel, body) = (config.dim, config.pixel_dim, config.proprio_dim);
        let patch = config.patch_px / 4;
        Ok(Self {
            stem: Conv::new(&(path / "stem"), config.view_channels(), pixel, 4, 4, 0)?,
            spread: Conv::depthwise(&(path / "spread"), pixel, 3)?,
            pixel_proprio: Linear::new(&(path / "pixel_proprio"), body, pixel)?,
            pixel_norm: Norm::new(&(path / "pixel_norm"), pixel)?,
            pixel_reads: Reading::new(&(path / "pixel_reads"), pixel, dim, 4)?,
            pixel_norm_mlp: Norm::new(&(path / "pixel_norm_mlp"), pixel)?,
            pixel_mlp: Mlp::new(&(path / "pixel_mlp"), pixel, 2 * pixel, pixel)?,
            patchify: Conv::new(&(path / "patchify"), pixel, dim, patch, patch, 0)?,
            positions: Positions::new(path, config, dim)?,
            proprio: Mlp::new(&(path / "proprio"), body, dim, dim)?,
            text: Linear::new(&(path / "text"), config.text_dim, dim)?,
            text_position: path.f_randn("text_position", &[1, config.text_len, dim], 0.0, 0.1)?,
        })
    }

    fn forward(&self, views: &Tensor, proprio: &Tensor, text: &Tensor, keep: &Tensor) -> Result<Entered> {
        let (b, v, kind) = (views.size()[0], views.size()[1], views.kind());
        let text = self.text.forward(text)?;
        let place = self.text_position.f_narrow(1, 0, text.size()[1])?;
        let text = text.f_add(&place.f_to_kind(kind)?)?;

        let x = self.stem.forward(&views.f_flatten(0, 1)?)?.f_relu()?;
        let x = x.f_add(&self.spread.forward(&x)?)?;
        let (_, pixel, g, _) = x.size4()?;
        let x = x.f_view([b, v, pixel, g * g])?.f_transpose(2, 3)?.f_reshape([b, v * g * g, pixel])?;
        let x = x.f_add(&self.pixel_proprio.forward(proprio)?.f_unsqueeze(1)?)?;
        let x = x.f_add(&self.pixel_reads.forward(&self.pixel_norm.forward(&x)?, &text, keep)?)?;
        let x = x.f_add(&self.pixel_mlp.forward(&self.pixel_norm_mlp.forward(&x)?)?)?;
        let pixels = x.f_view([b * v, g * g, pixel])?.f_transpose(1, 2)?.f_reshape([b * v, pixel, g, g])?;

        let tokens = self.patchify.forward(&pixels)?.f_flatten(2, 3)?.f_transpose(1, 2)?;
        let (_, n, dim) = tokens.size3()?;
        let tokens = self.positions.add(&tokens.f_reshape([b, v, n, dim])?)?;
        let body = self.proprio.forward(proprio)?.f_view([b, 1, 1, dim])?;
        Ok(Entered { text, tokens: tokens.f_add(&body)?, pixels: Some(pixels.f_view([b, v, pixel, g, g])?) })
    }
}

/// Patches beside proprioception (RVT-2): image and body have half of `feature_dim` each.
#[derive(Debug)]
pub(super) struct PatchEntry {
    patchify: Conv,
    patch_norm: GroupNorm,
    proprio: Linear,
    proprio_norm: GroupNorm,
    positions: Positions,
    text: Linear,
    text_norm: GroupNorm,
    widen: Linear,
}

impl PatchEntry {
    fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let (feature, half, patch) = (config.feature_dim, config.feature_dim / 2, config.patch_px);
        Ok(Self {
            patchify: Conv::new(&(path / "patchify"), config.view_channels(), half, patch, patch, 0)?,
            patch_norm: GroupNorm::new(&(path / "patch_norm"), half)?,
            proprio: Linear::new(&(path / "proprio"), config.proprio_dim, half)?,
            proprio_norm: GroupNorm::new(&(path / "proprio_norm"), half)?,
            positions: Positions::new(path, config, feature)?,
            text: Linear::new(&(path / "text"), config.text_dim, feature)?,
            text_norm: GroupNorm::new(&(path / "text_norm"), feature)?,
            widen: Linear::new(&(path / "widen"), feature, config.dim)?,
        })
    }

    fn forward(&self, views: &Tensor, proprio: &Tensor, text: &Tensor) -> Result<Entered> {
        let (b, v) = (views.size()[0], views.size()[1]);
        // Words are normalised one by one; those after the sentence are masked in the joint layers.
        let words = self.text.forward(&text.f_flatten(0, 1)?)?;
        let words = leaky_relu(&self.text_norm.forward(&words)?)?.f_view([b, text.size()[1], -1])?;

        let image = leaky_relu(&self.patch_norm.forward(&self.patchify.forward(&views.f_flatten(0, 1)?)?)?)?;
        let (_, half, t, _) = image.size4()?;
        let image = image.f_view([b, v, half, t * t])?.f_transpose(2, 3)?;
        let body = leaky_relu(&self.proprio_norm.forward(&self.proprio.forward(proprio)?)?)?;
        let body = body.f_view([b, 1, 1, half])?.f_expand([b, v, t * t, half], false)?;
        let tokens = self.positions.add(&Tensor::f_cat(&[image, body], 3)?)?;
        Ok(Entered { text: self.widen.forward(&words)?, tokens: self.widen.forward(&tokens)?, pixels: None })
    }
}
