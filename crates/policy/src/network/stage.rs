//! One network: views in, heatmaps and features out.

use tch::{Kind, Tensor, nn};

use super::{
    DynamicInput, StageInput, VIEWS,
    entry::{Entered, Entry},
    exit::Exit,
};
use crate::{
    Result,
    choices::Dynamic,
    config::PolicyConfig,
    layers::{Block, BlockShape, Linear, additive_mask},
};

/// Outputs of a stage.
#[derive(Debug)]
pub struct StageOutput {
    /// (b, 3, s, s) f32 logits of the static views
    pub heat: Tensor,
    /// (b, 3, c, t * t) token features F_j of the static views
    pub tokens: Tensor,
    /// (b * 3, c', g', g') finest features of the static views: the pixel path's after both paths met (g' = g), or
    /// without one the F_j again (g' = t)
    pub pixels: Tensor,
    /// The dynamic view's, if there is one.
    pub dynamic: Option<DynamicOutput>,
}

/// Features and heatmap of the dynamic view.
#[derive(Debug)]
pub struct DynamicOutput {
    /// (b, 1, c, t * t) token features F_4
    pub tokens: Tensor,
    /// (b, 1, s, s) f32 probabilities H_4: given, or learned
    pub heat: Tensor,
    /// (b, 1, s, s) f32 logits of a learned H_4 (`wrist_view`), to be trained on the projected key-frame
    pub logits: Option<Tensor>,
}

/// The transformer of one stage with its entry and exit.
#[derive(Debug)]
pub struct Stage {
    entry: Entry,
    in_view: Vec<Block>,
    joint: Vec<Block>,
    exit: Exit,
    gaze: Option<Gaze>,
    config: PolicyConfig,
}

/// Where the gaze network's features enter: a projection and learned places.
#[derive(Debug)]
struct Gaze {
    project: Linear,
    position: Tensor,
}

impl Stage {
    pub(super) fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let shape = BlockShape {
            dim: config.dim,
            heads: config.heads,
            bias: config.attention_bias,
            feed_forward: config.feed_forward,
            dropout: config.dropout,
        };
        let blocks = |name: &str, count: usize| -> Result<Vec<Block>> {
            (0..count).map(|i| Block::with(&(path / name / i), &shape)).collect()
        };
        Ok(Self {
            entry: Entry::new(path, config)?,
            in_view: blocks("in_view", config.depth_view)?,
            joint: blocks("joint", config.depth_joint)?,
            exit: Exit::new(path, config)?,
            gaze: (config.dynamic == Dynamic::Gaze).then(|| Gaze::new(&(path / "gaze"), config)).transpose()?,
            config: config.clone(),
        })
    }

    /// Runs in `kind` (f32 or bf16); heatmaps come back in f32.
    pub fn forward(&self, input: &StageInput, kind: Kind) -> Result<StageOutput> {
        input.check(&self.config)?;
        let dynamic = input.dynamic.as_ref();
        let views = match dynamic.and_then(DynamicInput::view) {
            Some(view) => Tensor::f_cat(&[&input.views, &view.f_unsqueeze(1)?], 1)?,
            None => input.views.shallow_clone(),
        };
        let keep = additive_mask(&input.text_keep)?;
        let Entered { text, tokens, pixels } = self.entry.forward(&views, input, &keep, kind)?;

        // Inside each rendered view.
        let (b, v, n, dim) = tokens.size4()?;
        let mut tokens = tokens.f_reshape([b * v, n, dim])?;
        for block in &self.in_view {
            tokens = block.forward(&tokens, None)?;
        }
        // Jointly with the words, and with what the gaze network saw.
        let mut parts = vec![text, tokens.f_reshape([b, v * n, dim])?];
        if let (Some(gaze), Some(features)) = (&self.gaze, dynamic.and_then(DynamicInput::features)) {
            parts.push(gaze.tokens(features, kind)?);
        }
        let mut all = Tensor::f_cat(&parts, 1)?;
        let words = input.text.size()[1];
        let images = all.size()[1] - words;
        let image_keep = Tensor::f_zeros([b, 1, 1, images], (Kind::Float, keep.device()))?;
        let mask = Tensor::f_cat(&[keep, image_keep], 3)?;
        for block in &self.joint {
            all = block.forward(&all, Some(&mask))?;
        }
        let tokens = all.f_narrow(1, words, images)?.f_reshape([b, images / n, n, dim])?;

        // A heatmap is made for each view that is not given one.
        let mapped = if self.config.dynamic == Dynamic::WristView { VIEWS + 1 } else { VIEWS };
        let left = self.exit.forward(&tokens, pixels.as_ref(), mapped)?;
        Ok(StageOutput {
            heat: left.heat.f_narrow(1, 0, VIEWS)?.f_contiguous()?,
            tokens: left.tokens.f_narrow(1, 0, VIEWS)?,
            pixels: left.pixels.f_narrow(1, 0, VIEWS)?.f_flatten(0, 1)?,
            dynamic: dynamic
                .map(|given| -> Result<DynamicOutput> {
                    let (heat, logits) = match given.heat() {
                        Some(heat) => (heat.f_to_kind(Kind::Float)?, None),
                        None => {
                            let logits = left.heat.f_narrow(1, VIEWS, 1)?;
                            (probabilities(&logits)?, Some(logits))
                        }
                    };
                    Ok(DynamicOutput { tokens: left.tokens.f_narrow(1, VIEWS, 1)?, heat, logits })
                })
                .transpose()?,
        })
    }
}

impl Gaze {
    fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let tokens = config.token_side() * config.token_side();
        Ok(Self {
            project: Linear::new(&(path / "project"), config.gaze_dim, config.dim)?,
            position: path.f_randn("position", &[1, tokens, config.dim], 0.0, 0.02)?,
        })
    }

    /// (b, gaze_dim, t, t) -> (b, t * t, dim)
    fn tokens(&self, features: &Tensor, kind: Kind) -> Result<Tensor> {
        let features = features.f_to_kind(kind)?.f_flatten(2, 3)?.f_transpose(1, 2)?;
        Ok(self.project.forward(&features)?.f_add(&self.position.f_to_kind(kind)?)?)
    }
}

/// (b, v, s, s) logits -> probabilities, each view summing to one.
pub(super) fn probabilities(logits: &Tensor) -> Result<Tensor> {
    let (b, v, h, w) = logits.size4()?;
    Ok(logits.f_view([b, v, h * w])?.f_softmax(2, Kind::Float)?.f_view([b, v, h, w])?)
}
