//! What the network says of a clip: features, and where to look.

use tch::{Kind, Tensor};

use crate::Result;

/// Divides the logits before the softmax.
const TEMPERATURE: f64 = 2.0;

/// What the network sees in a clip.
#[derive(Debug)]
pub struct GazeOutput {
    /// (b, 16w, t, t) `[F_SA ; F_GLC]`, normalised, averaged over the frames of tokens.
    pub features: Tensor,
    /// (b, f, g, g)
    pub logits: Tensor,
}

impl GazeOutput {
    /// (b, f, g, g) log-probabilities: per frame a softmax over the pixels, of temperature 2.
    pub fn log_saliency(&self) -> Result<Tensor> {
        let (b, f, g, _) = self.logits.size4()?;
        let flat = self.logits.f_to_kind(Kind::Float)?.f_view([b, f, g * g])?.f_div_scalar(TEMPERATURE)?;
        Ok(flat.f_log_softmax(2, Kind::Float)?.f_view([b, f, g, g])?)
    }

    /// (b, 1, side, side) probabilities of the last frame, the current one, in a map of any side.
    pub fn saliency(&self, side: i64) -> Result<Tensor> {
        let (_, f, g, _) = self.logits.size4()?;
        let map = self.log_saliency()?.f_narrow(1, f - 1, 1)?.f_exp()?;
        if side == g {
            return Ok(map);
        }
        let map = map.f_upsample_bilinear2d([side, side], false, None, None)?;
        let sum = map.f_sum_dim_intlist([2i64, 3].as_slice(), true, Kind::Float)?;
        Ok(map.f_div(&sum)?)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn saliency_sums_to_one_at_any_side_and_is_that_of_the_last_frame() {
        let mut logits = Tensor::zeros([1, 2, 48, 48], (Kind::Float, Device::Cpu));
        let _ = logits.get(0).get(0).get(3).get(4).fill_(50.0);
        let _ = logits.get(0).get(1).get(20).get(30).fill_(50.0);
        let output =
            GazeOutput { features: Tensor::zeros([1], (Kind::Float, Device::Cpu)), logits: logits.shallow_clone() };
        for side in [48, 96, 30] {
            let map = output.saliency(side).unwrap();
            assert_eq!(map.size(), [1, 1, side, side]);
            assert!((f64::try_from(map.sum(Kind::Float)).unwrap() - 1.0).abs() < 1e-5);
            let peak = i64::try_from(map.view([-1]).argmax(0, false)).unwrap();
            let (row, column) = (peak / side * 48 / side, peak % side * 48 / side);
            assert!((row - 20).abs() <= 1 && (column - 30).abs() <= 1, "{row} {column}");
        }
        // Temperature 2: a difference of 2 in the logits is a factor of e.
        let _ = logits.zero_();
        let _ = logits.get(0).get(1).get(0).get(0).fill_(2.0);
        let map = output.saliency(48).unwrap();
        let ratio = f64::try_from(map.get(0).get(0).get(0).get(0) / map.get(0).get(0).get(1).get(1)).unwrap();
        assert!((ratio - std::f64::consts::E).abs() < 1e-4);
    }
}
