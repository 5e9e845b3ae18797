//! Rotation, gripper and collision flag at a way-point.

use tch::{Kind, Tensor, nn};

use super::{StageOutput, VIEWS, stage::probabilities};
use crate::{
    Result,
    choices::{Dynamic, Head, HeadFeatures, RotationForm},
    config::PolicyConfig,
    layers::{BatchNorm, Linear, Mlp, Norm},
    rotation::SIX_D_DOWN,
};

/// Harmonics that tell an angle to the next compact head.
const HARMONICS: i64 = 4;

/// Heads of the fine stage.
#[derive(Debug)]
pub struct Heads {
    norm: Normalise,
    rotation: Rotation,
    switches: Map,
    config: PolicyConfig,
}

/// Outputs of the heads.
#[derive(Debug)]
pub struct HeadOutput {
    /// Orientation in the cube's axes.
    pub rotation: RotationOutput,
    /// (b, 2) logits: closed, open
    pub gripper: Tensor,
    /// (b, 2) logits: avoid collisions, ignore them
    pub collision: Tensor,
}

/// An orientation as [`RotationForm`] says it.
#[derive(Debug)]
pub enum RotationOutput {
    /// Three times (b, bins) logits, see `rotation::angles_from_rotation`
    Bins([Tensor; 3]),
    /// (b, 6), see `rotation::rotation_from_six_d`
    SixD(Tensor),
}

impl RotationOutput {
    /// That of one sample of the batch.
    pub fn sample(&self, i: usize) -> Result<Self> {
        let one = |t: &Tensor| t.f_narrow(0, i as i64, 1);
        Ok(match self {
            Self::Bins([a, b, c]) => Self::Bins([one(a)?, one(b)?, one(c)?]),
            Self::SixD(six) => Self::SixD(one(six)?),
        })
    }
}

#[derive(Debug)]
enum Rotation {
    Bins([Map; 3]),
    SixD(Map),
}

/// Features before they meet the rotation heads.
#[derive(Debug)]
enum Normalise {
    Nothing,
    Layer(Norm),
    Batch(BatchNorm),
}

/// A head's map.
#[derive(Debug)]
enum Map {
    Compact(Mlp),
    Deep([Linear; 3]),
}

impl Heads {
    pub(super) fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let width = feature_width(config);
        let compact = config.head == Head::Compact;
        let map = |name: &str, known: i64, outputs: i64| {
            let inputs = width + if compact { known * 2 * HARMONICS } else { 0 };
            Map::new(&(path / name), compact, inputs, outputs)
        };
        let bins = config.rotation_bins;
        let norm = path / "norm";
        Ok(Self {
            rotation: match config.rotation {
                RotationForm::Bins => {
                    Rotation::Bins([map("angle_a", 0, bins)?, map("angle_b", 1, bins)?, map("angle_c", 2, bins)?])
                }
                RotationForm::SixD => Rotation::SixD(map("six_d", 0, 6)?),
            },
            switches: map("switches", 0, 4)?,
            norm: match config.head {
                Head::Compact => Normalise::Nothing,
                Head::Deep => Normalise::Layer(Norm::new(&norm, width)?),
                Head::DeepBatchNorm => Normalise::Batch(BatchNorm::new(&norm, width)?),
            },
            config: config.clone(),
        })
    }

    /// `proprio`: (b, proprio_dim); `point`: (b, 3) way-point in the stage's cube; `known`: (b, 3) true bins in
    /// training, `None` to choose.
    pub fn forward(
        &self,
        stage: &StageOutput,
        proprio: &Tensor,
        point: &Tensor,
        known: Option<&Tensor>,
    ) -> Result<HeadOutput> {
        let features = self.features(stage, proprio, point)?;
        let normal = self.norm.forward(&features)?;
        let rotation = match &self.rotation {
            Rotation::Bins(maps) => RotationOutput::Bins(self.angles(maps, normal, known)?),
            // The map says how far from a tool that points down.
            Rotation::SixD(map) => {
                let down = Tensor::f_from_slice(&SIX_D_DOWN)?.f_to_device(normal.device())?;
                RotationOutput::SixD(map.forward(&normal)?.f_add(&down)?)
            }
        };
        let switches = self.switches.forward(&features)?;
        Ok(HeadOutput { rotation, gripper: switches.f_narrow(1, 0, 2)?, collision: switches.f_narrow(1, 2, 2)? })
    }

    /// What [`HeadFeatures`] chooses, of all views: (b, feature width) f32.
    fn features(&self, stage: &StageOutput, proprio: &Tensor, point: &Tensor) -> Result<Tensor> {
        let form = self.config.head_features;
        let b = stage.tokens.size()[0];
        let flat = |t: Tensor| -> Result<Tensor> { Ok(t.f_reshape([b, -1])?.f_to_kind(Kind::Float)?) };
        let dynamic = stage.dynamic.as_ref();
        let mut parts = vec![flat(stage.tokens.f_amax([3], false)?)?];
        if let Some(dynamic) = dynamic {
            parts.push(flat(dynamic.tokens.f_amax([3], false)?)?);
        }
        if form != HeadFeatures::MaxLocal {
            parts.push(flat(self.weighted(&stage.tokens, &probabilities(&stage.heat)?)?)?);
        }
        if form != HeadFeatures::Weighted {
            let grid = view_coordinates(point)?.f_view([b * VIEWS, 1, 1, 2])?;
            parts.push(flat(stage.pixels.f_to_kind(Kind::Float)?.f_grid_sampler(&grid, 0, 1, false)?)?);
        }
        if let Some(dynamic) = dynamic {
            parts.push(flat(self.weighted(&dynamic.tokens, &dynamic.heat)?)?);
        }
        if self.config.head == Head::Compact {
            parts.push(proprio.f_to_kind(Kind::Float)?);
        }
        Ok(Tensor::f_cat(&parts, 1)?)
    }

    /// phi (the paper): tokens (b, v, c, t²) summed with the weights of probabilities (b, v, s, s) -> (b, v, c).
    /// A token's weight is the probability in its patch, summed: averaged, as the text has it, would be 1/patch² of it.
    fn weighted(&self, tokens: &Tensor, heat: &Tensor) -> Result<Tensor> {
        let (b, v, _, n) = tokens.size4()?;
        let patch = self.config.patch_px;
        let share = heat.f_avg_pool2d([patch; 2], [patch; 2], [0; 2], false, true, 1)?.f_view([b, v, n, 1])?;
        Ok(tokens.f_to_kind(Kind::Float)?.f_matmul(&share)?.f_squeeze_dim(3)?)
    }

    fn angles(&self, maps: &[Map; 3], features: Tensor, known: Option<&Tensor>) -> Result<[Tensor; 3]> {
        let mut context = features;
        let mut step = |i: usize| -> Result<Tensor> {
            let logits = maps[i].forward(&context)?;
            let chosen = match known {
                Some(bins) => bins.f_select(1, i as i64)?,
                None => logits.f_argmax(1, false)?,
            };
            context = match self.config.head {
                Head::Compact => Tensor::f_cat(&[&context, &self.harmonics(&chosen)?], 1)?,
                Head::Deep | Head::DeepBatchNorm => context.f_add(&sinusoid(&chosen, context.size()[1])?)?,
            };
            Ok(logits)
        };
        Ok([step(0)?, step(1)?, step(2)?])
    }

    /// (b) bin indices -> (b, 2 HARMONICS)
    fn harmonics(&self, bins: &Tensor) -> Result<Tensor> {
        let turn =
            bins.f_to_kind(Kind::Float)?.f_mul_scalar(std::f64::consts::TAU / self.config.rotation_bins as f64)?;
        let order = Tensor::f_arange_start(1, HARMONICS + 1, (Kind::Float, bins.device()))?;
        let phase = turn.f_unsqueeze(1)?.f_mul(&order.f_unsqueeze(0)?)?;
        Ok(Tensor::f_cat(&[phase.f_cos()?, phase.f_sin()?], 1)?)
    }
}

impl Normalise {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Nothing => Ok(x.shallow_clone()),
            Self::Layer(norm) => norm.forward(x),
            Self::Batch(norm) => norm.forward(x),
        }
    }
}

impl Map {
    fn new(path: &nn::Path, compact: bool, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(if compact {
            Self::Compact(Mlp::new(path, inputs, 256, outputs)?)
        } else {
            Self::Deep([
                Linear::new(&(path / 0), inputs, 256)?,
                Linear::new(&(path / 1), 256, 128)?,
                Linear::new(&(path / 2), 128, outputs)?,
            ])
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Compact(mlp) => mlp.forward(x),
            Self::Deep([a, b, c]) => c.forward(&b.forward(&a.forward(x)?.f_relu()?)?.f_relu()?),
        }
    }
}

/// Numbers that [`Heads::features`] makes.
fn feature_width(config: &PolicyConfig) -> i64 {
    let (token, pixel) =
        if config.pixel_path { (config.dim, config.pixel_dim) } else { (config.feature_dim, config.feature_dim) };
    let view = match config.head_features {
        HeadFeatures::MaxLocal => token + pixel,
        HeadFeatures::Weighted => 2 * token,
        HeadFeatures::WeightedLocal => 2 * token + pixel,
    };
    let dynamic = if config.dynamic == Dynamic::Off { 0 } else { 2 * token };
    let body = if config.head == Head::Compact { config.proprio_dim } else { 0 };
    VIEWS * view + dynamic + body
}

/// (b) bin indices -> (b, width): sines, then cosines, of frequencies from 1 down to 1/10000 (RVT-2).
fn sinusoid(bins: &Tensor, width: i64) -> Result<Tensor> {
    let half = (width + 1) / 2;
    let order = Tensor::f_arange(half, (Kind::Float, bins.device()))?;
    let frequency = order.f_mul_scalar(-(10_000f64.ln()) / half as f64)?.f_exp()?;
    let phase = bins.f_to_kind(Kind::Float)?.f_unsqueeze(1)?.f_mul(&frequency.f_unsqueeze(0)?)?;
    Ok(Tensor::f_cat(&[phase.f_sin()?, phase.f_cos()?], 1)?.f_narrow(1, 0, width)?)
}

/// (b, 3) points in the cube -> (b, 3, 2) image coordinates in [-1, 1], x right and y down (RVT-2).
fn view_coordinates(point: &Tensor) -> Result<Tensor> {
    let axis = |i| point.f_select(1, i);
    let (x, y, z) = (axis(0)?, axis(1)?, axis(2)?);
    let views = [
        Tensor::f_stack(&[x.shallow_clone(), y.f_neg()?], 1)?,
        Tensor::f_stack(&[y.shallow_clone(), z.f_neg()?], 1)?,
        Tensor::f_stack(&[x.f_neg()?, z.f_neg()?], 1)?,
    ];
    Ok(Tensor::f_stack(&views, 1)?.f_contiguous()?)
}
