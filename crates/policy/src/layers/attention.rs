//! Attention, of few queries and of very many.

use tch::{Kind, Tensor, nn};

use super::{Linear, dropout};
use crate::Result;

/// Multi-head attention of queries over keys, with an output projection.
#[derive(Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: i64,
    dropout: f64,
}

impl Attention {
    /// Queries of width `dim`, keys and values made from width `context`.
    pub fn new(path: &nn::Path, dim: i64, context: i64, heads: i64) -> Result<Self> {
        Self::with(path, dim, context, heads, true, 0.0)
    }

    /// With or without a bias in queries, keys and values; `dropout` of the result while learning.
    pub fn with(path: &nn::Path, dim: i64, context: i64, heads: i64, bias: bool, dropout: f64) -> Result<Self> {
        let linear = if bias { Linear::new } else { Linear::unbiased };
        Ok(Self {
            query: linear(&(path / "query"), dim, dim)?,
            key: linear(&(path / "key"), context, dim)?,
            value: linear(&(path / "value"), context, dim)?,
            out: Linear::new(&(path / "out"), dim, dim)?,
            heads,
            dropout,
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
        dropout(self.out.forward(&y.f_transpose(1, 2)?.f_reshape([b, n, d])?)?, self.dropout)
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
        // Queries last: a softmax over few numbers is several times as fast across rows as along them.
        let scores = keys.f_bmm(&x.f_transpose(1, 2)?)?.f_view([b, self.heads, m, n])?;
        let scores = scores.f_add(&mask.f_to_kind(kind)?.f_transpose(2, 3)?)?;
        let shares = scores.f_softmax(2, kind)?.f_view([b, self.heads * m, n])?;
        Ok(shares.f_transpose(1, 2)?.f_bmm(&values)?)
    }
}

/// Additive attention mask from a (batch, m) boolean: 0 where true, a large negative number where false.
pub fn additive_mask(keep: &Tensor) -> Result<Tensor> {
    let mask = keep.f_logical_not()?.f_to_kind(Kind::Float)?.f_mul_scalar(-1e4)?;
    Ok(mask.f_unsqueeze(1)?.f_unsqueeze(1)?)
}
