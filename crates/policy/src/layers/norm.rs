//! Normalisation over a token, over groups of channels, over a batch.

use tch::{Tensor, nn};

use crate::{Error, Result};

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

/// Normalisation over groups of channels (Wu & He 2018).
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
}

impl GroupNorm {
    /// Groups in RVT's stems.
    pub const GROUPS: i64 = 4;

    /// `channels` is a multiple of [`GroupNorm::GROUPS`]; starts as the identity scale.
    pub fn new(path: &nn::Path, channels: i64) -> Result<Self> {
        Ok(Self { weight: path.f_ones("weight", &[channels])?, bias: path.f_zeros("bias", &[channels])? })
    }

    /// (batch, channels, ..) -> the same
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let (weight, bias) = (self.weight.f_to_kind(kind)?, self.bias.f_to_kind(kind)?);
        Ok(x.f_group_norm(Self::GROUPS, Some(&weight), Some(&bias), 1e-5, false)?)
    }
}

/// Normalisation over a batch (Ioffe & Szegedy 2015): its own statistics while learning, running ones otherwise.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl BatchNorm {
    /// Starts as the identity.
    pub fn new(path: &nn::Path, dim: i64) -> Result<Self> {
        Ok(Self {
            weight: path.f_ones("weight", &[dim])?,
            bias: path.f_zeros("bias", &[dim])?,
            mean: path.f_zeros_no_train("running_mean", &[dim])?,
            variance: path.f_ones_no_train("running_var", &[dim])?,
        })
    }

    /// (batch, dim) f32 -> the same. While learning a batch holds two samples or more.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let learning = x.requires_grad();
        if learning && x.size()[0] < 2 {
            return Err(Error::Input("batch normalisation learns from two samples or more at a time".into()));
        }
        let (mean, variance) = (Some(&self.mean), Some(&self.variance));
        Ok(x.f_batch_norm(Some(&self.weight), Some(&self.bias), mean, variance, learning, 0.1, 1e-5, false)?)
    }
}
