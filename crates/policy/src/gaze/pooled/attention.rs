//! Attention with pooled queries, keys and values: to all keys, or to the global token and itself.

use tch::{Tensor, nn};

use super::{BlockShape, Conv3, Grid, Resample, grid::on_grid};
use crate::{
    Result,
    layers::{Linear, Norm},
};

#[derive(Debug)]
struct Pool {
    conv: Conv3,
    norm: Norm,
}

impl Pool {
    fn new(path: &nn::Path, width: i64, stride: Grid, expands: bool) -> Result<Self> {
        Ok(Self { conv: Conv3::depthwise(path, width, stride, expands)?, norm: Norm::new(&(path / "norm"), width)? })
    }

    /// (b, heads, n, width) -> (b, heads, n', width)
    fn forward(&self, x: &Tensor, grid: Grid, global: bool) -> Result<(Tensor, Grid)> {
        let (x, grid) = on_grid(x, grid, global, |local| self.conv.forward(local))?;
        Ok((self.norm.forward(&x)?, grid))
    }
}

/// Which keys a query sees.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    All,
    /// The global token and itself: the correlation mask of GLC (Lai et al. 2022, section 3.3).
    GlobalAndSelf,
}

#[derive(Debug)]
pub(super) struct PooledAttention {
    qkv: Linear,
    query: Option<Pool>,
    key: Pool,
    value: Pool,
    out: Linear,
    heads: i64,
    reach: Reach,
}

impl PooledAttention {
    pub(super) fn new(path: &nn::Path, shape: &BlockShape) -> Result<Self> {
        let (dim, width) = (shape.inputs, shape.inputs / shape.heads);
        let pool = |name: &str, stride, expands| Pool::new(&(path / name), width, stride, expands);
        Ok(Self {
            qkv: Linear::new(&(path / "qkv"), dim, 3 * dim)?,
            query: match shape.resample {
                Resample::Keep => None,
                Resample::Pool(stride) => Some(pool("query", stride, false)?),
                Resample::Expand(stride) => Some(pool("query", stride, true)?),
            },
            key: pool("key", shape.key_stride, false)?,
            value: pool("value", shape.key_stride, false)?,
            out: Linear::new(&(path / "out"), dim, dim)?,
            heads: shape.heads,
            reach: shape.reach,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, grid: Grid, global: bool) -> Result<(Tensor, Grid)> {
        let (b, n, d) = x.size3()?;
        let width = d / self.heads;
        let qkv = self.qkv.forward(x)?.f_view([b, n, 3, self.heads, width])?.f_permute([2, 0, 3, 1, 4])?;
        let (q, after) = match &self.query {
            Some(pool) => pool.forward(&qkv.f_select(0, 0)?, grid, global)?,
            None => (qkv.f_select(0, 0)?, grid),
        };
        let (k, _) = self.key.forward(&qkv.f_select(0, 1)?, grid, global)?;
        let (v, _) = self.value.forward(&qkv.f_select(0, 2)?, grid, global)?;
        let q = q.f_mul_scalar((width as f64).powf(-0.5))?;
        let y = match self.reach {
            // Keys are few and queries many: in this order the softmax runs along the queries in wide steps.
            Reach::All => {
                let scores = k.f_matmul(&q.f_transpose(2, 3)?)?;
                scores.f_softmax(2, q.kind())?.f_transpose(2, 3)?.f_matmul(&v)?
            }
            Reach::GlobalAndSelf => correlate(&q, &k, &v)?,
        };
        let (n, d) = (y.size()[2], d);
        Ok((self.out.forward(&y.f_transpose(1, 2)?.f_reshape([b, n, d])?)?, after))
    }
}

/// Attention of each token to the first one and itself, all (b, heads, n, width). A softmax over two scores is the
/// logistic function of their difference; for the first token both are the same one, so it sees only itself.
fn correlate(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (k_global, v_global) = (k.f_narrow(2, 0, 1)?, v.f_narrow(2, 0, 1)?);
    let own = q.f_mul(&k.f_sub(&k_global)?)?.f_sum_dim_intlist([-1i64].as_slice(), true, q.kind())?.f_sigmoid()?;
    Ok(v.f_sub(&v_global)?.f_mul(&own)?.f_add(&v_global)?)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::gaze::pooled::tests::{CPU, apart};

    #[test]
    fn correlation_is_attention_under_the_published_mask() {
        tch::manual_seed(1);
        let [q, k, v] = [0, 1, 2].map(|_| Tensor::randn([2, 3, 10, 8], CPU));
        // Row i sees column 0 and column i; all others get -1e8.
        let mask = Tensor::full([10, 10], -1e8, CPU);
        for i in 0..10 {
            let _ = mask.get(i).get(0).fill_(0.0);
            let _ = mask.get(i).get(i).fill_(0.0);
        }
        let dense = (q.matmul(&k.transpose(2, 3)) + mask).softmax(-1, Kind::Float).matmul(&v);
        assert!(apart(&correlate(&q, &k, &v).unwrap(), &dense) < 1e-5);
        // A local token is blind to the other local ones.
        let changed = v.copy();
        let _ = changed.narrow(2, 5, 1).fill_(7.0);
        let after = correlate(&q, &k, &changed).unwrap();
        let before = correlate(&q, &k, &v).unwrap();
        assert_eq!(apart(&after.narrow(2, 0, 5), &before.narrow(2, 0, 5)), 0.0);
        assert!(apart(&after.narrow(2, 5, 1), &before.narrow(2, 5, 1)) > 1.0);
    }
}
