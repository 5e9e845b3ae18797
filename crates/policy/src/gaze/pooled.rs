//! Attention whose queries and keys are pooled on the grid of tokens (Fan et al. 2021, section 3.1).
//!
//! Tokens are (b, n, d); n counts frames * rows * columns of a [`Grid`], after one global token where there is one.
//! Pooling is a depth-wise 3 x 3 x 3 convolution of the local tokens; the global token passes it by.

mod attention;
mod conv;
mod grid;

use rand::Rng;
use rand_pcg::Pcg64;
use tch::{Tensor, nn};

use self::attention::PooledAttention;
pub use self::attention::Reach;
pub use self::conv::Conv3;
use self::grid::on_grid;
pub use self::grid::{Grid, spread};
use crate::{
    Result,
    layers::{Linear, Mlp, Norm},
};

/// How a network is run.
#[derive(Debug)]
pub enum Mode<'a> {
    /// Running statistics, no branch skipped.
    Use,
    /// Statistics of the batch; residual branches are skipped at random.
    Train(&'a mut Pcg64),
}

/// What happens to the grid between the input and the output of a block.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Resample {
    /// Nothing: queries are not pooled.
    Keep,
    /// Queries are pooled with this stride.
    Pool(Grid),
    /// Queries are spread by this stride.
    Expand(Grid),
}

/// Shape of a block.
#[derive(Copy, Clone, Debug)]
pub struct BlockShape {
    /// Channels in.
    pub inputs: i64,
    /// Channels out.
    pub outputs: i64,
    /// Heads; a divisor of `inputs`.
    pub heads: i64,
    /// Hidden channels of the feed-forward part.
    pub hidden: i64,
    /// Of the queries and, with them, of the block.
    pub resample: Resample,
    /// Stride with which keys and values are pooled.
    pub key_stride: Grid,
    /// Mask.
    pub reach: Reach,
    /// Chance of skipping a branch in training.
    pub drop_path: f64,
}

/// Pre-norm transformer block on a grid: pooled attention, then feed-forward, each added to its input.
#[derive(Debug)]
pub struct PooledBlock {
    norm_attention: Norm,
    attention: PooledAttention,
    norm_mlp: Norm,
    mlp: Mlp,
    /// Where the number of channels changes, the residual path is a linear map of the normalised tokens.
    project: Option<Linear>,
    resample: Resample,
    drop_path: f64,
}

impl PooledBlock {
    /// Weights of one block.
    pub fn new(path: &nn::Path, shape: &BlockShape) -> Result<Self> {
        let project = (shape.inputs != shape.outputs)
            .then(|| Linear::new(&(path / "project"), shape.inputs, shape.outputs))
            .transpose()?;
        Ok(Self {
            norm_attention: Norm::new(&(path / "norm_attention"), shape.inputs)?,
            attention: PooledAttention::new(&(path / "attention"), shape)?,
            norm_mlp: Norm::new(&(path / "norm_mlp"), shape.inputs)?,
            mlp: Mlp::new(&(path / "mlp"), shape.inputs, shape.hidden, shape.outputs)?,
            project,
            resample: shape.resample,
            drop_path: shape.drop_path,
        })
    }

    /// (b, n, inputs) on `grid` -> (b, n', outputs) on the grid returned; `global`: the first token is the global one.
    pub fn forward(&self, x: &Tensor, grid: Grid, global: bool, mode: &mut Mode) -> Result<(Tensor, Grid)> {
        let (y, after) = self.attention.forward(&self.norm_attention.forward(x)?, grid, global)?;
        let x = self.residual(x, grid, global)?.f_add(&skip(y, self.drop_path, mode)?)?;
        let normal = self.norm_mlp.forward(&x)?;
        let y = skip(self.mlp.forward(&normal)?, self.drop_path, mode)?;
        let x = match &self.project {
            Some(project) => project.forward(&normal)?,
            None => x,
        };
        Ok((x.f_add(&y)?, after))
    }

    /// The input on the block's output grid: the maximum over a pooled window, or trilinear in between.
    fn residual(&self, x: &Tensor, grid: Grid, global: bool) -> Result<Tensor> {
        let resized = match self.resample {
            Resample::Keep | Resample::Pool([1, 1, 1]) => return Ok(x.shallow_clone()),
            Resample::Pool(stride) => on_grid(x, grid, global, |local| {
                let kernel = stride.map(|s| if s > 1 { s + 1 } else { 1 });
                let [_, r, c] = kernel;
                if grid[0] == 1 && stride[0] == 1 {
                    let local = local.f_squeeze_dim(2)?;
                    let y = local.f_max_pool2d([r, c], &stride[1..], [r / 2, c / 2], [1; 2], false)?;
                    return Ok(y.f_unsqueeze(2)?);
                }
                Ok(local.f_max_pool3d(kernel, stride, kernel.map(|k| k / 2), [1; 3], false)?)
            })?,
            Resample::Expand(stride) => on_grid(x, grid, global, |local| spread(local, stride))?,
        };
        Ok(resized.0)
    }
}

/// Stochastic depth (Huang et al. 2016): in training a sample's branch is dropped with `chance`, others scaled up.
fn skip(y: Tensor, chance: f64, mode: &mut Mode) -> Result<Tensor> {
    let Mode::Train(rng) = mode else { return Ok(y) };
    if chance == 0.0 {
        return Ok(y);
    }
    let keep = 1.0 - chance;
    let draws: Vec<f32> =
        (0..y.size()[0]).map(|_| if rng.random_bool(keep) { 1.0 / keep as f32 } else { 0.0 }).collect();
    let scale = Tensor::f_from_slice(&draws)?.f_view([-1, 1, 1])?.f_to_device(y.device())?.f_to_kind(y.kind())?;
    Ok(y.f_mul(&scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use tch::{Device, Kind};

    pub(super) const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    pub(super) fn apart(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.size(), b.size());
        f64::try_from((a - b).abs().max()).unwrap()
    }

    #[test]
    fn blocks_change_the_grid_as_asked_and_pass_the_global_token_by() {
        tch::manual_seed(3);
        let store = nn::VarStore::new(Device::Cpu);
        let shape = |resample| BlockShape {
            inputs: 8,
            outputs: 12,
            heads: 2,
            hidden: 16,
            resample,
            key_stride: [1, 2, 2],
            reach: Reach::All,
            drop_path: 0.0,
        };
        for (i, (resample, global, grid)) in [
            (Resample::Keep, true, [2, 4, 4]),
            (Resample::Pool([1, 2, 2]), true, [2, 2, 2]),
            (Resample::Expand([1, 2, 2]), false, [2, 8, 8]),
            (Resample::Expand([2, 1, 1]), false, [4, 4, 4]),
        ]
        .into_iter()
        .enumerate()
        {
            let block = PooledBlock::new(&(store.root() / i), &shape(resample)).unwrap();
            let n = 2 * 4 * 4 + i64::from(global);
            let x = Tensor::randn([3, n, 8], CPU);
            let (y, after) = block.forward(&x, [2, 4, 4], global, &mut Mode::Use).unwrap();
            assert_eq!(after, grid, "{resample:?}");
            assert_eq!(y.size(), [3, grid.iter().product::<i64>() + i64::from(global), 12]);
        }
    }

    #[test]
    fn skipped_branches_keep_the_mean() {
        let mut rng = Pcg64::seed_from_u64(4);
        let y = Tensor::ones([4000, 1, 1], CPU);
        let mean = |t: Tensor| f64::try_from(t.mean(Kind::Float)).unwrap();
        let skipped = skip(y.shallow_clone(), 0.4, &mut Mode::Train(&mut rng)).unwrap();
        assert!((mean(skipped.shallow_clone()) - 1.0).abs() < 0.05);
        assert!((mean(skipped.eq(0.0).to_kind(Kind::Float)) - 0.4).abs() < 0.03);
        assert_eq!(mean(skip(y, 0.4, &mut Mode::Use).unwrap()), 1.0);
    }
}
