//! One replica of the networks: its share of a batch in, loss terms and gradients out.

use std::{ops::Range, sync::mpsc, thread};

use tch::{Device, Kind, Tensor, nn};

use super::parameters;
use crate::{
    Error, Result, StaticStream, TrainConfig,
    consistency::Consistency,
    gaze::{FrozenGaze, GazeConfig},
    loss::{TERMS, Terms},
    optim::take_grads,
    outlook::Outlook,
    sample::{Batch, Samples},
};

/// First parts of the names of weights that only training has.
pub(super) const CONSISTENCY: &str = "consistency";
pub(super) const OUTLOOK: &str = "outlook";
/// Batches that wait for a CUDA device, per thread that prepares them.
const AHEAD: usize = 2;

/// What a worker makes of its share of a step.
pub(super) struct Share {
    /// Means over the share, in the order of [`TERMS`].
    pub terms: [f64; TERMS.len()],
    /// Gradient of the share's mean loss, in the order of the parameters.
    pub grads: Vec<Tensor>,
}

/// Networks on a device.
pub(super) struct Worker {
    net: StaticStream,
    consistency: Option<Consistency>,
    outlook: Option<Outlook>,
    gaze: Option<FrozenGaze>,
    parameters: Vec<(String, Tensor)>,
    device: Device,
    kind: Kind,
    _store: nn::VarStore,
}

impl Worker {
    /// Fresh weights from torch's generator; those of a gaze network, which stay as they are, from its file.
    pub fn new(config: &TrainConfig, device: Device) -> Result<Self> {
        let mut store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config.policy)?;
        let consistency = if config.consistency.lambda > 0.0 {
            Some(Consistency::new(&(store.root() / CONSISTENCY), &config.policy)?)
        } else {
            None
        };
        let outlook =
            (config.outlook > 0.0).then(|| Outlook::new(&(store.root() / OUTLOOK), &config.policy)).transpose()?;
        if device != Device::Cpu {
            store.set_device(device);
        }
        let kind = if config.bf16 { Kind::BFloat16 } else { Kind::Float };
        let gaze = FrozenGaze::of(config, device)?;
        Ok(Self { net, consistency, outlook, gaze, parameters: parameters(&store), device, kind, _store: store })
    }

    /// The gaze network, if there is one.
    pub fn gaze(&self) -> Option<&FrozenGaze> {
        self.gaze.as_ref()
    }

    /// Names and weights.
    pub fn parameters(&self) -> &[(String, Tensor)] {
        &self.parameters
    }

    /// The weights alone, shared.
    pub fn weights(&self) -> Vec<Tensor> {
        self.parameters.iter().map(|(_, weight)| weight.shallow_clone()).collect()
    }

    /// Answers each step that is ordered until nobody listens. On a CUDA device other threads prepare the samples.
    pub fn serve(
        &self,
        config: &TrainConfig,
        samples: &Samples,
        share: Range<usize>,
        orders: &mpsc::Receiver<u64>,
        results: &mpsc::Sender<Result<Share>>,
    ) {
        tch::set_num_threads(1);
        let gaze = self.gaze.as_ref().map(FrozenGaze::config).cloned();
        let gaze: Option<&GazeConfig> = gaze.as_ref();
        if self.device == Device::Cpu {
            while let Ok(step) = orders.recv() {
                let batch = |piece: Range<usize>| samples.training_batch(config, gaze, step, piece);
                if results.send(self.step(config, share.clone(), batch)).is_err() {
                    return;
                }
            }
            return;
        }
        let Ok(first) = orders.recv() else { return };
        let pieces = &pieces(&share, config.micro_batch);
        thread::scope(|scope| {
            // Of n threads, thread i prepares every n-th piece, in the order in which they are wanted.
            let loaders: Vec<mpsc::Receiver<Result<Batch>>> = (0..config.workers)
                .map(|i| {
                    let (batches, loader) = mpsc::sync_channel(AHEAD);
                    scope.spawn(move || {
                        tch::set_num_threads(1);
                        let all = (first..=config.steps).flat_map(|step| pieces.iter().map(move |p| (step, p.clone())));
                        let mut mine = all.skip(i).step_by(config.workers);
                        mine.all(|(step, p)| batches.send(samples.training_batch(config, gaze, step, p)).is_ok())
                    });
                    loader
                })
                .collect();
            let mut next = loaders.iter().cycle();
            let mut batch = |_| {
                let received = next.next().and_then(|loader| loader.recv().ok());
                received.unwrap_or_else(|| Err(Error::Data("a thread that prepares samples died".into())))
            };
            if results.send(self.step(config, share.clone(), &mut batch)).is_err() {
                return;
            }
            while orders.recv().is_ok() {
                if results.send(self.step(config, share.clone(), &mut batch)).is_err() {
                    return;
                }
            }
        });
    }

    /// Adds up the gradients of the pieces of a share, each weighted by its part of it.
    pub fn step(
        &self,
        config: &TrainConfig,
        share: Range<usize>,
        mut batch: impl FnMut(Range<usize>) -> Result<Batch>,
    ) -> Result<Share> {
        let mut means = [0.0; TERMS.len()];
        for piece in pieces(&share, config.micro_batch) {
            let weight = piece.len() as f64 / share.len() as f64;
            let mut batch = batch(piece)?.to_device(self.device)?;
            if let Some(gaze) = &self.gaze {
                batch.look(gaze)?;
            }
            let (consistency, outlook) = (self.consistency.as_ref(), self.outlook.as_ref());
            let terms = forward(&self.net, consistency, outlook, &batch, self.kind)?;
            terms.total(config.consistency.lambda, config.outlook)?.f_mul_scalar(weight)?.f_backward()?;
            for (mean, value) in means.iter_mut().zip(terms.values()?) {
                *mean += weight * value;
            }
        }
        Ok(Share { terms: means, grads: take_grads(&self.parameters)? })
    }
}

/// A range in pieces of at most `most`.
fn pieces(share: &Range<usize>, most: usize) -> Vec<Range<usize>> {
    share.clone().step_by(most).map(|start| start..(start + most).min(share.end)).collect()
}

/// Loss terms of a batch.
pub fn forward(
    net: &StaticStream,
    consistency: Option<&Consistency>,
    outlook: Option<&Outlook>,
    batch: &Batch,
    kind: Kind,
) -> Result<Terms> {
    let coarse = net.coarse.forward(&batch.coarse, kind)?;
    let fine = net.fine.forward(&batch.fine, kind)?;
    let heads = net.heads.forward(&fine, &batch.fine.proprio, &batch.point_in_fine, Some(&batch.told_bins))?;
    let terms = Terms::new(&coarse.heat, &fine.heat, &heads, &batch.targets)?;
    let mut terms = terms.with_dynamic([&coarse, &fine], &batch.targets)?;
    if let (Some(consistency), Some(keypoints)) = (consistency, &batch.keypoints) {
        terms.consistency = Some(consistency.loss([&coarse, &fine], keypoints)?);
    }
    if let (Some(outlook), Some(target)) = (outlook, &batch.targets.outlook) {
        terms.outlook = Some(outlook.loss(&coarse, target)?);
    }
    Ok(terms)
}
