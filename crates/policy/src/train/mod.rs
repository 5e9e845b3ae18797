//! Training: data-parallel workers of one torch thread each (or one on a CUDA device), one optimiser, checkpoints that
//! resume at any kill.
//!
//! Which samples a step sees is a function of (seed, step), and gradients are summed in worker order, so a resumed
//! run continues as the unbroken one would have: on a processor to the last bit, but for what several workers drop out
//! (`policy.dropout` above 0), whose masks come from torch's one generator in whatever order they ask it. A run of other settings
//! or data does not go on.

mod evaluate;
mod state;
mod warm;
mod worker;

use std::{path::PathBuf, sync::mpsc, time::Instant};

use tch::{Device, Tensor, nn};

pub use evaluate::{Evaluation, Evaluator, Picture, Score};
pub(crate) use warm::holdout_note;
pub use warm::{WarmStart, warm_start};
pub use worker::forward;

use crate::{
    Error, Result, TrainConfig,
    checkpoint::About,
    gaze::FrozenGaze,
    loss::TERMS,
    optim::{AdamW, learning_rate},
    recipe::Recipe,
    sample::Samples,
};
use worker::Worker;

/// Seen by the caller every `log_every` steps.
#[derive(Copy, Clone, Debug)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss terms since the last report, in the order of [`TERMS`]; NaN if every step since was left out.
    pub terms: [f64; TERMS.len()],
    /// Norm of the last gradient.
    pub grad_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// Samples per second since the last report, evaluation and checkpoints not counted.
    pub samples_per_sec: f64,
}

/// What a run tells its caller.
#[derive(Debug)]
pub enum News {
    /// What is to be known of its gaze network, and is no fault.
    Gaze(String),
    /// It started from other weights.
    Warm(WarmStart),
    /// It goes on after this many steps.
    Resumed(u64),
    /// Losses.
    Progress(Progress),
    /// The gradient of this step was not finite: it changed nothing.
    LeftOut(u64),
    /// Errors on held-out observations.
    Evaluated(Evaluation),
    /// Weights and state of so many steps are on disk.
    Saved(u64),
}

/// Where a run keeps its files.
#[derive(Clone, Debug)]
pub struct RunFiles {
    /// Weights for use (moving average), self-describing.
    pub weights: PathBuf,
    /// Everything needed to go on.
    pub state: PathBuf,
    /// Weights to start from where there is no state yet.
    pub init: Option<PathBuf>,
}

/// All parameters of a network in a fixed order.
pub fn parameters(store: &nn::VarStore) -> Vec<(String, Tensor)> {
    let mut all: Vec<_> = store.variables().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Trains until `config.steps`, or until `go_on` says no (then the state is saved). Returns the steps taken in all.
pub fn train(
    config: &TrainConfig,
    samples: &Samples,
    mut about: About,
    files: &RunFiles,
    mut tell: impl FnMut(News),
    go_on: impl Fn() -> bool,
) -> Result<u64> {
    config.validate()?;
    samples.check_fits(&config.policy)?;
    if config.outlook > 0.0 && !samples.know_ends() {
        return Err(Error::Data(
            "outlook is above 0, but the data does not say where scripts end: make it anew".into(),
        ));
    }
    let device = config.device.resolve()?;
    let count = if device == Device::Cpu { config.workers } else { 1 };
    tch::manual_seed(config.seed as i64);
    tch::set_num_threads(1);
    let workers = (0..count).map(|_| Worker::new(config, device)).collect::<Result<Vec<_>>>()?;
    let copies: Vec<Vec<Tensor>> = workers.iter().map(Worker::weights).collect();
    let mut master = Vec::new();
    for (name, weight) in workers.first().map_or(&[][..], Worker::parameters) {
        master.push((name.clone(), weight.shallow_clone()));
    }
    // The gaze network goes with the weights, so that one file is enough to use them.
    let gaze = workers.first().and_then(Worker::gaze);
    about.gaze = gaze.map(|gaze| gaze.about().clone());
    if let Some(note) = about.gaze.as_ref().and_then(|gaze| gaze.holdout_note(config.holdout)) {
        tell(News::Gaze(note));
    }
    if let Some(note) = about.gaze.as_ref().and_then(|gaze| warm::robot_note(&gaze.embodiment, &about.embodiment)) {
        tell(News::Gaze(note));
    }
    let gaze = gaze.map(FrozenGaze::embedded).unwrap_or_default();
    let resumes = files.state.exists();
    if let Some(init) = files.init.as_ref().filter(|_| !resumes) {
        tell(News::Warm(warm::start(init, config, &about, &master, &gaze)?));
    }
    about.recipe = Some(Recipe::new(config, samples.counts().0)?);
    let mut optimiser = AdamW::new(&master)?;
    let mut earlier_secs = 0.0;
    if resumes {
        earlier_secs = state::resume(config, &about, &files.state, &master, &gaze, &mut optimiser)?;
        tell(News::Resumed(optimiser.step));
    }
    let broadcast = |master: &[(String, Tensor)]| copies.iter().skip(1).try_for_each(|copy| copy_weights(master, copy));
    broadcast(&master)?;
    let evaluator = Evaluator::new(config, samples, device)?;

    let started = Instant::now();
    let mut saved_at = None;
    std::thread::scope(|scope| {
        let mut orders = Vec::new();
        let mut results = Vec::new();
        for (rank, worker) in workers.into_iter().enumerate() {
            let (order_tx, order_rx) = mpsc::channel::<u64>();
            let (result_tx, result_rx) = mpsc::channel();
            orders.push(order_tx);
            results.push(result_rx);
            let share = rank * config.batch / count..(rank + 1) * config.batch / count;
            scope.spawn(move || worker.serve(config, samples, share, &order_rx, &result_tx));
        }
        let dead = || Error::Data("a training worker died".into());
        let (mut sums, mut steps_summed, mut busy_secs) = ([0.0; TERMS.len()], 0u32, 0.0);
        while optimiser.step < config.steps && go_on() {
            let clock = Instant::now();
            let step = optimiser.step + 1;
            // Dropout draws from torch's one generator: a run of one worker that was resumed draws what it would have drawn.
            tch::manual_seed((config.seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64);
            for order in &orders {
                order.send(step).map_err(|_| dead())?;
            }
            // Shares are equally large, so the batch's gradient is the mean of theirs.
            let mut grads: Vec<Tensor> = Vec::new();
            let mut terms_now = [0.0; TERMS.len()];
            for result in &results {
                let share = result.recv().map_err(|_| dead())??;
                for (sum, term) in terms_now.iter_mut().zip(share.terms) {
                    *sum += term / count as f64;
                }
                if grads.is_empty() {
                    grads = share.grads;
                } else {
                    for (sum, g) in grads.iter_mut().zip(&share.grads) {
                        let _ = sum.f_add_(g)?;
                    }
                }
            }
            if count > 1 {
                for g in &mut grads {
                    let _ = g.f_div_scalar_(count as f64)?;
                }
            }
            let grad_norm = optimiser.update(&master, &mut grads, config)?;
            broadcast(&master)?;
            if grad_norm.is_finite() {
                sums.iter_mut().zip(terms_now).for_each(|(sum, term)| *sum += term);
                steps_summed += 1;
            } else {
                tell(News::LeftOut(step));
            }
            busy_secs += clock.elapsed().as_secs_f64();
            let last = step == config.steps;
            if step.is_multiple_of(config.log_every) || last {
                tell(News::Progress(Progress {
                    step,
                    steps: config.steps,
                    terms: sums.map(|s| s / f64::from(steps_summed)),
                    grad_norm,
                    lr: learning_rate(config, step),
                    samples_per_sec: f64::from(steps_summed) * config.batch as f64 / busy_secs,
                }));
                (sums, steps_summed, busy_secs) = ([0.0; TERMS.len()], 0, 0.0);
            }
            if step.is_multiple_of(config.evaluate_every) || last {
                tell(News::Evaluated(evaluator.evaluate(samples, step, &optimiser.average(&master))?));
            }
            if step.is_multiple_of(config.checkpoint_every) || last {
                about.steps = step;
                about.train_secs = earlier_secs + started.elapsed().as_secs_f64();
                state::save(files, &about, &master, &gaze, &optimiser)?;
                tell(News::Saved(step));
                saved_at = Some(step);
            }
        }
        if saved_at == Some(optimiser.step) {
            return Ok(());
        }
        about.steps = optimiser.step;
        about.train_secs = earlier_secs + started.elapsed().as_secs_f64();
        state::save(files, &about, &master, &gaze, &optimiser)
    })?;
    Ok(optimiser.step)
}

/// Copies the weights of one network into those of another of the same kind.
fn copy_weights(from: &[(String, Tensor)], to: &[Tensor]) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for ((_, from), to) in from.iter().zip(to) {
        to.shallow_clone().f_copy_(from)?;
    }
    Ok(())
}

#[cfg(test)]
mod arms;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod resumed;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;
#[cfg(test)]
mod warmed;
