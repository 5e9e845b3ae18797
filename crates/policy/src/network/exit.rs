//! Tokens that have seen everything become feature maps F_j and heatmaps H_j.

use tch::{Kind, Tensor, nn};

use super::Upsample;
use crate::{
    Result,
    config::PolicyConfig,
    layers::{Conv, Linear, Norm},
};

/// What comes out of the layers.
pub(super) struct Left {
    /// (b, v, c, t * t) token features
    pub tokens: Tensor,
    /// (b, mapped, c', g', g') the finest features
    pub pixels: Tensor,
    /// (b, mapped, s, s) f32 logits
    pub heat: Tensor,
}

#[derive(Debug)]
pub(super) enum Exit {
    Pixel { norm: Norm, unpatchify: Linear, merge: Conv, upsample: Upsample, grow: i64 },
    Patch { narrow: Linear, upsample: Upsample },
}

impl Exit {
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let (dim, pixel, grow) = (config.dim, config.pixel_dim, config.patch_px / 4);
        let up = path / "upsample";
        Ok(if config.pixel_path {
            Self::Pixel {
                norm: Norm::new(&(path / "norm"), dim)?,
                unpatchify: Linear::new(&(path / "unpatchify"), dim, grow * grow * pixel)?,
                merge: Conv::new(&(path / "merge"), pixel, pixel, 1, 1, 0)?,
                upsample: Upsample::new(&up, config.upsampling, pixel, 4)?,
                grow,
            }
        } else {
            Self::Patch {
                narrow: Linear::new(&(path / "narrow"), dim, config.feature_dim)?,
                upsample: Upsample::new(&up, config.upsampling, config.feature_dim, config.patch_px)?,
            }
        })
    }

    /// `tokens`: (b, v, t * t, dim); `pixels`: (b, v', pixel_dim, g, g) of the entry; heatmaps for the first `mapped` views.
    pub fn forward(&self, tokens: &Tensor, pixels: Option<&Tensor>, mapped: i64) -> Result<Left> {
        let (b, _, n, _) = tokens.size4()?;
        let t = (n as f64).sqrt() as i64;
        // (b, v, n, c) of the mapped views -> (b * mapped, c, t, t)
        let maps = |x: &Tensor| -> Result<Tensor> {
            let c = x.size().last().copied().unwrap_or(0);
            let x = x.f_narrow(1, 0, mapped)?.f_reshape([b * mapped, n, c])?;
            Ok(x.f_transpose(1, 2)?.f_reshape([b * mapped, c, t, t])?)
        };
        let (tokens, finest, upsample) = match (self, pixels) {
            (Self::Pixel { norm, unpatchify, merge, upsample, grow }, Some(pixels)) => {
                let tokens = norm.forward(tokens)?;
                let mapped_tokens = tokens.f_narrow(1, 0, mapped)?;
                let up = maps(&unpatchify.forward(&mapped_tokens)?)?.f_pixel_shuffle(*grow)?;
                let pixels = pixels.f_narrow(1, 0, mapped)?.f_flatten(0, 1)?;
                (tokens, merge.forward(&pixels)?.f_add(&up)?.f_relu()?, upsample)
            }
            (Self::Patch { narrow, upsample }, None) => {
                let tokens = narrow.forward(tokens)?;
                let finest = maps(&tokens)?;
                (tokens, finest, upsample)
            }
            _ => return Err(crate::Error::Input("entry and exit of a stage are of different kinds".into())),
        };
        let heat = upsample.forward(&finest)?.f_to_kind(Kind::Float)?;
        let (_, c, g, _) = finest.size4()?;
        let (_, _, s, _) = heat.size4()?;
        Ok(Left {
            tokens: tokens.f_transpose(2, 3)?,
            pixels: finest.f_view([b, mapped, c, g, g])?,
            heat: heat.f_view([b, mapped, s, s])?,
        })
    }
}
