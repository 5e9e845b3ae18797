//! Where a goal's script ends, learned by the coarse stage as a second thing: a term of the training loss only.
//!
//! A sentence may name a thing to which the hand does not go next: to push the block onto the red plate it first goes to
//! the block's other side. From the action alone the network would have to learn at once which plate is meant and what
//! follows from that; this term shows the plate itself. Ours; the weights are not kept with the policy's.

use tch::{Kind, Tensor, nn};

use crate::{PolicyConfig, Result, layers::Conv, loss::heat_loss, network::StageOutput};

/// One map per view out of the stage's finest features.
#[derive(Debug)]
pub struct Outlook {
    map: Conv,
}

impl Outlook {
    /// Registers its weights under `path`.
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        Ok(Self { map: Conv::new(path, config.finest_dim(), 1, 1, 1, 0)? })
    }

    /// Cross-entropy against (b, v, g, g) probability maps, those that are zero left out; g: [`PolicyConfig::finest_side`].
    pub fn loss(&self, coarse: &StageOutput, target: &Tensor) -> Result<Tensor> {
        let logits = self.map.forward(&coarse.pixels.f_to_kind(Kind::Float)?)?;
        heat_loss(&logits.f_view(&target.size()[..])?, target)
    }
}
