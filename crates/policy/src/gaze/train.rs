//! Position-aware pre-training, as the paper calls it: one torch thread, bf16 on request, checkpoints that resume at any kill.
//!
//! Which clips a step sees, how they are augmented and which branches it skips is a function of (seed, step), so a
//! resumed run continues as the unbroken one would have, and two runs on one thread are equal.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use rand::SeedableRng;
use rand_pcg::Pcg64;
use tch::{Device, Kind, Tensor, nn};

use crate::{
    Error, Result,
    gaze::{
        GazeConfig, GazeNet, GazeTraining, Mode,
        checkpoint::{About, GazeCheckpoint},
        evaluate::{Score, pictures, score},
        loss::divergence,
        samples::{ClipSamples, Pick},
    },
    optim::{AdamW, learning_rate, take_grads},
    recipe::{self, Recipe},
    train::{Picture, WarmStart, parameters, warm_start},
};

/// Held-out clips measured at each checkpoint; all of them are measured at the end.
const MOST_HELD_OUT: usize = 96;
/// Of these, drawn for people to look at.
const PICTURES: usize = 8;
/// Settings that may differ when a run goes on (not every machine computes in bf16); the network is compared apart. (The passes
/// of a step do not: the global token's batch normalisation sees one of them at a time.)
const FREE: [&str; 5] = ["steps", "checkpoint_every", "log_every", "bf16", "gaze"];

/// Seen by the caller every `log_every` steps.
#[derive(Copy, Clone, Debug)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Mean loss since the last report.
    pub loss: f64,
    /// Norm of the last gradient.
    pub grad_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// Clips per second since the last report.
    pub clips_per_sec: f64,
    /// The averaged weights on some held-out clips, as of the last checkpoint of this run.
    pub held_out: Option<Score>,
}

/// What a run tells its caller.
#[derive(Debug)]
pub enum News {
    /// It started from other weights.
    Warm(WarmStart),
    /// Losses and errors.
    Progress(Progress),
    /// The gradient of this step was not finite: it changed nothing.
    LeftOut(u64),
    /// Where the averaged weights of a step look in some held-out clips, always the same ones.
    Looked {
        /// Steps taken.
        step: u64,
        /// A row of views for each clip.
        pictures: Vec<Picture>,
    },
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

/// Trains until `config.steps`, or until `go_on` says no (then the state is saved). Returns the steps taken in all.
pub fn train(
    config: &GazeTraining,
    samples: &ClipSamples,
    mut about: About,
    files: &RunFiles,
    device: Device,
    mut tell: impl FnMut(News),
    go_on: impl Fn() -> bool,
) -> Result<u64> {
    config.validate()?;
    samples.check_fits(&config.gaze)?;
    about.recipe = Some(Recipe::new(config, samples.len())?);
    tch::manual_seed(config.seed as i64);
    tch::set_num_threads(1);
    let mut run = Run::new(config, files, device)?;
    let settings = config.optimiser();
    if let Some(init) = files.init.as_ref().filter(|_| !files.state.exists()) {
        tell(News::Warm(run.start(config, init)?));
    }
    let (earlier_secs, started) = (run.resume(config, &about, files)?, Instant::now());
    let held_out: Vec<usize> = {
        let all = samples.validation();
        all.iter().copied().step_by(all.len().div_ceil(MOST_HELD_OUT).max(1)).collect()
    };

    let (mut sum, mut count, mut since, mut score_then) = (0.0, 0u32, Instant::now(), None);
    while run.optimiser.step < config.steps && go_on() {
        let step = run.optimiser.step + 1;
        let (loss, grad_norm) = run.step(config, samples, step)?;
        if grad_norm.is_finite() {
            (sum, count) = (sum + loss, count + 1);
        } else {
            tell(News::LeftOut(step));
        }
        let last = step == config.steps;
        if step.is_multiple_of(config.checkpoint_every) || last {
            (about.steps, about.train_secs) = (step, earlier_secs + started.elapsed().as_secs_f64());
            run.save(files, &about)?;
            run.copy_average()?;
            score_then = score(&run.averaged, samples, &held_out, device)?;
            let shown: Vec<usize> =
                held_out.iter().copied().step_by(held_out.len().div_ceil(PICTURES).max(1)).collect();
            let pictures = pictures(&run.averaged, samples, &shown, device)?;
            tell(News::Looked { step, pictures });
        }
        if step.is_multiple_of(config.log_every) || last {
            tell(News::Progress(Progress {
                step,
                loss: sum / f64::from(count),
                grad_norm,
                lr: learning_rate(&settings, step),
                clips_per_sec: f64::from(count) * config.batch as f64 / since.elapsed().as_secs_f64(),
                held_out: score_then,
            }));
            (sum, count, since) = (0.0, 0, Instant::now());
        }
    }
    (about.steps, about.train_secs) = (run.optimiser.step, earlier_secs + started.elapsed().as_secs_f64());
    run.save(files, &about)?;
    Ok(run.optimiser.step)
}

/// Network, optimiser and a second network for the averaged weights.
struct Run {
    net: GazeNet,
    parameters: Vec<(String, Tensor)>,
    optimiser: AdamW,
    averaged: GazeNet,
    averaged_parameters: Vec<(String, Tensor)>,
    device: Device,
    _stores: [nn::VarStore; 2],
}

impl Run {
    fn new(config: &GazeTraining, files: &RunFiles, device: Device) -> Result<Self> {
        for path in [&files.weights, &files.state] {
            if path.is_dir() {
                return Err(Error::Checkpoint { path: path.clone(), reason: "is a folder".into() });
            }
        }
        // Initial weights are drawn on the processor, so that they are the same wherever training runs.
        let mut stores = [nn::VarStore::new(Device::Cpu), nn::VarStore::new(Device::Cpu)];
        let net = GazeNet::new(&stores[0].root(), &config.gaze)?;
        let averaged = GazeNet::new(&stores[1].root(), &config.gaze)?;
        if device != Device::Cpu {
            stores.iter_mut().for_each(|store| store.set_device(device));
        }
        let [parameters, averaged_parameters] = [parameters(&stores[0]), parameters(&stores[1])];
        let optimiser = AdamW::new(&parameters)?;
        Ok(Self { net, parameters, optimiser, averaged, averaged_parameters, device, _stores: stores })
    }

    /// One optimiser step; loss and gradient norm.
    fn step(&mut self, config: &GazeTraining, samples: &ClipSamples, step: u64) -> Result<(f64, f64)> {
        let mut rng = Pcg64::seed_from_u64(config.seed ^ step.wrapping_mul(0x1000_0001));
        let picks = samples.draw(config, &mut rng);
        let (loss, mut grads) = self.gradient(config, samples, &picks, &mut rng)?;
        let norm = self.optimiser.update(&self.parameters, &mut grads, &config.optimiser())?;
        Ok((loss, norm))
    }

    /// Mean loss over the clips and its gradient, a micro-batch at a time.
    fn gradient(
        &self,
        config: &GazeTraining,
        samples: &ClipSamples,
        picks: &[Pick],
        rng: &mut Pcg64,
    ) -> Result<(f64, Vec<Tensor>)> {
        let kind = if config.bf16 { Kind::BFloat16 } else { Kind::Float };
        let mut mean = 0.0;
        for piece in picks.chunks(config.micro_batch.unwrap_or(picks.len()).max(1)) {
            let batch = samples.batch(&config.gaze, piece)?;
            let clip = batch.clip.f_to_device(self.device)?.f_to_kind(kind)?;
            let output = self.net.forward(&clip, Mode::Train(rng))?;
            let loss = divergence(&output.log_saliency()?, &batch.target.f_to_device(self.device)?)?;
            let loss = loss.f_mul_scalar(piece.len() as f64 / picks.len() as f64)?;
            loss.f_backward()?;
            mean += f64::try_from(loss.f_detach()?)?;
        }
        // Running statistics have none: zeros.
        Ok((mean, take_grads(&self.parameters)?))
    }

    fn copy_average(&self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for ((_, to), (_, from)) in self.averaged_parameters.iter().zip(self.optimiser.average(&self.parameters)) {
            to.shallow_clone().f_copy_(&from)?;
        }
        Ok(())
    }

    fn save(&self, files: &RunFiles, about: &About) -> Result<()> {
        let mut state: Vec<(String, Tensor)> =
            self.parameters.iter().map(|(n, t)| (format!("weight.{n}"), t.shallow_clone())).collect();
        state.extend(self.optimiser.state(&self.parameters));
        GazeCheckpoint::write(&files.state, about, &state)?;
        GazeCheckpoint::write(&files.weights, about, &self.optimiser.average(&self.parameters))
    }

    /// Takes weights of another run over, if they have seen scenes through the same camera.
    fn start(&mut self, config: &GazeTraining, init: &Path) -> Result<WarmStart> {
        let (from, ours) = (GazeCheckpoint::read(init)?, &config.gaze);
        // What else differs, blocks or widths, is no hindrance: what fits is taken over.
        let GazeConfig { bounds_m, camera, image_px, .. } = from.about.config;
        let theirs = GazeConfig { bounds_m, camera, image_px, ..ours.clone() };
        if let Some(difference) = recipe::difference("gaze.", &theirs, ours)? {
            return Err(Error::Checkpoint { path: init.into(), reason: format!("sees otherwise: it {difference}") });
        }
        let mut warm = warm_start(init, &from, &self.parameters)?;
        warm.notes.extend(from.about.holdout_note(config.holdout));
        self.optimiser = AdamW::new(&self.parameters)?;
        Ok(warm)
    }

    /// Restores a state file if there is one, of the same run; returns the seconds already trained.
    fn resume(&mut self, config: &GazeTraining, about: &About, files: &RunFiles) -> Result<f64> {
        if !files.state.exists() {
            return Ok(0.0);
        }
        let (path, state) = (&files.state, GazeCheckpoint::read(&files.state)?);
        let then = &state.about;
        let data = || format!("was made with data {}, this is {}", then.data, about.data);
        let mut difference = recipe::difference("gaze.", &then.config, &config.gaze)?;
        if let (Some(then), Some(now), None) = (&then.recipe, &about.recipe, &difference) {
            difference = then.difference::<GazeTraining>(now, &FREE)?;
        }
        if let Some(difference) = difference.or_else(|| (then.data != about.data).then(data)) {
            let reason = format!("{difference}; give another --out or delete it");
            return Err(Error::Checkpoint { path: path.clone(), reason });
        }
        state.load_part_into(path, "weight.", &self.parameters)?;
        self.optimiser.restore(state.about.steps, &self.parameters, |name| state.find(path, name))?;
        Ok(state.about.train_secs)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::gaze::tests;

    /// Loss and gradient, as one row of numbers, of two clips that each come twice.
    fn gradient(micro_batch: Option<usize>, bf16: bool) -> (f64, Tensor) {
        // Tests run beside each other, and some ask for the same gradient.
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let folder = tests::Folder::new(&format!("gradient-{}", CALLS.fetch_add(1, Ordering::Relaxed)));
        let samples = ClipSamples::new(tests::dataset(&folder.0.join("data"), 4), 0.2).unwrap();
        let gaze = GazeConfig { image_px: 64, width: 8, kernel_px: 5, ..GazeConfig::small() };
        let config = GazeTraining { gaze, batch: 2, micro_batch, bf16, ..GazeTraining::default() };
        let run = Run::new(&config, &folder.files("run"), Device::Cpu).unwrap();
        // Weights that depend on nothing else.
        tch::no_grad(|| {
            for (name, weight) in run.parameters.iter().filter(|(_, weight)| weight.requires_grad()) {
                let phase = name.bytes().map(f64::from).sum::<f64>();
                let wave = (Tensor::arange(weight.numel() as i64, (Kind::Float, Device::Cpu)) * 0.7 + phase).sin();
                let fan_in = (weight.numel() as f64 / weight.size()[0] as f64).max(1.0);
                weight.shallow_clone().copy_(&(wave.view_as(weight) / fan_in.sqrt()));
            }
        });
        let mut rng = Pcg64::seed_from_u64(5);
        let mut picks = samples.draw(&config, &mut rng);
        picks.extend(picks.clone());
        let (loss, grads) = run.gradient(&config, &samples, &picks, &mut rng).unwrap();
        (loss, Tensor::cat(&grads.iter().map(|grad| grad.view([-1])).collect::<Vec<_>>(), 0))
    }

    fn cosine(a: &Tensor, b: &Tensor) -> f64 {
        f64::try_from(a.dot(b) / (a.norm() * b.norm())).unwrap()
    }

    /// Halves that are alike have the statistics of the whole, so nothing but rounding may differ.
    #[test]
    fn micro_batches_add_up_to_the_gradient_of_the_batch() {
        let ((whole, at_once), (sum, in_pieces)) = (gradient(None, false), gradient(Some(2), false));
        assert!((whole - sum).abs() < 1e-5 * whole.abs(), "{whole} {sum}");
        let apart = f64::try_from((&at_once - &in_pieces).norm() / at_once.norm()).unwrap();
        assert!(apart < 1e-4, "{apart}");
    }

    #[test]
    fn bf16_points_the_same_way() {
        let ((full, exact), (half, rough)) = (gradient(None, false), gradient(None, true));
        assert!((full - half).abs() < 0.02 * full.abs(), "{full} {half}");
        assert_ne!(full, half);
        assert!(cosine(&exact, &rough) > 0.98, "{}", cosine(&exact, &rough));
    }
}
