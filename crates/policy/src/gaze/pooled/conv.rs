//! Convolution on a grid, in three dimensions or, where there is one frame, in two.

use tch::{Kind, Tensor, nn};

use super::Grid;
use crate::Result;

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

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::gaze::pooled::tests::{CPU, apart};

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
}
