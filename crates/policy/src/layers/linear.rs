//! Affine maps.

use tch::{Tensor, nn};

use crate::Result;

/// Affine map of the last dimension.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Uniform initial weights in ± 1/sqrt(inputs).
    pub fn new(path: &nn::Path, inputs: i64, outputs: i64) -> Result<Self> {
        let linear = Self::unbiased(path, inputs, outputs)?;
        Ok(Self { bias: Some(path.f_zeros("bias", &[outputs])?), ..linear })
    }

    /// Without a bias.
    pub fn unbiased(path: &nn::Path, inputs: i64, outputs: i64) -> Result<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        Ok(Self { weight: path.f_uniform("weight", &[outputs, inputs], -bound, bound)?, bias: None })
    }

    /// (.., inputs) -> (.., outputs)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let bias = self.bias.as_ref().map(|b| b.f_to_kind(kind)).transpose()?;
        Ok(x.f_linear(&self.weight.f_to_kind(kind)?, bias.as_ref())?)
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
