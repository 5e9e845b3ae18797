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

use tch::{Kind, Tensor, nn};

use crate::{
    Result,
    gaze::{
        GazeConfig,
        pooled::{BlockShape, Conv3, Grid, PooledBlock, Reach, Resample, spread},
    },
    layers::{Linear, Norm},
};

pub use crate::gaze::pooled::Mode;

/// Mean and standard deviation of colours as the release normalises them.
const MEAN: f64 = 0.45;
const STD: f64 = 0.225;
/// Divides the logits before the softmax.
const TEMPERATURE: f64 = 2.0;

/// What the network sees in a clip.
#[derive(Debug)]
pub struct GazeOutput {
    /// (b, 16w, t, t) `[F_SA ; F_GLC]`, normalised, averaged over the frames of tokens.
    pub features: Tensor,
    /// (b, f, g, g)
    pub logits: Tensor,
}

impl GazeOutput {
    /// (b, f, g, g) log-probabilities: per frame a softmax over the pixels, of temperature 2.
    pub fn log_saliency(&self) -> Result<Tensor> {
        let (b, f, g, _) = self.logits.size4()?;
        let flat = self.logits.f_to_kind(Kind::Float)?.f_view([b, f, g * g])?.f_div_scalar(TEMPERATURE)?;
        Ok(flat.f_log_softmax(2, Kind::Float)?.f_view([b, f, g, g])?)
    }

    /// (b, 1, side, side) probabilities of the last frame, the current one, in a map of any side.
    pub fn saliency(&self, side: i64) -> Result<Tensor> {
        let (_, f, g, _) = self.logits.size4()?;
        let map = self.log_saliency()?.f_narrow(1, f - 1, 1)?.f_exp()?;
        if side == g {
            return Ok(map);
        }
        let map = map.f_upsample_bilinear2d([side, side], false, None, None)?;
        let sum = map.f_sum_dim_intlist([2i64, 3].as_slice(), true, Kind::Float)?;
        Ok(map.f_div(&sum)?)
    }
}

/// Batch normalisation over (b, c, frames, rows, columns), with running statistics among the weights.
#[derive(Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl BatchNorm {
    fn new(path: &nn::Path, channels: i64) -> Result<Self> {
        Ok(Self {
            weight: path.f_ones("weight", &[channels])?,
            bias: path.f_zeros("bias", &[channels])?,
            mean: path.f_zeros_no_train("mean", &[channels])?,
            variance: path.f_ones_no_train("variance", &[channels])?,
        })
    }

    fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let [weight, bias, mean, variance] = [&self.weight, &self.bias, &self.mean, &self.variance].map(Some);
        Ok(x.f_batch_norm(weight, bias, mean, variance, training, 0.1, 1e-5, false)?)
    }
}

/// All patches to one token: three strided convolutions, each after normalisation and ReLU, and a linear map.
#[derive(Debug)]
struct GlobalToken {
    steps: Vec<(BatchNorm, Conv3)>,
    out: Linear,
}

impl GlobalToken {
    fn new(path: &nn::Path, config: &GazeConfig) -> Result<Self> {
        let w = config.width;
        let step = |i: usize| -> Result<_> {
            Ok((BatchNorm::new(&(path / "norm" / i), w)?, Conv3::new(&(path / "conv" / i), w, w, [3; 3], [1, 2, 2])?))
        };
        let inputs = w * (config.frames / 2) * config.tokens() * config.tokens();
        Ok(Self { steps: (0..3).map(step).collect::<Result<_>>()?, out: Linear::new(&(path / "out"), inputs, w)? })
    }

    /// (b, w, p, g, g) -> (b, 1, w)
    fn forward(&self, patches: &Tensor, training: bool) -> Result<Tensor> {
        let mut x = patches.shallow_clone();
        for (norm, conv) in &self.steps {
            x = conv.forward(&norm.forward(&x, training)?.f_relu()?)?;
        }
        Ok(self.out.forward(&x.f_flatten(1, -1)?)?.f_unsqueeze(1)?)
    }
}

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
    use tch::Device;

    /// Trainable parameters by part.
    fn counted(config: &GazeConfig) -> std::collections::BTreeMap<String, i64> {
        let store = nn::VarStore::new(Device::Cpu);
        let _net = GazeNet::new(&store.root(), config).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for (name, tensor) in parameters(&store).into_iter().filter(|(_, t)| t.requires_grad()) {
            let part = name.split('.').next().unwrap().to_string();
            *counts.entry(part).or_insert(0) += tensor.numel() as i64;
        }
        counts
    }

    /// Parameters from the layer list, by hand: d channels in, o out, r pools of h channels each (27 weights and a norm).
    fn block(d: i64, o: i64, hidden: i64, pools: i64, h: i64) -> i64 {
        let attention = 4 * d * d + 4 * d + pools * (27 * h + 2 * h);
        let mlp = d * hidden + hidden + hidden * o + o;
        attention + mlp + 4 * d + if d == o { 0 } else { d * o + o }
    }

    fn analytic(config: &GazeConfig) -> [i64; 5] {
        let (w, t, p) = (config.width, config.tokens(), config.frames / 2);
        let g = config.map_px();
        let h = w / config.heads;
        let stem_and_position = 3 * w * 3 * 7 * 7 + w + g * g * w + p * w;
        let global = 3 * (2 * w) + 3 * (27 * w * w + w) + w * p * t * t * w + w;
        let mut encoder = 0;
        for (s, &count) in config.blocks.iter().enumerate() {
            let d = w << s;
            for i in 0..count {
                let o = if i + 1 == count && s < 3 { 2 * d } else { d };
                encoder += block(d, o, 4 * d, if s > 0 && i == 0 { 3 } else { 2 }, h);
            }
        }
        let correlation = block(8 * w, 8 * w, 32 * w, 3, h);
        let decoder = [(16 * w, 2 * h), (8 * w, 2 * h), (4 * w, h), (2 * w, h)]
            .into_iter()
            .map(|(d, h)| block(d, d / 2, 2 * d, 3, h))
            .sum::<i64>();
        [encoder, global, correlation, decoder, stem_and_position]
    }

    #[test]
    fn the_released_shape_has_the_published_number_of_parameters() {
        let [encoder, global, correlation, decoder, stem] = analytic(&GazeConfig::released());
        assert_eq!(
            [encoder, global, correlation, decoder, stem],
            [35_957_088, 3_106_752, 7_096_224, 23_582_592, 436_032]
        );
        // The last norm (2 x 1536) and the classifier (96 + 1) complete the 70.18 M of the released network.
        assert_eq!(encoder + global + correlation + decoder + stem + 2 * 1536 + 97, 70_181_857);
        assert_eq!(counted(&GazeConfig::released()).values().sum::<i64>(), 70_181_857);
    }

    #[test]
    fn full_differs_from_it_by_the_positions_of_larger_frames() {
        let counts = counted(&GazeConfig::full());
        let [encoder, global, correlation, decoder, stem] = analytic(&GazeConfig::full());
        println!("full: {counts:?}, {} in all", counts.values().sum::<i64>());
        assert_eq!(counts["encoder"], encoder);
        assert_eq!(counts["global"], global);
        assert_eq!(counts["correlation"], correlation);
        assert_eq!(counts["decoder"], decoder);
        assert_eq!(counts["stem"] + counts["position"], stem);
        // 128 x 128 places for 64 x 64, one moment for four.
        let more = (128 * 128 - 64 * 64) * 96 - 3 * 96;
        assert_eq!(counts.values().sum::<i64>(), 70_181_857 + more);
    }

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
    fn saliency_sums_to_one_at_any_side_and_is_that_of_the_last_frame() {
        let mut logits = Tensor::zeros([1, 2, 48, 48], (Kind::Float, Device::Cpu));
        let _ = logits.get(0).get(0).get(3).get(4).fill_(50.0);
        let _ = logits.get(0).get(1).get(20).get(30).fill_(50.0);
        let output =
            GazeOutput { features: Tensor::zeros([1], (Kind::Float, Device::Cpu)), logits: logits.shallow_clone() };
        for side in [48, 96, 30] {
            let map = output.saliency(side).unwrap();
            assert_eq!(map.size(), [1, 1, side, side]);
            assert!((f64::try_from(map.sum(Kind::Float)).unwrap() - 1.0).abs() < 1e-5);
            let peak = i64::try_from(map.view([-1]).argmax(0, false)).unwrap();
            let (row, column) = (peak / side * 48 / side, peak % side * 48 / side);
            assert!((row - 20).abs() <= 1 && (column - 30).abs() <= 1, "{row} {column}");
        }
        // Temperature 2: a difference of 2 in the logits is a factor of e.
        let _ = logits.zero_();
        let _ = logits.get(0).get(1).get(0).get(0).fill_(2.0);
        let map = output.saliency(48).unwrap();
        let ratio = f64::try_from(map.get(0).get(0).get(0).get(0) / map.get(0).get(0).get(1).get(1)).unwrap();
        assert!((ratio - std::f64::consts::E).abs() < 1e-4);
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
