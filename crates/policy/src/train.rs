//! Training: data-parallel workers of one torch thread each, one optimiser, checkpoints that resume at any kill.
//!
//! Which samples a step sees is a function of (seed, step), and gradients are summed in worker order, so a resumed
//! run continues as the unbroken one would have.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Instant,
};

use tch::{Device, Kind, Tensor, nn};

use crate::{
    Error, Result, StaticStream, TrainConfig,
    checkpoint::{About, Checkpoint},
    loss::Terms,
    optim::{AdamW, learning_rate},
    sample::{Batch, Samples},
};

/// Seen by the caller every `log_every` steps.
#[derive(Copy, Clone, Debug)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss terms since the last report: coarse, fine, rotation, gripper, collision.
    pub terms: [f64; 5],
    /// Norm of the last gradient.
    pub grad_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// Samples per second since the last report.
    pub samples_per_sec: f64,
}

/// Where a run keeps its files.
#[derive(Clone, Debug)]
pub struct RunFiles {
    /// Weights for use (moving average), self-describing.
    pub weights: PathBuf,
    /// Everything needed to go on.
    pub state: PathBuf,
}

/// All parameters of a network in a fixed order.
pub fn parameters(store: &nn::VarStore) -> Vec<(String, Tensor)> {
    let mut all: Vec<_> = store.variables().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Trains until `config.steps`, or until `go_on` says no (then the state is saved).
pub fn train(
    config: &TrainConfig,
    samples: &Samples,
    mut about: About,
    files: &RunFiles,
    mut report: impl FnMut(Progress),
    go_on: impl Fn() -> bool,
) -> Result<()> {
    config.validate()?;
    tch::manual_seed(config.seed as i64);
    tch::set_num_threads(1);
    let replicas = (0..config.workers)
        .map(|_| {
            let store = nn::VarStore::new(Device::Cpu);
            let net = StaticStream::new(&store.root(), &config.policy)?;
            Ok((parameters(&store), store, net))
        })
        .collect::<Result<Vec<_>>>()?;
    let master: Vec<(String, Tensor)> = replicas[0].0.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect();
    let mut optimiser = AdamW::new(&master)?;
    let earlier_secs = resume(config, files, &master, &mut optimiser)?;
    let copies: Vec<Vec<Tensor>> =
        replicas.iter().skip(1).map(|(p, _, _)| p.iter().map(|(_, t)| t.shallow_clone()).collect()).collect();
    broadcast(&master, &copies)?;

    let started = Instant::now();
    std::thread::scope(|scope| {
        let mut orders = Vec::new();
        let mut results = Vec::new();
        for (rank, (parameters, store, net)) in replicas.into_iter().enumerate() {
            let (order_tx, order_rx) = mpsc::channel::<u64>();
            let (result_tx, result_rx) = mpsc::channel();
            orders.push(order_tx);
            results.push(result_rx);
            scope.spawn(move || {
                tch::set_num_threads(1);
                let _keep = store;
                while let Ok(step) = order_rx.recv() {
                    let answer = worker_step(config, samples, &net, &parameters, rank, step);
                    if result_tx.send(answer).is_err() {
                        break;
                    }
                }
            });
        }
        let (mut sums, mut count, mut since) = ([0.0; 5], 0u32, Instant::now());
        while optimiser.step < config.steps && go_on() {
            let step = optimiser.step + 1;
            for order in &orders {
                order.send(step).map_err(|_| Error::Data("a training worker died".into()))?;
            }
            let mut grads: Vec<Tensor> = Vec::new();
            for result in &results {
                let (terms, gradient) = result.recv().map_err(|_| Error::Data("a training worker died".into()))??;
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term / config.workers as f64;
                }
                if grads.is_empty() {
                    grads = gradient;
                } else {
                    for (sum, g) in grads.iter_mut().zip(&gradient) {
                        let _ = sum.f_add_(g)?;
                    }
                }
            }
            for g in &mut grads {
                let _ = g.f_div_scalar_(config.workers as f64)?;
            }
            let grad_norm = optimiser.update(&master, &grads, config)?;
            broadcast(&master, &copies)?;
            count += 1;
            if step % config.log_every == 0 || step == config.steps {
                let rate = f64::from(count) * config.batch as f64 / since.elapsed().as_secs_f64();
                report(Progress {
                    step,
                    steps: config.steps,
                    terms: sums.map(|s| s / f64::from(count)),
                    grad_norm,
                    lr: learning_rate(config, step),
                    samples_per_sec: rate,
                });
                (sums, count, since) = ([0.0; 5], 0, Instant::now());
            }
            if step % config.checkpoint_every == 0 || step == config.steps {
                about.steps = step;
                about.train_secs = earlier_secs + started.elapsed().as_secs_f64();
                save(files, &about, &master, &optimiser)?;
            }
        }
        about.steps = optimiser.step;
        about.train_secs = earlier_secs + started.elapsed().as_secs_f64();
        save(files, &about, &master, &optimiser)
    })
}

fn worker_step(
    config: &TrainConfig,
    samples: &Samples,
    net: &StaticStream,
    parameters: &[(String, Tensor)],
    rank: usize,
    step: u64,
) -> Result<([f64; 5], Vec<Tensor>)> {
    let batch = samples.training_batch(config, step, rank)?;
    let terms = forward(net, &batch, if config.bf16 { Kind::BFloat16 } else { Kind::Float })?;
    terms.total()?.f_backward()?;
    let mut grads = Vec::with_capacity(parameters.len());
    for (_, p) in parameters {
        let mut g = p.f_grad()?;
        grads.push(if g.defined() { g.f_detach()?.f_add_scalar(0.0)? } else { p.f_detach()?.f_zeros_like()? });
        if g.defined() {
            let _ = g.f_zero_()?;
        }
    }
    Ok((terms.values()?, grads))
}

/// Loss terms of a batch.
pub fn forward(net: &StaticStream, batch: &Batch, kind: Kind) -> Result<Terms> {
    let coarse = net.coarse.forward(&batch.coarse, kind)?;
    let fine = net.fine.forward(&batch.fine, kind)?;
    let heads = net.heads.forward(&fine, &batch.fine.proprio, &batch.point_in_fine, Some(&batch.targets.bins))?;
    Terms::new(&coarse.heat, &fine.heat, &heads, &batch.targets)
}

fn broadcast(master: &[(String, Tensor)], copies: &[Vec<Tensor>]) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for copy in copies {
        for ((_, from), to) in master.iter().zip(copy) {
            to.shallow_clone().f_copy_(from)?;
        }
    }
    Ok(())
}

fn save(files: &RunFiles, about: &About, master: &[(String, Tensor)], optimiser: &AdamW) -> Result<()> {
    let mut state: Vec<(String, Tensor)> =
        master.iter().map(|(n, t)| (format!("weight.{n}"), t.shallow_clone())).collect();
    state.extend(optimiser.state(master));
    Checkpoint::write(&files.state, about, &state)?;
    let weights: Vec<(String, Tensor)> =
        master.iter().zip(optimiser.average()).map(|((n, _), t)| (n.clone(), t.shallow_clone())).collect();
    Checkpoint::write(&files.weights, about, &weights)
}

/// Restores a state file if there is one; returns the seconds already trained.
fn resume(config: &TrainConfig, files: &RunFiles, master: &[(String, Tensor)], optimiser: &mut AdamW) -> Result<f64> {
    if !files.state.exists() {
        return Ok(0.0);
    }
    let path: &Path = &files.state;
    let state = Checkpoint::read(path)?;
    if state.about.config != config.policy {
        return Err(Error::Checkpoint {
            path: path.into(),
            reason: "was made with another network configuration; give another --out or delete it".into(),
        });
    }
    let weights: Vec<(String, Tensor)> =
        master.iter().map(|(n, t)| (format!("weight.{n}"), t.shallow_clone())).collect();
    state.load_part_into(path, "weight.", &weights)?;
    optimiser.restore(state.about.steps, master, |name| state.find(path, name))?;
    Ok(state.about.train_secs)
}
