//! L = 2 L_trans + L_rot + L_gripper + L_collision (RVT-2), + lambda L_cgc (the paper), + L_dynamic, that of a learned
//! heatmap of the dynamic view, + the weighted outlook (ours).
//!
//! L_trans of RVT-2 is a mean over the six maps of both stages; here the means of the two stages, three maps each, are added,
//! which is twice that, beside the other terms of weight one. So is L_dynamic the sum of both stages'.

use tch::{Kind, Tensor};

use crate::{
    Result,
    network::{HeadOutput, RotationOutput, StageOutput},
    rotation::six_d_loss,
};

/// Names of the terms, in the order of [`Terms::values`].
pub const TERMS: [&str; 8] =
    ["coarse", "fine", "rotation", "gripper", "collision", "consistency", "dynamic", "outlook"];

/// What a sample should have given.
#[derive(Debug)]
pub struct Targets {
    /// (b, v, s, s) probability maps of the coarse stage
    pub heat_coarse: Tensor,
    /// (b, v, s, s) probability maps of the fine stage
    pub heat_fine: Tensor,
    /// (b, 1, s, s) probability maps of the wrist view, or zeros where it does not show the key-frame
    pub heat_dynamic: Option<Tensor>,
    /// (b, v, g, g) probability maps of where the script ends, or zeros where that is not known
    pub outlook: Option<Tensor>,
    /// (b, 3) rotation bins
    pub bins: Tensor,
    /// (b, 3, 3) rotation matrices in the cube's axes
    pub rotation: Tensor,
    /// (b) 0 closed, 1 open
    pub gripper: Tensor,
    /// (b) 0 avoid, 1 ignore collisions
    pub collision: Tensor,
}

/// The terms of the loss, each a scalar tensor.
#[derive(Debug)]
pub struct Terms {
    /// Coarse heatmaps.
    pub coarse: Tensor,
    /// Fine heatmaps.
    pub fine: Tensor,
    /// Sum over the three angles, or of the six numbers.
    pub rotation: Tensor,
    /// Gripper.
    pub gripper: Tensor,
    /// Collision flag.
    pub collision: Tensor,
    /// Cross-view consistency, where it is trained.
    pub consistency: Option<Tensor>,
    /// Heatmaps of the wrist view in both stages, where there is one.
    pub dynamic: Option<Tensor>,
    /// Where the script ends, where that is trained.
    pub outlook: Option<Tensor>,
}

impl Terms {
    /// All terms of the action from predictions and targets.
    pub fn new(coarse: &Tensor, fine: &Tensor, heads: &HeadOutput, targets: &Targets) -> Result<Self> {
        let class = |logits: &Tensor, target: &Tensor| -> Result<Tensor> {
            Ok(logits.f_to_kind(Kind::Float)?.f_cross_entropy_loss(
                target,
                None::<Tensor>,
                tch::Reduction::Mean,
                -100,
                0.0,
            )?)
        };
        let rotation = match &heads.rotation {
            RotationOutput::Bins([a, b, c]) => {
                let angle = |logits: &Tensor, i: i64| class(logits, &targets.bins.f_select(1, i)?);
                angle(a, 0)?.f_add(&angle(b, 1)?)?.f_add(&angle(c, 2)?)?
            }
            RotationOutput::SixD(six) => six_d_loss(six, &targets.rotation)?,
        };
        Ok(Self {
            coarse: heat_loss(coarse, &targets.heat_coarse)?,
            fine: heat_loss(fine, &targets.heat_fine)?,
            rotation,
            gripper: class(&heads.gripper, &targets.gripper)?,
            collision: class(&heads.collision, &targets.collision)?,
            consistency: None,
            dynamic: None,
            outlook: None,
        })
    }

    /// Adds the term of the heatmaps that both stages learn of the dynamic view, if they do.
    pub fn with_dynamic(mut self, stages: [&StageOutput; 2], targets: &Targets) -> Result<Self> {
        let logits = stages.map(|stage| stage.dynamic.as_ref().and_then(|dynamic| dynamic.logits.as_ref()));
        if let ([Some(coarse), Some(fine)], Some(target)) = (logits, &targets.heat_dynamic) {
            self.dynamic = Some(heat_loss(coarse, target)?.f_add(&heat_loss(fine, target)?)?);
        }
        Ok(self)
    }

    /// What is minimised, with the weights of the consistency and of the outlook.
    pub fn total(&self, lambda: f64, outlook: f64) -> Result<Tensor> {
        let mut total =
            self.coarse.f_add(&self.fine)?.f_add(&self.rotation)?.f_add(&self.gripper)?.f_add(&self.collision)?;
        if let Some(consistency) = &self.consistency {
            total = total.f_add(&consistency.f_mul_scalar(lambda)?)?;
        }
        if let Some(dynamic) = &self.dynamic {
            total = total.f_add(dynamic)?;
        }
        if let Some(term) = &self.outlook {
            total = total.f_add(&term.f_mul_scalar(outlook)?)?;
        }
        Ok(total)
    }

    /// The numbers in the order of [`TERMS`]; 0 for what is not trained.
    pub fn values(&self) -> Result<[f64; TERMS.len()]> {
        let v = |t: &Tensor| f64::try_from(t.f_detach()?);
        let [consistency, dynamic, outlook] =
            [&self.consistency, &self.dynamic, &self.outlook].map(|t| t.as_ref().map_or(Ok(0.0), v));
        let [coarse, fine] = [v(&self.coarse)?, v(&self.fine)?];
        let [rotation, gripper, collision] = [v(&self.rotation)?, v(&self.gripper)?, v(&self.collision)?];
        Ok([coarse, fine, rotation, gripper, collision, consistency?, dynamic?, outlook?])
    }
}

/// Cross-entropy of (b, v, s, s) logits against maps that sum to one, averaged over batch and views.
pub(crate) fn heat_loss(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let (b, v, h, w) = logits.size4()?;
    let log_p = logits.f_view([b * v, h * w])?.f_log_softmax(1, Kind::Float)?;
    let sum = log_p.f_mul(&target.f_view([b * v, h * w])?)?.f_sum(Kind::Float)?;
    Ok(sum.f_div_scalar(-((b * v) as f64))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_loss_is_log_of_the_pixel_count_for_flat_logits() {
        let logits = Tensor::zeros([2, 3, 8, 8], (Kind::Float, tch::Device::Cpu));
        let target = Tensor::full([2, 3, 8, 8], 1.0 / 64.0, (Kind::Float, tch::Device::Cpu));
        let loss = f64::try_from(heat_loss(&logits, &target).unwrap()).unwrap();
        assert!((loss - 64f64.ln()).abs() < 1e-5);
    }
}
