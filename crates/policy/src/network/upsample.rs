//! From features to a heatmap of full resolution.

use tch::{Kind, Tensor, nn};

use crate::{Result, choices::Upsampling, layers::Conv};

/// One channel of logits, `factor` times as fine as its input.
#[derive(Debug)]
pub struct Upsample {
    form: Form,
    factor: i64,
}

#[derive(Debug)]
enum Form {
    Shuffle(Conv),
    Convex { logit: [Conv; 3], weights: [Conv; 2] },
}

impl Upsample {
    /// From `channels`; the convolutions of the convex form are twice as wide.
    pub fn new(path: &nn::Path, form: Upsampling, channels: i64, factor: i64) -> Result<Self> {
        let wide = 2 * channels;
        let form = match form {
            Upsampling::Shuffle => Form::Shuffle(Conv::new(path, channels, factor * factor, 3, 1, 1)?),
            Upsampling::Convex => Form::Convex {
                logit: [
                    Conv::new(&(path / "logit" / 0), channels, wide, 3, 1, 1)?,
                    Conv::new(&(path / "logit" / 1), wide, wide, 3, 1, 1)?,
                    Conv::new(&(path / "logit" / 2), wide, 1, 3, 1, 1)?,
                ],
                weights: [
                    Conv::new(&(path / "weights" / 0), channels, wide, 3, 1, 1)?,
                    Conv::new(&(path / "weights" / 1), wide, 9 * factor * factor, 1, 1, 0)?,
                ],
            },
        };
        Ok(Self { form, factor })
    }

    /// (n, channels, h, w) -> (n, 1, h * factor, w * factor)
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.form {
            Form::Shuffle(conv) => Ok(conv.forward(x)?.f_pixel_shuffle(self.factor)?),
            Form::Convex { logit: [a, b, c], weights: [d, e] } => {
                let coarse = c.forward(&b.forward(&a.forward(x)?.f_relu()?)?.f_relu()?)?;
                let weights = e.forward(&d.forward(x)?.f_relu()?)?.f_mul_scalar(0.1)?;
                combine(&coarse, &weights, self.factor)
            }
        }
    }
}

/// Convex combinations (Teed & Deng 2020, section 3.3): coarse (n, 1, h, w), weight logits (n, 9 * factor², h, w) ->
/// (n, 1, h * factor, w * factor). Beyond the border stands the nearest coarse pixel, not zero, so that every value lies
/// within its 3 x 3 neighbourhood there too.
fn combine(coarse: &Tensor, weights: &Tensor, factor: i64) -> Result<Tensor> {
    let (n, _, h, w) = coarse.size4()?;
    let edge = |t: &Tensor, dim: i64, size: i64| -> Result<Tensor> {
        Ok(Tensor::f_cat(&[t.f_narrow(dim, 0, 1)?, t.shallow_clone(), t.f_narrow(dim, size - 1, 1)?], dim)?)
    };
    let padded = edge(&edge(coarse, 2, h)?, 3, w)?;
    let mut around = Vec::with_capacity(9);
    for i in 0..9 {
        around.push(padded.f_narrow(2, i / 3, h)?.f_narrow(3, i % 3, w)?);
    }
    let around = Tensor::f_cat(&around, 1)?.f_unsqueeze(2)?;
    let weights = weights.f_view([n, 9, factor * factor, h, w])?.f_softmax(1, weights.kind())?;
    let fine = around.f_mul(&weights)?.f_sum_dim_intlist([1i64].as_slice(), false, None::<Kind>)?;
    Ok(fine.f_pixel_shuffle(factor)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn convex_sub_pixels_lie_within_their_neighbourhood() {
        tch::manual_seed(3);
        let (n, h, w, factor) = (2, 5, 4, 3);
        for scale in [0.1, 10.0] {
            let coarse = Tensor::randn([n, 1, h, w], (Kind::Float, Device::Cpu));
            let weights = Tensor::randn([n, 9 * factor * factor, h, w], (Kind::Float, Device::Cpu)) * scale;
            let fine = combine(&coarse, &weights, factor).unwrap();
            assert_eq!(fine.size(), [n, 1, h * factor, w * factor]);
            let mut moved = 0.0f64;
            for i in 0..n {
                for row in 0..h * factor {
                    for column in 0..w * factor {
                        let (r, c) = (row / factor, column / factor);
                        let mut around = Vec::new();
                        for y in (r - 1).max(0)..(r + 2).min(h) {
                            for x in (c - 1).max(0)..(c + 2).min(w) {
                                around.push(coarse.double_value(&[i, 0, y, x]));
                            }
                        }
                        let low = around.iter().copied().fold(f64::INFINITY, f64::min);
                        let high = around.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let value = fine.double_value(&[i, 0, row, column]);
                        assert!(value >= low - 1e-6 && value <= high + 1e-6, "{value} outside [{low}, {high}]");
                        moved = moved.max((value - coarse.double_value(&[i, 0, r, c])).abs());
                    }
                }
            }
            assert!(moved > 0.1, "nothing was combined");
        }
    }

    #[test]
    fn a_sub_pixel_takes_the_neighbour_its_weights_name() {
        // Weight 2 of 9 is the neighbour above and to the right, for all four sub-pixels.
        let coarse = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([1, 1, 3, 4]);
        let weights = Tensor::zeros([1, 9, 4, 3, 4], (Kind::Float, Device::Cpu));
        let _ = weights.select(1, 2).fill_(100.0);
        let fine = combine(&coarse, &weights.view([1, 36, 3, 4]), 2).unwrap();
        for (row, column) in [(2, 2), (3, 3), (4, 1), (5, 5)] {
            let (r, c) = (row / 2 - 1, column / 2 + 1);
            assert!((fine.double_value(&[0, 0, row, column]) - (4 * r + c) as f64).abs() < 1e-4);
        }
        // At the right border the nearest pixel stands in.
        assert!((fine.double_value(&[0, 0, 2, 7]) - 3.0).abs() < 1e-4);
    }

    #[test]
    fn both_forms_have_the_same_shape() {
        let store = nn::VarStore::new(Device::Cpu);
        let x = Tensor::randn([2, 8, 4, 4], (Kind::Float, Device::Cpu));
        for (name, form) in [("a", Upsampling::Shuffle), ("b", Upsampling::Convex)] {
            let up = Upsample::new(&(store.root() / name), form, 8, 7).unwrap();
            assert_eq!(up.forward(&x).unwrap().size(), [2, 1, 28, 28]);
            assert_eq!(up.forward(&x.to_kind(Kind::BFloat16)).unwrap().kind(), Kind::BFloat16);
        }
    }
}
