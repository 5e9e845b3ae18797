//! The few layers the networks are made of. Weights are kept in f32 and used in the kind of their input.
//!
//! Dropout and batch statistics are on where gradients are recorded and off under `no_grad`: there is no flag to forget.

mod attention;
mod block;
mod linear;
mod norm;

pub use attention::{Attention, Reading, additive_mask};
pub use block::{Block, BlockShape, Geglu, Mlp};
pub use linear::{Conv, Linear};
pub use norm::{BatchNorm, GroupNorm, Norm};

use tch::Tensor;

use crate::Result;

/// max(x, 0.02 x), the slope of RVT.
pub fn leaky_relu(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_maximum(&x.f_mul_scalar(0.02)?)?)
}

/// Zeroes a part `p` of the numbers while learning and scales up the others.
pub fn dropout(x: Tensor, p: f64) -> Result<Tensor> {
    Ok(if p > 0.0 && x.requires_grad() { x.f_dropout(p, true)? } else { x })
}
