//! The global token: one made from all the patches of a clip.

use tch::{Tensor, nn};

use crate::{
    Result,
    gaze::{GazeConfig, pooled::Conv3},
    layers::Linear,
};

/// Batch normalisation over (b, c, frames, rows, columns), with running statistics among the weights.
#[derive(Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl BatchNorm {
    fn new(path: &nn::Path, channels: i64) -> Result<Self> {
        Ok(Self {
            weight: path.f_ones("weight", &[channels])?,
            bias: path.f_zeros("bias", &[channels])?,
            mean: path.f_zeros_no_train("mean", &[channels])?,
            variance: path.f_ones_no_train("variance", &[channels])?,
        })
    }

    fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let [weight, bias, mean, variance] = [&self.weight, &self.bias, &self.mean, &self.variance].map(Some);
        Ok(x.f_batch_norm(weight, bias, mean, variance, training, 0.1, 1e-5, false)?)
    }
}

/// All patches to one token: three strided convolutions, each after normalisation and ReLU, and a linear map.
#[derive(Debug)]
pub(super) struct GlobalToken {
    steps: Vec<(BatchNorm, Conv3)>,
    out: Linear,
}

impl GlobalToken {
    pub(super) fn new(path: &nn::Path, config: &GazeConfig) -> Result<Self> {
        let w = config.width;
        let step = |i: usize| -> Result<_> {
            Ok((BatchNorm::new(&(path / "norm" / i), w)?, Conv3::new(&(path / "conv" / i), w, w, [3; 3], [1, 2, 2])?))
        };
        let inputs = w * (config.frames / 2) * config.tokens() * config.tokens();
        Ok(Self { steps: (0..3).map(step).collect::<Result<_>>()?, out: Linear::new(&(path / "out"), inputs, w)? })
    }

    /// (b, w, p, g, g) -> (b, 1, w)
    pub(super) fn forward(&self, patches: &Tensor, training: bool) -> Result<Tensor> {
        let mut x = patches.shallow_clone();
        for (norm, conv) in &self.steps {
            x = conv.forward(&norm.forward(&x, training)?.f_relu()?)?;
        }
        Ok(self.out.forward(&x.f_flatten(1, -1)?)?.f_unsqueeze(1)?)
    }
}
