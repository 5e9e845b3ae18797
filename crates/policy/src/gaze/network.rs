//! The gaze network (Lai et al. 2022), at any size.
//!
//! Letters in shapes: b batch, f frames, s image side, w channels of the first stage, g = s/4 side of the saliency map,
//! t = s/32 side of the tokens, p = f/2 frames of tokens.
//!
//! clip -> patches (p, g, g) x w, plus one global token made from all of them -> four stages of pooled attention, each
//! halving the grid and doubling the channels -> F_SA (p, t, t) x 8w -> the correlation block: every local token attends
//! to the global one and itself -> F_GLC -> [F_SA ; F_GLC] normalised: the features -> four decoder blocks, each with
//! the encoder's tokens of its grid added -> logits (f, g, g).
//!
//! Differs from the release in what leaves the result alone: the mask is a logistic function, not -1e8 in a full
//! matrix, and one frame of tokens is convolved in two dimensions.
//!
//! Differs from the paper in H4, the heatmap that a policy is given: it is the last frame's saliency, that of the
//! current observation, where theirs is a learned 3D convolution over the saliency of all frames. So the frozen network
//! is all that there is to train.

#[cfg(test)]
mod count;
mod global;
mod output;

use tch::{Tensor, nn};

use self::global::GlobalToken;
use crate::{
    Result,
    gaze::{
        GazeConfig,
        pooled::{BlockShape, Conv3, Grid, PooledBlock, Reach, Resample, spread},
    },
    layers::{Linear, Norm},
};

pub use self::output::GazeOutput;
pub use crate::gaze::pooled::Mode;

/// Mean and standard deviation of colours as the release normalises them.
const MEAN: f64 = 0.45;
const STD: f64 = 0.225;

/// Clip to features and saliency.
#[derive(Debug)]
pub struct GazeNet {
    config: GazeConfig,
    stem: Conv3,
    place: Tensor,
    time: Tensor,
    global: GlobalToken,
    stages: Vec<Vec<PooledBlock>>,
    correlation: PooledBlock,
    norm: Norm,
    decoder: Vec<PooledBlock>,
    classifier: Linear,
}

impl GazeNet {
    /// Weights under `path`, initialised from torch's generator.
    pub fn new(path: &nn::Path, config: &GazeConfig) -> Result<Self> {
        config.validate()?;
        let (w, g, p) = (config.width, config.map_px(), config.frames / 2);
        let most = config.blocks.iter().sum::<usize>().saturating_sub(1).max(1) as f64;
        let mut stages = Vec::new();
        let mut index = 0;
        for (s, &count) in config.blocks.iter().enumerate() {
            let (dim, heads) = (w << s, config.heads << s);
            let block = |i: usize| {
                let last = i + 1 == count;
                let shape = BlockShape {
                    inputs: dim,
                    // The last block of a stage already has the channels of the next.
                    outputs: if last && s < 3 { 2 * dim } else { dim },
                    heads,
                    hidden: 4 * dim,
                    resample: if s > 0 && i == 0 { Resample::Pool([1, 2, 2]) } else { Resample::Keep },
                    key_stride: [1, 8 >> s, 8 >> s],
                    reach: Reach::All,
                    drop_path: config.drop_path * (index + i) as f64 / most,
                };
                PooledBlock::new(&(path / "encoder" / s / i), &shape)
            };
            stages.push((0..count).map(block).collect::<Result<Vec<_>>>()?);
            index += count;
        }
        let correlation = BlockShape {
            inputs: 8 * w,
            outputs: 8 * w,
            heads: 8 * config.heads,
            hidden: 32 * w,
            resample: Resample::Pool([1, 1, 1]),
            key_stride: [1, 1, 1],
            reach: Reach::GlobalAndSelf,
            drop_path: config.drop_path_correlation,
        };
        let decoder = [(16, 8, [1, 2, 2], 2), (8, 4, [1, 2, 2], 4), (4, 4, [1, 2, 2], 8), (2, 2, [2, 1, 1], 16)]
            .into_iter()
            .enumerate()
            .map(|(i, (times, heads, stride, key))| {
                let shape = BlockShape {
                    inputs: times * w,
                    outputs: times * w / 2,
                    heads: heads * config.heads,
                    hidden: 2 * times * w,
                    resample: Resample::Expand(stride),
                    key_stride: [1, key, key],
                    reach: Reach::All,
                    drop_path: 0.0,
                };
                PooledBlock::new(&(path / "decoder" / i), &shape)
            })
            .collect::<Result<Vec<_>>>()?;
        let position = path / "position";
        Ok(Self {
            config: config.clone(),
            stem: Conv3::new(&(path / "stem"), 3, w, [3, 7, 7], [2, 4, 4])?,
            place: position.f_randn("place", &[1, 1, g * g, w], 0.0, 0.02)?,
            time: position.f_randn("time", &[1, p, 1, w], 0.0, 0.02)?,
            global: GlobalToken::new(&(path / "global"), config)?,
            stages,
            correlation: PooledBlock::new(&(path / "correlation"), &correlation)?,
            norm: Norm::new(&(path / "norm"), 16 * w)?,
            decoder,
            classifier: Linear::new(&(path / "classifier"), w, 1)?,
        })
    }

    /// What it was built for.
    pub fn config(&self) -> &GazeConfig {
        &self.config
    }

    /// clip: (b, f, 3, s, s) colours in [0, 1], oldest frame first. Runs in the clip's kind, f32 or bf16.
    pub fn forward(&self, clip: &Tensor, mut mode: Mode) -> Result<GazeOutput> {
        let (b, (w, g, p)) = (clip.size()[0], (self.config.width, self.config.map_px(), self.config.frames / 2));
        let training = matches!(mode, Mode::Train(_));

        // Patches with their places, and the token that has seen all of them.
        let x = clip.f_sub_scalar(MEAN)?.f_div_scalar(STD)?.f_permute([0, 2, 1, 3, 4])?;
        let patches = self.stem.forward(&x.f_contiguous()?)?;
        let global = self.global.forward(&patches, training)?;
        let position = self.place.f_add(&self.time)?.f_view([1, p * g * g, w])?.f_to_kind(patches.kind())?;
        let local = patches.f_flatten(2, 4)?.f_transpose(1, 2)?.f_add(&position)?;
        let mut x = Tensor::f_cat(&[global, local], 1)?;

        // Four stages; what a stage ends with is kept for the decoder, without the global token.
        let mut grid: Grid = [p, g, g];
        let mut kept = Vec::new();
        for stage in &self.stages {
            for block in stage {
                (x, grid) = block.forward(&x, grid, true, &mut mode)?;
            }
            kept.push(without_global(&x)?);
        }

        // Every local token meets the global one.
        let (correlated, _) = self.correlation.forward(&x, grid, true, &mut mode)?;
        let both = Tensor::f_cat(&[without_global(&x)?, without_global(&correlated)?], 2)?;
        let both = self.norm.forward(&both)?;
        let t = self.config.tokens();
        let features = both.f_view([b, p, t * t, 16 * w])?.f_mean_dim([1i64].as_slice(), false, both.kind())?;
        let features = features.f_transpose(1, 2)?.f_reshape([b, 16 * w, t, t])?;

        // Back to the grid of the patches, then to every frame.
        let mut y = both;
        for (block, skip) in self.decoder.iter().zip([Some(2), Some(1), Some(0), None]) {
            (y, grid) = block.forward(&y, grid, false, &mut mode)?;
            y = match skip {
                Some(stage) => y.f_add(&kept[stage])?,
                None => y.f_add(&spread(&patches, [2, 1, 1])?.f_flatten(2, 4)?.f_transpose(1, 2)?)?,
            };
        }
        let logits = self.classifier.forward(&y)?.f_view([b, 2 * p, g, g])?;
        Ok(GazeOutput { features, logits })
    }
}

fn without_global(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_narrow(1, 1, x.size()[1] - 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::parameters;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;
    use tch::{Device, Kind};

    #[test]
    fn a_full_clip_gives_256_features_of_1536_and_two_maps_of_128() {
        tch::manual_seed(1);
        let _guard = tch::no_grad_guard();
        let store = nn::VarStore::new(Device::Cpu);
        // Shapes do not depend on the width: an eighth of it is quick.
        let net = GazeNet::new(&store.root(), &GazeConfig { width: 12, ..GazeConfig::full() }).unwrap();
        let clip = Tensor::rand([1, 2, 3, 512, 512], (Kind::Float, Device::Cpu));
        let output = net.forward(&clip, Mode::Use).unwrap();
        assert_eq!(output.features.size(), [1, 192, 16, 16]);
        assert_eq!(output.logits.size(), [1, 2, 128, 128]);
        assert_eq!(GazeConfig::full().feature_width(), 1536);
        assert_eq!(GazeConfig::full().tokens().pow(2), 256);
    }

    #[test]
    #[ignore = "heavy: the whole network on two frames of 512 px"]
    fn the_full_network_runs() {
        let _guard = tch::no_grad_guard();
        let store = nn::VarStore::new(Device::Cpu);
        let net = GazeNet::new(&store.root(), &GazeConfig::full()).unwrap();
        let clip = Tensor::rand([1, 2, 3, 512, 512], (Kind::Float, Device::Cpu));
        let started = std::time::Instant::now();
        let output = net.forward(&clip, Mode::Use).unwrap();
        println!("one clip: {:.2} s", started.elapsed().as_secs_f64());
        assert_eq!(output.features.size(), [1, 1536, 16, 16]);
        assert_eq!(output.logits.size(), [1, 2, 128, 128]);
    }

    #[test]
    fn every_parameter_has_a_gradient_and_training_moves_the_statistics() {
        tch::manual_seed(2);
        let config = GazeConfig { image_px: 64, width: 8, drop_path: 0.1, ..GazeConfig::small() };
        let store = nn::VarStore::new(Device::Cpu);
        let net = GazeNet::new(&store.root(), &config).unwrap();
        let clip = Tensor::rand([4, 2, 3, 64, 64], (Kind::Float, Device::Cpu));
        let before = store.variables()["global.norm.0.mean"].copy();
        let output = net.forward(&clip, Mode::Train(&mut Pcg64::seed_from_u64(1))).unwrap();
        (output.log_saliency().unwrap().square().sum(Kind::Float) + output.features.square().sum(Kind::Float))
            .backward();
        for (name, tensor) in parameters(&store).into_iter().filter(|(_, t)| t.requires_grad()) {
            let grad = tensor.grad();
            assert!(grad.defined() && bool::try_from(grad.isfinite().all()).unwrap(), "{name}");
        }
        assert_ne!(before, store.variables()["global.norm.0.mean"]);
        // In use the result is a function of clip and weights.
        let run = || net.forward(&clip, Mode::Use).unwrap().logits;
        assert_eq!(run(), run());
    }

    /// Time that this thread has been on a processor: what waiting for others does not change.
    fn on_processor_millis() -> f64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-6
    }

    #[test]
    #[ignore = "measures: run it alone on an idle core"]
    fn time_of_one_small_clip() {
        tch::set_num_threads(1);
        let _guard = tch::no_grad_guard();
        let store = nn::VarStore::new(Device::Cpu);
        let net = GazeNet::new(&store.root(), &GazeConfig::small()).unwrap();
        let clip = Tensor::rand([1, 2, 3, 192, 192], (Kind::Float, Device::Cpu));
        let (mut wall, mut busy) = (Vec::new(), Vec::new());
        for run in 0..60 {
            let (started, before) = (std::time::Instant::now(), on_processor_millis());
            let _ = net.forward(&clip, Mode::Use).unwrap();
            if run >= 10 {
                wall.push(1e3 * started.elapsed().as_secs_f64());
                busy.push(on_processor_millis() - before);
            }
        }
        wall.sort_by(f64::total_cmp);
        busy.sort_by(f64::total_cmp);
        println!(
            "small, one clip, one thread: p50 {:.1} ms, max {:.1} ms; on the processor p50 {:.1} ms",
            wall[25], wall[49], busy[25]
        );
        assert!(busy[25] < 15.0);
    }
}
