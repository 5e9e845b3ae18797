//! The few layers the networks are made of. Weights are kept in f32 and used in the kind of their input.

use tch::{Kind, Tensor, nn};

use crate::Result;

/// Affine map of the last dimension.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Uniform initial weights in ± 1/sqrt(inputs).
    pub fn new(path: &nn::Path, inputs: i64, outputs: i64) -> Result<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        Ok(Self {
            weight: path.f_uniform("weight", &[outputs, inputs], -bound, bound)?,
            bias: path.f_zeros("bias", &[outputs])?,
        })
    }

    /// (.., inputs) -> (.., outputs)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        Ok(x.f_linear(&self.weight.f_to_kind(kind)?, Some(&self.bias.f_to_kind(kind)?))?)
    }
}

/// Square convolution.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
    groups: i64,
}

impl Conv {
    /// Kernel `k`, stride `s`, padding `p`; uniform initial weights in ± sqrt(3 / fan-in).
    pub fn new(path: &nn::Path, inputs: i64, outputs: i64, k: i64, s: i64, p: i64) -> Result<Self> {
        let bound = (3.0 / (inputs * k * k) as f64).sqrt();
        Ok(Self {
            weight: path.f_uniform("weight", &[outputs, inputs, k, k], -bound, bound)?,
            bias: path.f_zeros("bias", &[outputs])?,
            stride: s,
            padding: p,
            groups: 1,
        })
    }

    /// Each channel with a kernel of its own, same size out.
    pub fn depthwise(path: &nn::Path, channels: i64, k: i64) -> Result<Self> {
        let single = Self::new(path, 1, channels, k, 1, k / 2)?;
        Ok(Self { groups: channels, ..single })
    }

    /// (batch, inputs, h, w) -> (batch, outputs, h', w')
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let (weight, bias) = (self.weight.f_to_kind(kind)?, self.bias.f_to_kind(kind)?);
        Ok(x.f_conv2d(&weight, Some(&bias), [self.stride; 2], [self.padding; 2], [1; 2], self.groups)?)
    }
}

/// Layer normalisation of the last dimension.
#[derive(Debug)]
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    dim: i64,
}

impl Norm {
    /// Starts as the identity scale.
    pub fn new(path: &nn::Path, dim: i64) -> Result<Self> {
        Ok(Self { weight: path.f_ones("weight", &[dim])?, bias: path.f_zeros("bias", &[dim])?, dim })
    }

    /// (.., dim) -> (.., dim)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let (weight, bias) = (self.weight.f_to_kind(kind)?, self.bias.f_to_kind(kind)?);
        Ok(x.f_layer_norm([self.dim], Some(&weight), Some(&bias), 1e-5, false)?)
    }
}

/// Multi-head attention of queries over keys, with an output projection.
#[derive(Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: i64,
}

impl Attention {
    /// Queries of width `dim`, keys and values made from width `context`.
    pub fn new(path: &nn::Path, dim: i64, context: i64, heads: i64) -> Result<Self> {
        Ok(Self {
            query: Linear::new(&(path / "query"), dim, dim)?,
            key: Linear::new(&(path / "key"), context, dim)?,
            value: Linear::new(&(path / "value"), context, dim)?,
            out: Linear::new(&(path / "out"), dim, dim)?,
            heads,
        })
    }

    /// x: (batch, n, dim), context: (batch, m, context), mask: (batch, 1, 1, m) added to the scores.
    pub fn forward(&self, x: &Tensor, context: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let split = |t: Tensor| -> Result<Tensor> {
            let (b, n, d) = t.size3()?;
            Ok(t.f_view([b, n, self.heads, d / self.heads])?.f_transpose(1, 2)?)
        };
        let q = split(self.query.forward(x)?)?;
        let k = split(self.key.forward(context)?)?;
        let v = split(self.value.forward(context)?)?;
        let (b, n, d) = x.size3()?;
        let kind = q.kind();
        // Spelled out: on processors the backward pass of LibTorch's fused attention is six times slower than this.
        let scale = ((d / self.heads) as f64).powf(-0.5);
        let scores = q.f_mul_scalar(scale)?.f_matmul(&k.f_transpose(2, 3)?)?;
        let scores = match mask {
            Some(mask) => scores.f_add(&mask.f_to_kind(kind)?)?,
            None => scores,
        };
        let y = scores.f_softmax(-1, kind)?.f_matmul(&v)?;
        self.out.forward(&y.f_transpose(1, 2)?.f_reshape([b, n, d])?)
    }
}

/// Attention of very many queries over few keys, such as pixels over words.
///
/// The query and output maps are folded into keys and values, which are few, so that the many queries go through two
/// wide products only. The result is that of [`Attention`] with the same weights, but for the query's bias.
#[derive(Debug)]
pub struct Reading {
    query: Tensor,
    key: Linear,
    value: Linear,
    out: Tensor,
    heads: i64,
}

impl Reading {
    /// Queries of width `dim`, keys and values made from width `context`.
    pub fn new(path: &nn::Path, dim: i64, context: i64, heads: i64) -> Result<Self> {
        let (head, bound) = (dim / heads, (dim as f64).powf(-0.5));
        Ok(Self {
            query: path.f_uniform("query", &[1, heads, head, dim], -bound, bound)?,
            key: Linear::new(&(path / "key"), context, dim)?,
            value: Linear::new(&(path / "value"), context, dim)?,
            out: path.f_uniform("out", &[1, heads, head, dim], -bound, bound)?,
            heads,
        })
    }

    /// x: (batch, n, dim), context: (batch, m, context), mask: (batch, 1, 1, m) added to the scores.
    pub fn forward(&self, x: &Tensor, context: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (b, n, dim) = x.size3()?;
        let (m, kind, head) = (context.size()[1], x.kind(), dim / self.heads);
        let fold = |t: Tensor, weight: &Tensor| -> Result<Tensor> {
            let t = t.f_view([b, m, self.heads, head])?.f_transpose(1, 2)?;
            Ok(t.f_matmul(&weight.f_to_kind(kind)?)?.f_reshape([b, self.heads * m, dim])?)
        };
        let keys = fold(self.key.forward(context)?, &self.query)?.f_mul_scalar((head as f64).powf(-0.5))?;
        let values = fold(self.value.forward(context)?, &self.out)?;
        let scores = x.f_bmm(&keys.f_transpose(1, 2)?)?.f_view([b, n, self.heads, m])?;
        let scores = scores.f_add(&mask.f_to_kind(kind)?)?;
        Ok(scores.f_softmax(-1, kind)?.f_view([b, n, self.heads * m])?.f_bmm(&values)?)
    }
}

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

/// Pre-norm transformer layer: attention, then feed-forward, each added to its input.
#[derive(Debug)]
pub struct Block {
    norm_attention: Norm,
    attention: Attention,
    norm_mlp: Norm,
    mlp: Mlp,
}

impl Block {
    /// Feed-forward width is four times `dim`.
    pub fn new(path: &nn::Path, dim: i64, heads: i64) -> Result<Self> {
        Ok(Self {
            norm_attention: Norm::new(&(path / "norm_attention"), dim)?,
            attention: Attention::new(&(path / "attention"), dim, dim, heads)?,
            norm_mlp: Norm::new(&(path / "norm_mlp"), dim)?,
            mlp: Mlp::new(&(path / "mlp"), dim, 4 * dim, dim)?,
        })
    }

    /// Self-attention over (batch, n, dim); mask as in [`Attention::forward`].
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let y = self.norm_attention.forward(x)?;
        let x = x.f_add(&self.attention.forward(&y, &y, mask)?)?;
        let y = self.mlp.forward(&self.norm_mlp.forward(&x)?)?;
        Ok(x.f_add(&y)?)
    }
}

/// Additive attention mask from a (batch, m) boolean: 0 where true, a large negative number where false.
pub fn additive_mask(keep: &Tensor) -> Result<Tensor> {
    let mask = keep.f_logical_not()?.f_to_kind(Kind::Float)?.f_mul_scalar(-1e4)?;
    Ok(mask.f_unsqueeze(1)?.f_unsqueeze(1)?)
}
