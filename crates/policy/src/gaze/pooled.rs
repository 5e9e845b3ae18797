//! Attention whose queries and keys are pooled on the grid of tokens (Fan et al. 2021, section 3.1).
//!
//! Tokens are (b, n, d); n counts frames * rows * columns of a [`Grid`], after one global token where there is one.
//! Pooling is a depth-wise 3 x 3 x 3 convolution of the local tokens; the global token passes it by.

use rand::Rng;
use rand_pcg::Pcg64;
use tch::{Kind, Tensor, nn};

use crate::{
    Result,
    layers::{Linear, Mlp, Norm},
};

/// Frames, rows, columns.
pub type Grid = [i64; 3];

/// How a network is run.
#[derive(Debug)]
pub enum Mode<'a> {
    /// Running statistics, no branch skipped.
    Use,
    /// Statistics of the batch; residual branches are skipped at random.
    Train(&'a mut Pcg64),
}

/// Convolution over frames, rows and columns.
#[derive(Debug)]
pub struct Conv3 {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: Grid,
    padding: Grid,
    groups: i64,
    expands: bool,
}

impl Conv3 {
    /// Odd `kernel`, padded so that the stride alone decides the size.
    pub fn new(path: &nn::Path, inputs: i64, outputs: i64, kernel: Grid, stride: Grid) -> Result<Self> {
        let fan_in = inputs * kernel.iter().product::<i64>();
        let bound = (3.0 / fan_in as f64).sqrt();
        Ok(Self {
            weight: path.f_uniform("weight", &[outputs, inputs, kernel[0], kernel[1], kernel[2]], -bound, bound)?,
            bias: Some(path.f_zeros("bias", &[outputs])?),
            stride,
            padding: kernel.map(|k| k / 2),
            groups: 1,
            expands: false,
        })
    }

    /// Each channel with a 3 x 3 x 3 kernel of its own and no bias; if it `expands` the stride multiplies the grid.
    pub fn depthwise(path: &nn::Path, channels: i64, stride: Grid, expands: bool) -> Result<Self> {
        let bound = (3.0f64 / 27.0).sqrt();
        Ok(Self {
            weight: path.f_uniform("weight", &[channels, 1, 3, 3, 3], -bound, bound)?,
            bias: None,
            stride,
            padding: [1; 3],
            groups: channels,
            expands,
        })
    }

    /// (b, inputs, frames, rows, columns) -> (b, outputs, ..)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = self.weights_in(x.kind())?;
        if x.size()[2] == 1 && (self.expands || self.stride[0] == 1) {
            return self.forward_one_frame(x, &weight, bias.as_ref());
        }
        Ok(if self.expands {
            let rest = self.stride.map(|s| s - 1);
            x.f_conv_transpose3d(&weight, bias.as_ref(), self.stride, self.padding, rest, self.groups, [1; 3])?
        } else {
            x.f_conv3d(&weight, bias.as_ref(), self.stride, self.padding, [1; 3], self.groups)?
        })
    }

    /// Weights and bias in the kind of what they are multiplied with.
    fn weights_in(&self, kind: Kind) -> Result<(Tensor, Option<Tensor>)> {
        Ok((self.weight.f_to_kind(kind)?, self.bias.as_ref().map(|bias| bias.f_to_kind(kind)).transpose()?))
    }

    /// The same for a single frame in two dimensions: the kernel's outer slices see only padding, or make the frames
    /// that come after it.
    fn forward_one_frame(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let (x, middle, [frames, r, c]) = (x.f_squeeze_dim(2)?, weight.size()[2] / 2, self.stride);
        let padding = [self.padding[1], self.padding[2]];
        if !self.expands {
            let weight = weight.f_select(2, middle)?;
            let y = x.f_conv2d(&weight, bias, [r, c], padding, [1; 2], self.groups)?;
            return Ok(y.f_unsqueeze(2)?);
        }
        let made = (0..frames)
            .map(|i| -> Result<Tensor> {
                let weight = weight.f_select(2, middle + i)?;
                let rest = [r - 1, c - 1];
                Ok(x.f_conv_transpose2d(&weight, bias, [r, c], padding, rest, self.groups, [1; 2])?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_stack(&made, 2)?)
    }
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

/// Splits off the global token, changes the rest on the grid, puts it back: `x` is (.., n, channels).
fn on_grid(x: &Tensor, grid: Grid, global: bool, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<(Tensor, Grid)> {
    let size = x.size();
    let (n, channels) = (size[size.len() - 2], size[size.len() - 1]);
    let x = x.f_reshape([-1, n, channels])?;
    let first = i64::from(global);
    let local =
        x.f_narrow(1, first, n - first)?.f_transpose(1, 2)?.f_reshape([-1, channels, grid[0], grid[1], grid[2]])?;
    let y = f(&local)?;
    let after = y.size();
    let mut tokens = y.f_flatten(2, 4)?.f_transpose(1, 2)?;
    if global {
        tokens = Tensor::f_cat(&[x.f_narrow(1, 0, 1)?, tokens], 1)?;
    }
    let mut shape = size[..size.len() - 2].to_vec();
    shape.extend([tokens.size()[1], channels]);
    Ok((tokens.f_reshape(&shape[..])?, [after[2], after[3], after[4]]))
}

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

#[derive(Debug)]
struct PooledAttention {
    qkv: Linear,
    query: Option<Pool>,
    key: Pool,
    value: Pool,
    out: Linear,
    heads: i64,
    reach: Reach,
}

impl PooledAttention {
    fn new(path: &nn::Path, shape: &BlockShape) -> Result<Self> {
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

    fn forward(&self, x: &Tensor, grid: Grid, global: bool) -> Result<(Tensor, Grid)> {
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

/// Trilinear interpolation of (b, c, frames, rows, columns) to a grid larger by `stride`.
pub fn spread(x: &Tensor, stride: Grid) -> Result<Tensor> {
    let size = x.size();
    let [t, r, c] = [0, 1, 2].map(|i| size[i + 2] * stride[i]);
    if t == 1 {
        return Ok(x.f_squeeze_dim(2)?.f_upsample_bilinear2d([r, c], false, None, None)?.f_unsqueeze(2)?);
    }
    Ok(x.f_upsample_trilinear3d([t, r, c], false, None, None, None)?)
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
    use tch::Device;

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.size(), b.size());
        f64::try_from((a - b).abs().max()).unwrap()
    }

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

    #[test]
    fn one_frame_takes_the_short_way_to_the_same_result() {
        tch::manual_seed(2);
        let store = nn::VarStore::new(Device::Cpu);
        for (name, expands, stride) in
            [("pool", false, [1, 2, 2]), ("expand", true, [1, 2, 2]), ("frames", true, [2, 1, 1])]
        {
            let conv = Conv3::depthwise(&(store.root() / name), 4, stride, expands).unwrap();
            let x = Tensor::randn([3, 4, 1, 8, 8], CPU);
            let long = if expands {
                let rest = stride.map(|s| s - 1);
                x.conv_transpose3d(&conv.weight, None::<Tensor>, stride, [1; 3], rest, 4, [1; 3])
            } else {
                x.conv3d(&conv.weight, None::<Tensor>, stride, [1; 3], [1; 3], 4)
            };
            assert!(apart(&conv.forward(&x).unwrap(), &long) < 1e-5, "{name}");
        }
        let conv = Conv3::new(&(store.root() / "full"), 4, 6, [3; 3], [1, 2, 2]).unwrap();
        let x = Tensor::randn([3, 4, 1, 8, 8], CPU);
        let long = x.conv3d(&conv.weight, conv.bias.as_ref(), [1, 2, 2], [1; 3], [1; 3], 1);
        assert!(apart(&conv.forward(&x).unwrap(), &long) < 1e-5);
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
