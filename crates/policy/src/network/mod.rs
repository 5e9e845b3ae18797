//! The static stream: one network per stage, both of this shape.
//!
//! Two paths meet in the heatmaps. The *pixel path* keeps quarter-resolution features and lets every pixel attend
//! to the words of the instruction, so that "is this the colour that was named, and how early?" is decided where
//! the colour is. The *token path* is RVT's: patches, layers inside each view, then joint layers over all views
//! and the language (Goyal et al. 2023/2024; section 4 of the design notes). Deviations from RVT-2: the pixel path
//! with language, two extra input channels that mark the tool and the last key-frame, pixel-shuffle upsampling.
//!
//! Letters in shapes: b batch, v = 3 views, c channels, s image side, g = s/4 pixel-path side, t = s/16 token side,
//! l language tokens.

use tch::{Kind, Tensor, nn};

use crate::{
    Result,
    config::PolicyConfig,
    layers::{Block, Conv, Linear, Mlp, Norm, Reading, additive_mask},
};

/// Channels rendered per view (section 2.4) and the two markers.
pub const VIEW_CHANNELS: i64 = 12;
/// Views.
pub const VIEWS: i64 = 3;
/// Numbers of proprioception: see `sample::proprio`.
pub const PROPRIO: i64 = 12;
/// Harmonics that tell an angle to the next rotation head.
const HARMONICS: i64 = 4;

/// Both stages.
#[derive(Debug)]
pub struct StaticStream {
    /// Looks at the whole scene.
    pub coarse: Stage,
    /// Looks at the zoom and names orientation, gripper and collision flag.
    pub fine: Stage,
    /// Heads of the fine stage.
    pub heads: Heads,
}

/// Inputs of a stage.
#[derive(Debug)]
pub struct StageInput {
    /// (b, v, c, s, s) f32
    pub views: Tensor,
    /// (b, PROPRIO) f32
    pub proprio: Tensor,
    /// (b, l, text_dim) f32
    pub text: Tensor,
    /// (b, l) bool, true where there is a token
    pub text_keep: Tensor,
}

/// Outputs of a stage.
#[derive(Debug)]
pub struct StageOutput {
    /// (b, v, s, s) f32 logits
    pub heat: Tensor,
    /// (b, v, dim, t, t) token features
    pub tokens: Tensor,
    /// (b * v, pixel_dim, g, g) pixel features after both paths met
    pub pixels: Tensor,
}

/// One network: views in, heatmaps and features out.
#[derive(Debug)]
pub struct Stage {
    stem: Conv,
    spread: Conv,
    pixel_proprio: Linear,
    pixel_norm: Norm,
    pixel_reads: Reading,
    pixel_norm_mlp: Norm,
    pixel_mlp: Mlp,
    patchify: Conv,
    position: Tensor,
    proprio: Mlp,
    text: Linear,
    text_position: Tensor,
    in_view: Vec<Block>,
    joint: Vec<Block>,
    norm: Norm,
    unpatchify: Linear,
    merge: Conv,
    upsample: Conv,
    config: PolicyConfig,
}

impl StaticStream {
    /// Registers all weights under `path`.
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            coarse: Stage::new(&(path / "coarse"), config)?,
            fine: Stage::new(&(path / "fine"), config)?,
            heads: Heads::new(&(path / "heads"), config)?,
        })
    }
}

impl Stage {
    fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let (dim, pixel) = (config.dim, config.pixel_dim);
        let side = config.image_px / 16;
        let blocks = |name: &str, count: usize| -> Result<Vec<Block>> {
            (0..count).map(|i| Block::new(&(path / name / i), dim, config.heads)).collect()
        };
        Ok(Self {
            stem: Conv::new(&(path / "stem"), VIEW_CHANNELS, pixel, 4, 4, 0)?,
            spread: Conv::depthwise(&(path / "spread"), pixel, 3)?,
            pixel_proprio: Linear::new(&(path / "pixel_proprio"), PROPRIO, pixel)?,
            pixel_norm: Norm::new(&(path / "pixel_norm"), pixel)?,
            pixel_reads: Reading::new(&(path / "pixel_reads"), pixel, dim, 4)?,
            pixel_norm_mlp: Norm::new(&(path / "pixel_norm_mlp"), pixel)?,
            pixel_mlp: Mlp::new(&(path / "pixel_mlp"), pixel, 2 * pixel, pixel)?,
            patchify: Conv::new(&(path / "patchify"), pixel, dim, 4, 4, 0)?,
            position: path.f_randn("position", &[1, VIEWS, side * side, dim], 0.0, 0.02)?,
            proprio: Mlp::new(&(path / "proprio"), PROPRIO, dim, dim)?,
            text: Linear::new(&(path / "text"), config.text_dim, dim)?,
            text_position: path.f_randn("text_position", &[1, config.text_len, dim], 0.0, 0.1)?,
            in_view: blocks("in_view", config.depth_view)?,
            joint: blocks("joint", config.depth_joint)?,
            norm: Norm::new(&(path / "norm"), dim)?,
            unpatchify: Linear::new(&(path / "unpatchify"), dim, 16 * pixel)?,
            merge: Conv::new(&(path / "merge"), pixel, pixel, 1, 1, 0)?,
            upsample: Conv::new(&(path / "upsample"), pixel, 16, 3, 1, 1)?,
            config: config.clone(),
        })
    }

    /// Runs in `kind` (f32 or bf16); heatmaps come back in f32.
    pub fn forward(&self, input: &StageInput, kind: Kind) -> Result<StageOutput> {
        let (pixel, dim) = (self.config.pixel_dim, self.config.dim);
        let (g, t) = (self.config.image_px / 4, self.config.image_px / 16);
        let b = input.views.size()[0];
        let proprio = input.proprio.f_to_kind(kind)?;
        let keep = additive_mask(&input.text_keep)?;
        let text = self.text.forward(&input.text.f_to_kind(kind)?)?;
        let text = text.f_add(&self.text_position.f_to_kind(kind)?)?;

        // Pixel path: quarter resolution, each pixel reads the instruction.
        let views = input.views.f_to_kind(kind)?.f_flatten(0, 1)?;
        let x = self.stem.forward(&views)?.f_relu()?;
        let x = x.f_add(&self.spread.forward(&x)?)?;
        let x = x.f_view([b, VIEWS, pixel, g * g])?.f_transpose(2, 3)?.f_reshape([b, VIEWS * g * g, pixel])?;
        let x = x.f_add(&self.pixel_proprio.forward(&proprio)?.f_unsqueeze(1)?)?;
        let x = x.f_add(&self.pixel_reads.forward(&self.pixel_norm.forward(&x)?, &text, &keep)?)?;
        let x = x.f_add(&self.pixel_mlp.forward(&self.pixel_norm_mlp.forward(&x)?)?)?;
        let pixels = x.f_view([b * VIEWS, g * g, pixel])?.f_transpose(1, 2)?.f_reshape([b * VIEWS, pixel, g, g])?;

        // Token path: inside each view, then jointly with the language.
        let tokens = self.patchify.forward(&pixels)?.f_flatten(2, 3)?.f_transpose(1, 2)?;
        let tokens = tokens.f_reshape([b, VIEWS, t * t, dim])?.f_add(&self.position.f_to_kind(kind)?)?;
        let body = self.proprio.forward(&proprio)?.f_view([b, 1, 1, dim])?;
        let mut tokens = tokens.f_add(&body)?.f_reshape([b * VIEWS, t * t, dim])?;
        for block in &self.in_view {
            tokens = block.forward(&tokens, None)?;
        }
        let mut all = Tensor::f_cat(&[text, tokens.f_reshape([b, VIEWS * t * t, dim])?], 1)?;
        let image_keep = Tensor::f_zeros([b, 1, 1, VIEWS * t * t], (Kind::Float, keep.device()))?;
        let mask = Tensor::f_cat(&[keep, image_keep], 3)?;
        for block in &self.joint {
            all = block.forward(&all, Some(&mask))?;
        }
        let tokens = self.norm.forward(&all.f_narrow(1, self.config.text_len, VIEWS * t * t)?)?;

        // Both meet at quarter resolution; pixel shuffle brings the heatmap to full resolution.
        let up = self.unpatchify.forward(&tokens)?.f_view([b * VIEWS, t * t, 16 * pixel])?;
        let up = up.f_transpose(1, 2)?.f_reshape([b * VIEWS, 16 * pixel, t, t])?.f_pixel_shuffle(4)?;
        let pixels = self.merge.forward(&pixels)?.f_add(&up)?.f_relu()?;
        let heat = self.upsample.forward(&pixels)?.f_pixel_shuffle(4)?.f_to_kind(Kind::Float)?;
        let s = self.config.image_px;
        let tokens = tokens.f_transpose(1, 2)?.f_reshape([b, dim, VIEWS, t * t])?.f_transpose(1, 2)?;
        Ok(StageOutput { heat: heat.f_view([b, VIEWS, s, s])?, tokens, pixels })
    }
}

/// Rotation (auto-regressive over three angles), gripper and collision heads at a way-point.
#[derive(Debug)]
pub struct Heads {
    angles: [Mlp; 3],
    switches: Mlp,
    bins: i64,
}

/// Logits of the heads.
#[derive(Debug)]
pub struct HeadOutput {
    /// Three times (b, bins)
    pub angles: [Tensor; 3],
    /// (b, 2): closed, open
    pub gripper: Tensor,
    /// (b, 2): avoid collisions, ignore them
    pub collision: Tensor,
}

impl Heads {
    fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let width = VIEWS * (config.dim + config.pixel_dim) + PROPRIO;
        let angle =
            |name: &str, known: i64| Mlp::new(&(path / name), width + known * 2 * HARMONICS, 256, config.rotation_bins);
        Ok(Self {
            angles: [angle("angle_a", 0)?, angle("angle_b", 1)?, angle("angle_c", 2)?],
            switches: Mlp::new(&(path / "switches"), width, 256, 4)?,
            bins: config.rotation_bins,
        })
    }

    /// `point`: (b, 3) way-point in the stage's cube; `known`: (b, 3) true bins in training, `None` to choose.
    pub fn forward(
        &self,
        stage: &StageOutput,
        proprio: &Tensor,
        point: &Tensor,
        known: Option<&Tensor>,
    ) -> Result<HeadOutput> {
        let (b, v, _) = stage.tokens.f_amax([3], false)?.size3()?;
        let global = stage.tokens.f_amax([3], false)?.f_reshape([b, -1])?.f_to_kind(Kind::Float)?;
        let pixels = stage.pixels.f_to_kind(Kind::Float)?;
        let grid = view_coordinates(point)?.f_view([b * v, 1, 1, 2])?;
        let local = pixels.f_grid_sampler(&grid, 0, 1, false)?.f_reshape([b, -1])?;
        let features = Tensor::f_cat(&[global, local, proprio.f_to_kind(Kind::Float)?], 1)?;

        let mut context = features.shallow_clone();
        let mut angles = Vec::with_capacity(3);
        for (i, head) in self.angles.iter().enumerate() {
            let logits = head.forward(&context)?;
            let chosen = match known {
                Some(bins) => bins.f_select(1, i as i64)?,
                None => logits.f_argmax(1, false)?,
            };
            context = Tensor::f_cat(&[&context, &self.harmonics(&chosen)?], 1)?;
            angles.push(logits);
        }
        let switches = self.switches.forward(&features)?;
        let [a, b, c]: [Tensor; 3] = angles.try_into().map_err(|_| crate::Error::Data("three angles".into()))?;
        Ok(HeadOutput {
            angles: [a, b, c],
            gripper: switches.f_narrow(1, 0, 2)?,
            collision: switches.f_narrow(1, 2, 2)?,
        })
    }

    /// (b) bin indices -> (b, 2 HARMONICS)
    fn harmonics(&self, bins: &Tensor) -> Result<Tensor> {
        let turn = bins.f_to_kind(Kind::Float)?.f_mul_scalar(std::f64::consts::TAU / self.bins as f64)?;
        let order = Tensor::f_arange_start(1, HARMONICS + 1, (Kind::Float, bins.device()))?;
        let phase = turn.f_unsqueeze(1)?.f_mul(&order.f_unsqueeze(0)?)?;
        Ok(Tensor::f_cat(&[phase.f_cos()?, phase.f_sin()?], 1)?)
    }
}

/// (b, 3) points in the cube -> (b, v, 2) image coordinates in [-1, 1], x right and y down (section 3.1).
fn view_coordinates(point: &Tensor) -> Result<Tensor> {
    let axis = |i| point.f_select(1, i);
    let (x, y, z) = (axis(0)?, axis(1)?, axis(2)?);
    let views = [
        Tensor::f_stack(&[x.shallow_clone(), y.f_neg()?], 1)?,
        Tensor::f_stack(&[y.shallow_clone(), z.f_neg()?], 1)?,
        Tensor::f_stack(&[x.f_neg()?, z.f_neg()?], 1)?,
    ];
    Ok(Tensor::f_stack(&views, 1)?.f_contiguous()?)
}
