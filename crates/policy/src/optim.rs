//! AdamW (Loshchilov & Hutter 2019) whose state can be saved, and a moving average of the weights.

use tch::{Kind, Tensor};

use crate::{Error, Result, TrainConfig};

/// Optimiser state over a fixed list of named parameters.
#[derive(Debug)]
pub struct AdamW {
    /// Steps taken.
    pub step: u64,
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
        Ok(Self { step: 0, mean: zeros()?, square: zeros()?, average: average? })
    }

    /// One update with gradients `grads`, already summed over workers; returns the gradient norm before clipping.
    pub fn update(&mut self, parameters: &[(String, Tensor)], grads: &[Tensor], config: &TrainConfig) -> Result<f64> {
        let mut squares = 0.0;
        for g in grads {
            squares += f64::try_from(g.f_square()?.f_sum(Kind::Float)?)?;
        }
        let norm = squares.sqrt();
        if !norm.is_finite() {
            return Err(Error::Data(format!("gradient is not finite at step {}", self.step)));
        }
        let scale = if norm > config.clip { config.clip / norm } else { 1.0 };
        self.step += 1;
        let (beta1, beta2, eps) = (0.9, 0.98, 1e-8);
        let lr = learning_rate(config, self.step);
        let correct1 = 1.0 - f64::powi(beta1, self.step as i32);
        let correct2 = 1.0 - f64::powi(beta2, self.step as i32);
        // The average warms up, so that early weights do not linger in it.
        let ema = config.ema.min((1.0 + self.step as f64) / (10.0 + self.step as f64));
        let _guard = tch::no_grad_guard();
        for (i, (_, p)) in parameters.iter().enumerate() {
            let g = grads[i].f_mul_scalar(scale)?;
            let _ = self.mean[i].f_mul_scalar_(beta1)?.f_add_(&g.f_mul_scalar(1.0 - beta1)?)?;
            let _ = self.square[i].f_mul_scalar_(beta2)?.f_add_(&g.f_square()?.f_mul_scalar(1.0 - beta2)?)?;
            let denominator = self.square[i].f_div_scalar(correct2)?.f_sqrt()?.f_add_scalar(eps)?;
            let step = self.mean[i].f_div_scalar(correct1)?.f_div(&denominator)?.f_mul_scalar(-lr)?;
            let mut p = p.shallow_clone();
            if p.dim() > 1 {
                let _ = p.f_mul_scalar_(1.0 - lr * config.weight_decay)?;
            }
            let _ = p.f_add_(&step)?;
            let _ = self.average[i].f_lerp_(&p, 1.0 - ema)?;
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

/// Linear warm-up, then a cosine to `lr * lr_final`.
pub fn learning_rate(config: &TrainConfig, step: u64) -> f64 {
    let warm = (step as f64 / config.warmup.max(1) as f64).min(1.0);
    let done =
        (step.saturating_sub(config.warmup) as f64 / config.steps.saturating_sub(config.warmup).max(1) as f64).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    config.lr * warm * (config.lr_final + (1.0 - config.lr_final) * cosine)
}
