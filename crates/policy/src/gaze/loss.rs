//! The gaze loss, KL(p || q): prediction first, as GLC has it.
//!
//! It punishes looking where nothing is, more than not looking where something is; the label's Gaussian ends at its
//! square, so beyond it all places are equally wrong.

use tch::{Kind, Tensor};

use crate::Result;

/// Keeps the logarithm finite where the label is zero.
const FLOOR: f64 = 1e-10;

/// Mean over the batch of sum over frames and pixels of p log p - p log(q + 1e-10), over f log(g g).
/// `log_p`, `q`: (b, f, g, g).
pub fn divergence(log_p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (b, f, g, _) = log_p.size4()?;
    let log_q = q.f_add_scalar(FLOOR)?.f_log()?;
    let sum = log_p.f_exp()?.f_mul(&log_p.f_sub(&log_q)?)?.f_sum(Kind::Float)?;
    Ok(sum.f_div_scalar((b * f) as f64 * ((g * g) as f64).ln())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn value(p: &Tensor, q: &Tensor) -> f64 {
        f64::try_from(divergence(&p.log(), q).unwrap()).unwrap()
    }

    #[test]
    fn it_is_zero_for_the_label_itself_and_one_sided() {
        tch::manual_seed(1);
        let draw = || Tensor::rand([2, 2, 64], (Kind::Float, Device::Cpu)).softmax(2, Kind::Float).view([2, 2, 8, 8]);
        let (p, q) = (draw(), draw());
        assert!(value(&q, &q).abs() < 1e-6);
        assert!(value(&p, &q) > 0.0);
        assert!((value(&p, &q) - value(&q, &p)).abs() > 1e-6);
    }

    #[test]
    fn a_uniform_prediction_against_one_pixel_costs_what_the_formula_says() {
        let p = Tensor::full([3, 2, 8, 8], 1.0 / 64.0, (Kind::Float, Device::Cpu));
        let q = Tensor::zeros([3, 2, 8, 8], (Kind::Float, Device::Cpu));
        let _ = q.narrow(2, 4, 1).narrow(3, 4, 1).fill_(1.0);
        // sum p log p = -log 64; sum p log q = 63/64 log(1e-10) + 1/64 log 1.
        let expected = (-(64f64.ln()) - 63.0 / 64.0 * 1e-10f64.ln()) / 64f64.ln();
        assert!((value(&p, &q) - expected).abs() < 1e-4, "{} {expected}", value(&p, &q));
    }
}
