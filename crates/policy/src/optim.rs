//! AdamW (Loshchilov & Hutter 2019) whose state can be saved, and a moving average of the weights.

use tch::Tensor;

use crate::{Error, Result, TrainConfig};

/// As many gradients in a row that are not finite end a training.
const MOST_LEFT_OUT: u32 = 10;

/// Optimiser state over a fixed list of named parameters.
#[derive(Debug)]
pub struct AdamW {
    /// Steps taken.
    pub step: u64,
    /// Steps without an update since the last one.
    left_out: u32,
    mean: Vec<Tensor>,
    square: Vec<Tensor>,
    average: Vec<Tensor>,
}

impl AdamW {
    /// Zero moments; the average starts at the weights.
    pub fn new(parameters: &[(String, Tensor)]) -> Result<Self> {
        let zeros =
            || parameters.iter().map(|(_, p)| p.f_detach()?.f_zeros_like()).collect::<std::result::Result<Vec<_>, _>>();
        let average =
            parameters.iter().map(|(_, p)| p.f_detach()?.f_add_scalar(0.0)).collect::<std::result::Result<Vec<_>, _>>();
        Ok(Self { step: 0, left_out: 0, mean: zeros()?, square: zeros()?, average: average? })
    }

    /// One update with gradients `grads`, already summed over workers, which serve as buffers; returns the gradient
    /// norm before clipping. A step whose gradient is not finite, as that norm then tells, is counted and changes nothing;
    /// too many of them in a row are an error.
    pub fn update(
        &mut self,
        parameters: &[(String, Tensor)],
        grads: &mut [Tensor],
        config: &TrainConfig,
    ) -> Result<f64> {
        let mut squares = 0.0;
        for g in &*grads {
            squares += f64::try_from(g.f_norm()?)?.powi(2);
        }
        let norm = squares.sqrt();
        if !norm.is_finite() {
            (self.step, self.left_out) = (self.step + 1, self.left_out + 1);
            if self.left_out == MOST_LEFT_OUT {
                let steps = format!("steps {} to {}", self.step + 1 - u64::from(MOST_LEFT_OUT), self.step);
                return Err(Error::Data(format!("no gradient of {steps} is finite: try a lower lr")));
            }
            return Ok(norm);
        }
        self.left_out = 0;
        let scale = if norm > config.clip { config.clip / norm } else { 1.0 };
        self.step += 1;
        let (beta1, beta2, eps) = (0.9, 0.98, 1e-8);
        let lr = learning_rate(config, self.step);
        let correct1 = 1.0 - f64::powi(beta1, self.step as i32);
        let correct2 = 1.0 - f64::powi(beta2, self.step as i32);
        // The average warms up, so that early weights do not linger in it.
        let ema = config.ema.min((1.0 + self.step as f64) / (10.0 + self.step as f64));
        let _guard = tch::no_grad_guard();
        // All workers wait meanwhile, so everything is done in place. The step is -lr (mean / correct1) /
        // (sqrt(square / correct2) + eps), numerator and denominator multiplied by sqrt(correct2).
        let root = correct2.sqrt();
        for (((g, (_, p)), (mean, square)), average) in
            grads.iter_mut().zip(parameters).zip(self.mean.iter_mut().zip(&mut self.square)).zip(&mut self.average)
        {
            if scale != 1.0 {
                let _ = g.f_mul_scalar_(scale)?;
            }
            let _ = mean.f_lerp_(g, 1.0 - beta1)?;
            let _ = g.f_mul_scalar_((1.0 - beta2).sqrt())?;
            let _ = square.f_mul_scalar_(beta2)?.f_addcmul_(g, g)?;
            let mut denominator = square.f_sqrt()?;
            let _ = denominator.f_add_scalar_(eps * root)?.f_mul_scalar_(-correct1 / (lr * root))?;
            let mut p = p.shallow_clone();
            if p.dim() > 1 {
                let _ = p.f_mul_scalar_(1.0 - lr * config.weight_decay)?;
            }
            let _ = p.f_addcdiv_(mean, &denominator)?;
            let _ = average.f_lerp_(&p, 1.0 - ema)?;
        }
        Ok(norm)
    }

    /// The averaged weights by the parameters' names.
    pub fn average(&self, parameters: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
        parameters.iter().zip(&self.average).map(|((n, _), t)| (n.clone(), t.shallow_clone())).collect()
    }

    /// All state as named tensors, for a checkpoint.
    pub fn state(&self, parameters: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
        let named = |prefix: &str, tensors: &[Tensor]| -> Vec<(String, Tensor)> {
            parameters.iter().zip(tensors).map(|((n, _), t)| (format!("{prefix}.{n}"), t.shallow_clone())).collect()
        };
        [("mean", &self.mean), ("square", &self.square), ("average", &self.average)]
            .into_iter()
            .flat_map(|(prefix, tensors)| named(prefix, tensors))
            .collect()
    }

    /// Restores what [`AdamW::state`] gave.
    pub fn restore(
        &mut self,
        step: u64,
        parameters: &[(String, Tensor)],
        find: impl Fn(&str) -> Result<Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.step = step;
        for (i, (name, _)) in parameters.iter().enumerate() {
            self.mean[i].f_copy_(&find(&format!("mean.{name}"))?)?;
            self.square[i].f_copy_(&find(&format!("square.{name}"))?)?;
            self.average[i].f_copy_(&find(&format!("average.{name}"))?)?;
        }
        Ok(())
    }
}

/// Takes the gradients out of the parameters, zeros where there is none, and leaves them cleared.
pub(crate) fn take_grads(parameters: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
    let mut grads = Vec::with_capacity(parameters.len());
    for (_, p) in parameters {
        let mut g = p.f_grad()?;
        grads.push(if g.defined() { g.f_detach()?.f_add_scalar(0.0)? } else { p.f_detach()?.f_zeros_like()? });
        if g.defined() {
            let _ = g.f_zero_()?;
        }
    }
    Ok(grads)
}

/// Linear warm-up, then a cosine to `lr * lr_final`.
pub fn learning_rate(config: &TrainConfig, step: u64) -> f64 {
    let warm = (step as f64 / config.warmup.max(1) as f64).min(1.0);
    let done =
        (step.saturating_sub(config.warmup) as f64 / config.steps.saturating_sub(config.warmup).max(1) as f64).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    config.lr * warm * (config.lr_final + (1.0 - config.lr_final) * cosine)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn updates_are_those_of_the_published_equations() {
        let config =
            TrainConfig { lr: 0.1, warmup: 0, steps: 10, weight_decay: 0.3, clip: 2.0, ..TrainConfig::default() };
        let start = [0.5, -1.5];
        let vector = Tensor::from_slice(&start.map(|x| x as f32));
        let matrix = vector.copy().view([1, 2]);
        let parameters = [("vector".to_string(), vector), ("matrix".to_string(), matrix)];
        let mut optimiser = AdamW::new(&parameters).unwrap();
        // Weight, mean, square, average of each number; only the matrix decays.
        let mut expected = [(start, 0.0), (start, 0.3)].map(|(p, decay)| (p, [0.0f64; 2], [0.0f64; 2], p, decay));
        for step in 1..=3 {
            let g = [0.7 * f64::from(step), -2.0];
            let gradient = Tensor::from_slice(&g.map(|x| x as f32));
            let mut grads = [gradient.copy(), gradient.view([1, 2])];
            let norm = optimiser.update(&parameters, &mut grads, &config).unwrap();
            let expected_norm = (2.0 * (g[0] * g[0] + g[1] * g[1])).sqrt();
            assert!((norm - expected_norm).abs() < 1e-5);
            let lr = learning_rate(&config, step as u64);
            let ema = f64::from(1 + step) / f64::from(10 + step);
            for (p, mean, square, average, decay) in &mut expected {
                for i in 0..2 {
                    let g = g[i] * 2.0 / expected_norm;
                    mean[i] = 0.9 * mean[i] + 0.1 * g;
                    square[i] = 0.98 * square[i] + 0.02 * g * g;
                    let (m, v) = (mean[i] / (1.0 - 0.9f64.powi(step)), square[i] / (1.0 - 0.98f64.powi(step)));
                    p[i] -= lr * (*decay * p[i] + m / (v.sqrt() + 1e-8));
                    average[i] = ema * average[i] + (1.0 - ema) * p[i];
                }
            }
        }
        for (k, (p, _, _, average, _)) in expected.iter().enumerate() {
            for (found, right) in [(&parameters[k].1, p), (&optimiser.average(&parameters)[k].1, average)] {
                let found = Vec::<f32>::try_from(&found.view([-1])).unwrap();
                assert!((0..2).all(|i| (f64::from(found[i]) - right[i]).abs() < 1e-5), "{k}: {found:?} {right:?}");
            }
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing_and_ten_in_a_row_are_an_error() {
        let weight = Tensor::ones([2], (Kind::Float, Device::Cpu));
        let parameters = [("w".to_string(), weight.shallow_clone())];
        let mut optimiser = AdamW::new(&parameters).unwrap();
        let mut update = |gradient: [f32; 2]| {
            let norm = optimiser.update(&parameters, &mut [Tensor::from_slice(&gradient)], &TrainConfig::default());
            (norm, optimiser.step, weight.double_value(&[0]))
        };
        for step in 1..=9 {
            let (norm, taken, weight) = update([1.0, f32::NAN]);
            assert!(norm.unwrap().is_nan() && taken == step && weight == 1.0);
        }
        let (norm, taken, weight) = update([1.0, 1.0]);
        assert!(norm.unwrap().is_finite() && taken == 10 && weight < 1.0);
        assert!((0..9).all(|_| update([f32::INFINITY, 0.0]).0.is_ok()));
        let error = update([1.0, f32::NAN]).0.unwrap_err().to_string();
        assert!(error.contains("no gradient of steps 11 to 20 is finite"), "{error}");
    }
}
