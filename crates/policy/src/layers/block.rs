//! Feed-forward maps and the transformer layer.

use tch::{Tensor, nn};

use super::{Attention, Linear, Norm};
use crate::{Result, choices::FeedForward};

/// Two linear maps with a GELU between them.
#[derive(Debug)]
pub struct Mlp {
    up: Linear,
    down: Linear,
}

impl Mlp {
    /// inputs -> hidden -> outputs.
    pub fn new(path: &nn::Path, inputs: i64, hidden: i64, outputs: i64) -> Result<Self> {
        Ok(Self {
            up: Linear::new(&(path / "up"), inputs, hidden)?,
            down: Linear::new(&(path / "down"), hidden, outputs)?,
        })
    }

    /// (.., inputs) -> (.., outputs)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.down.forward(&self.up.forward(x)?.f_gelu("none")?)
    }
}

/// A linear map gated by the GELU of another, then a third (Shazeer 2020): `W_down (a * gelu(g))`, `[a; g] = W_up x`.
#[derive(Debug)]
pub struct Geglu {
    up: Linear,
    down: Linear,
}

impl Geglu {
    /// inputs -> 2 * hidden, gated to hidden -> inputs.
    pub fn new(path: &nn::Path, inputs: i64, hidden: i64) -> Result<Self> {
        Ok(Self {
            up: Linear::new(&(path / "up"), inputs, 2 * hidden)?,
            down: Linear::new(&(path / "down"), hidden, inputs)?,
        })
    }

    /// (.., inputs) -> (.., inputs)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let both = self.up.forward(x)?;
        let half = both.size().last().copied().unwrap_or(0) / 2;
        let (values, gates) = (both.f_narrow(-1, 0, half)?, both.f_narrow(-1, half, half)?);
        self.down.forward(&values.f_mul(&gates.f_gelu("none")?)?)
    }
}

/// Shape of a [`Block`]; the feed-forward width is four times `dim`.
#[derive(Copy, Clone, Debug)]
pub struct BlockShape {
    /// Width.
    pub dim: i64,
    /// Attention heads; divides `dim`.
    pub heads: i64,
    /// Bias of queries, keys and values.
    pub bias: bool,
    /// The map after the attention.
    pub feed_forward: FeedForward,
    /// Part of the attention's result that is dropped while learning.
    pub dropout: f64,
}

/// Pre-norm transformer layer: attention, then feed-forward, each added to its input.
#[derive(Debug)]
pub struct Block {
    norm_attention: Norm,
    attention: Attention,
    norm_mlp: Norm,
    mlp: Feed,
}

#[derive(Debug)]
enum Feed {
    Gelu(Mlp),
    Geglu(Geglu),
}

impl Block {
    /// The plain one: biases everywhere, GELU, no dropout.
    pub fn new(path: &nn::Path, dim: i64, heads: i64) -> Result<Self> {
        Self::with(path, &BlockShape { dim, heads, bias: true, feed_forward: FeedForward::Gelu, dropout: 0.0 })
    }

    /// Of a given shape.
    pub fn with(path: &nn::Path, shape: &BlockShape) -> Result<Self> {
        let BlockShape { dim, heads, bias, feed_forward, dropout } = *shape;
        Ok(Self {
            norm_attention: Norm::new(&(path / "norm_attention"), dim)?,
            attention: Attention::with(&(path / "attention"), dim, dim, heads, bias, dropout)?,
            norm_mlp: Norm::new(&(path / "norm_mlp"), dim)?,
            mlp: match feed_forward {
                FeedForward::Gelu => Feed::Gelu(Mlp::new(&(path / "mlp"), dim, 4 * dim, dim)?),
                FeedForward::Geglu => Feed::Geglu(Geglu::new(&(path / "mlp"), dim, 4 * dim)?),
            },
        })
    }

    /// Self-attention over (batch, n, dim); mask as in [`Attention::forward`].
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let y = self.norm_attention.forward(x)?;
        let x = x.f_add(&self.attention.forward(&y, &y, mask)?)?;
        let y = self.norm_mlp.forward(&x)?;
        let y = match &self.mlp {
            Feed::Gelu(mlp) => mlp.forward(&y)?,
            Feed::Geglu(mlp) => mlp.forward(&y)?,
        };
        Ok(x.f_add(&y)?)
    }
}
