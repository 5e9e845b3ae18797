//! Cross-view geometric consistency (arXiv 2603.21051): what two views see of one point shall look alike
//! to the network, and unlike what they see of other points. A term of the training loss only; inference never builds it.
//!
//! Features are those of the token path, refined by a 3x3 convolution, sampled at the pixels of known points
//! ([`neuraxis_vision::Keypoints`]), L2-normalised and compared by SmoothAP (Brown et al. 2020; You et al. 2025 for
//! features of several views): how far up the right point ranks among all when sorted by similarity, with a sigmoid in
//! the step function's place.
//!
//! Letters in shapes: b batch, v = 3 views, m points, c channels, t token side.

use tch::{Kind, Tensor, nn};

use crate::{
    PolicyConfig, Result,
    layers::Conv,
    network::{StageOutput, VIEWS},
};

/// Width of the sigmoid, in cosine similarity.
const TEMPERATURE: f64 = 0.01;
/// Exponents of the sigmoid are cut off here; beyond it a pair is settled and gives no gradient.
const MOST_EXPONENT: f64 = 50.0;
/// Points closer than this are no negatives of each other [cube units].
const ZETA: f64 = 0.1;

/// Points of a batch as one stage sees them.
#[derive(Debug)]
pub struct KeypointBatch {
    /// (b, m, 3) in the stage's cube
    pub point: Tensor,
    /// (b, v, m, 2) image coordinates in [-1, 1], x right and y down
    pub place: Tensor,
    /// (b, v, m) bool: the view shows the point; false for the points that only fill up the batch
    pub visible: Tensor,
}

/// The refining convolutions of both stages: weights of training, kept in its state but not with the policy's weights.
#[derive(Debug)]
pub struct Consistency {
    coarse: Conv,
    fine: Conv,
}

impl Consistency {
    /// Registers its weights under `path`.
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        let width = config.token_dim();
        let conv = |name: &str| Conv::new(&(path / name), width, width, 3, 1, 1);
        Ok(Self { coarse: conv("coarse")?, fine: conv("fine")? })
    }

    /// The mean of both stages' losses, a scalar in [0, 1).
    pub fn loss(&self, outputs: [&StageOutput; 2], keypoints: &[KeypointBatch; 2]) -> Result<Tensor> {
        let [coarse, fine] = keypoints;
        let of = |conv: &Conv, output: &StageOutput, keypoints: &KeypointBatch| -> Result<Tensor> {
            let features = sample(&refine(conv, &output.tokens)?, &keypoints.place)?;
            cycle_loss(&features, &keypoints.point, &keypoints.visible)
        };
        let both = of(&self.coarse, outputs[0], coarse)?.f_add(&of(&self.fine, outputs[1], fine)?)?;
        Ok(both.f_mul_scalar(0.5)?)
    }
}

/// Token features (b, views, c, t, t) or (b, views, c, t * t) of the first three views -> refined (b, v, c, t, t), f32.
fn refine(conv: &Conv, tokens: &Tensor) -> Result<Tensor> {
    let shape = tokens.size();
    let (b, c) = (shape[0], shape[2]);
    let area: i64 = shape[3..].iter().product();
    let t = area.isqrt();
    let maps = tokens.f_narrow(1, 0, VIEWS)?.f_to_kind(Kind::Float)?.f_reshape([b * VIEWS, c, t, t])?;
    Ok(conv.forward(&maps)?.f_view([b, VIEWS, c, t, t])?)
}

/// Bilinear samples of (b, v, c, t, t) at (b, v, m, 2) -> (b, v, m, c) of length one. A token's feature stands at the
/// centre of its patch: the grid coordinate is pixel / patch.
fn sample(maps: &Tensor, place: &Tensor) -> Result<Tensor> {
    let (b, v, c, t, _) = maps.size5()?;
    let m = place.size()[2];
    let grid = place.f_reshape([b * v, 1, m, 2])?;
    // Bilinear, values of the border beyond it, corners of the image at ±1.
    let samples = maps.f_reshape([b * v, c, t, t])?.f_grid_sampler(&grid, 0, 1, false)?;
    let samples = samples.f_view([b, v, c, m])?.f_transpose(2, 3)?;
    let length = samples.f_square()?.f_sum_dim_intlist([3i64].as_slice(), true, Kind::Float)?;
    Ok(samples.f_mul(&length.f_add_scalar(1e-12)?.f_rsqrt()?)?)
}

/// `1 - mean of SmoothAP(v_p -> v_(p+1))` over the closed cycle of views, averaged over the batch.
///
/// `features`: (b, v, m, c) of length one; `point`: (b, m, 3); `visible`: (b, v, m). Pairs of views that share no
/// visible point are left out, samples in which no pair does count as 0, so that the batch's loss is the mean of its samples'.
pub fn cycle_loss(features: &Tensor, point: &Tensor, visible: &Tensor) -> Result<Tensor> {
    let b = point.size()[0];
    let far = pairwise_distance(point)?.f_gt(ZETA)?;
    let views = features.size()[1];
    let (mut precision, mut edges) = (Vec::new(), Vec::new());
    for p in 0..views {
        let q = (p + 1) % views;
        let view = |i: i64| -> Result<(Tensor, Tensor)> { Ok((features.f_select(1, i)?, visible.f_select(1, i)?)) };
        let ((from, seen_from), (to, seen_to)) = (view(p)?, view(q)?);
        // Negatives of query i are the points of the other view that lie away from it.
        let negatives = far.f_logical_and(&seen_to.f_unsqueeze(1)?)?;
        let ranks = smooth_ap(&from, &to, &negatives)?;
        let query = seen_from.f_logical_and(&seen_to)?.f_to_kind(Kind::Float)?;
        let count = query.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        let sum = ranks.f_mul(&query)?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        precision.push(sum.f_div(&count.f_clamp_min(1.0)?)?);
        edges.push(count.f_gt(0.0)?.f_to_kind(Kind::Float)?);
    }
    let sum = |parts: &[Tensor]| -> Result<Tensor> {
        Ok(Tensor::f_stack(parts, 0)?.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?)
    };
    let edges = sum(&edges)?;
    let mean = sum(&precision)?.f_div(&edges.f_clamp_min(1.0)?)?;
    let loss = edges.f_gt(0.0)?.f_to_kind(Kind::Float)?.f_sub(&mean)?;
    Ok(loss.f_sum(Kind::Float)?.f_div_scalar(b as f64)?)
}

/// `(1 + G(0)) / (1 + G(0) + sum over negatives G(D_ij))` of each query, with `D_ij = <f_i, g_j> - <f_i, g_i>`.
///
/// `from`, `to`: (b, m, c); `negatives`: (b, m, m) bool. Returns (b, m) in (0, 1]: 1 where the right point comes first.
fn smooth_ap(from: &Tensor, to: &Tensor, negatives: &Tensor) -> Result<Tensor> {
    let similarity = from.f_matmul(&to.f_transpose(1, 2)?)?;
    let right = similarity.f_diagonal(0, 1, 2)?.f_unsqueeze(2)?;
    let exponent = right.f_sub(&similarity)?.f_div_scalar(TEMPERATURE)?.f_clamp(-MOST_EXPONENT, MOST_EXPONENT)?;
    let above = exponent.f_neg()?.f_sigmoid()?.f_mul(&negatives.f_to_kind(Kind::Float)?)?;
    let above = above.f_sum_dim_intlist([2i64].as_slice(), false, Kind::Float)?;
    // The only positive of a query is the query's own point: D = 0, G = 1/2.
    Ok(above.f_add_scalar(1.5)?.f_reciprocal()?.f_mul_scalar(1.5)?)
}

/// (b, m, 3) -> (b, m, m)
fn pairwise_distance(point: &Tensor) -> Result<Tensor> {
    let difference = point.f_unsqueeze(2)?.f_sub(&point.f_unsqueeze(1)?)?;
    Ok(difference.f_square()?.f_sum_dim_intlist([3i64].as_slice(), false, Kind::Float)?.f_sqrt()?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const F32: (Kind, Device) = (Kind::Float, Device::Cpu);

    /// m points in a row, 0.3 apart.
    fn row(b: i64, m: i64) -> Tensor {
        let x = Tensor::arange(m, F32) * 0.3;
        Tensor::stack(&[x.copy(), x.zeros_like(), x.zeros_like()], 1).unsqueeze(0).repeat([b, 1, 1])
    }

    fn seen(b: i64, m: i64) -> Tensor {
        Tensor::ones([b, 3, m], (Kind::Bool, Device::Cpu))
    }

    fn loss(features: &Tensor, point: &Tensor, visible: &Tensor) -> f64 {
        f64::try_from(cycle_loss(features, point, visible).unwrap()).unwrap()
    }

    fn normalised(x: &Tensor) -> Tensor {
        x / x.square().sum_dim_intlist([-1i64].as_slice(), true, Kind::Float).sqrt()
    }

    #[test]
    fn equal_across_views_and_orthogonal_between_points_is_perfect() {
        let features = Tensor::eye(12, F32).view([1, 1, 12, 12]).repeat([2, 3, 1, 1]);
        let found = loss(&features, &row(2, 12), &seen(2, 12));
        assert!((0.0..1e-6).contains(&found), "{found}");
    }

    #[test]
    fn collapsed_features_rank_every_negative_at_one_half() {
        for m in [2, 5, 40] {
            let features = normalised(&Tensor::ones([1, 3, m, 8], F32));
            let found = loss(&features, &row(1, m), &seen(1, m));
            let expected = 1.0 - 1.5 / (1.5 + 0.5 * (m - 1) as f64);
            assert!((found - expected).abs() < 1e-5, "{m}: {found} {expected}");
        }
    }

    #[test]
    fn random_features_come_close_to_the_expected_rank() {
        // The right point is one of m equals: its rank k - 1 = 0, 1, .. m - 1 is uniform, and the sigmoid is almost a
        // step beside similarities of width 0.35, so the precision is the mean of 1.5 / (1.5 + rank).
        tch::manual_seed(5);
        let (b, m) = (400, 10);
        let features = normalised(&Tensor::randn([b, 3, m, 8], F32));
        let expected = 1.0 - (0..m).map(|rank| 1.5 / (1.5 + rank as f64)).sum::<f64>() / m as f64;
        let found = loss(&features, &row(b, m), &seen(b, m));
        assert!((found - expected).abs() < 0.02, "{found} {expected}");
    }

    #[test]
    fn the_order_of_the_points_does_not_matter() {
        tch::manual_seed(6);
        let m = 20;
        let features = normalised(&Tensor::randn([2, 3, m, 8], F32));
        let point = Tensor::rand([2, m, 3], F32) - 0.5;
        let visible = Tensor::rand([2, 3, m], F32).gt(0.3);
        let order = Tensor::randperm(m, (Kind::Int64, Device::Cpu));
        let shuffled =
            (features.index_select(2, &order), point.index_select(1, &order), visible.index_select(2, &order));
        let (a, b) = (loss(&features, &point, &visible), loss(&shuffled.0, &shuffled.1, &shuffled.2));
        assert!((a - b).abs() < 1e-6, "{a} {b}");
        assert!(a > 0.1);
    }

    #[test]
    fn hidden_points_count_neither_as_queries_nor_as_negatives() {
        tch::manual_seed(7);
        let (few, m) = (6, 15);
        let features = normalised(&Tensor::randn([1, 3, m, 8], F32));
        let (point, visible) = (row(1, m), seen(1, m));
        let _ = visible.narrow(2, few, m - few).fill_(0);
        let all = loss(&features, &point, &visible);
        let alone = loss(&features.narrow(2, 0, few), &point.narrow(1, 0, few), &seen(1, few));
        assert!((all - alone).abs() < 1e-6, "{all} {alone}");
        // What stands at hidden points has no influence.
        let other = features.copy();
        other.narrow(2, few, m - few).copy_(&normalised(&Tensor::randn([1, 3, m - few, 8], F32)));
        assert_eq!(loss(&other, &point, &visible), all);
    }

    #[test]
    fn an_edge_without_common_points_is_left_out_and_no_edge_costs_nothing() {
        tch::manual_seed(8);
        let m = 6;
        let features = normalised(&Tensor::randn([1, 3, m, 8], F32));
        let visible = seen(1, m);
        let _ = visible.select(1, 2).fill_(0);
        let only = loss(&features, &row(1, m), &visible);
        // Views 0 and 1 alone, one way of their cycle.
        let negatives = pairwise_distance(&row(1, m)).unwrap().gt(ZETA);
        let ap = smooth_ap(&features.select(1, 0), &features.select(1, 1), &negatives).unwrap();
        assert!((only - (1.0 - ap.mean(Kind::Float).double_value(&[]))).abs() < 1e-6);
        assert_eq!(loss(&features, &row(1, m), &(seen(1, m).logical_not())), 0.0);
    }

    #[test]
    fn near_points_are_no_negatives() {
        let m = 5;
        let features = normalised(&Tensor::ones([1, 3, m, 8], F32));
        // 0.09 apart: only points two or more steps away are negatives.
        let found = loss(&features, &(row(1, m) * 0.3), &seen(1, m));
        let ap = [3.0, 2.0, 2.0, 2.0, 3.0].map(|n| 1.5 / (1.5 + 0.5 * n)).iter().sum::<f64>() / 5.0;
        assert!((found - (1.0 - ap)).abs() < 1e-5, "{found}");
    }

    #[test]
    fn a_batch_is_the_mean_of_its_samples() {
        tch::manual_seed(9);
        let m = 9;
        let features = normalised(&Tensor::randn([4, 3, m, 8], F32));
        let point = Tensor::rand([4, m, 3], F32);
        let visible = Tensor::rand([4, 3, m], F32).gt(0.5);
        let _ = visible.select(0, 2).fill_(0);
        let one = |i| loss(&features.narrow(0, i, 1), &point.narrow(0, i, 1), &visible.narrow(0, i, 1));
        let mean = (0..4).map(one).sum::<f64>() / 4.0;
        assert!((loss(&features, &point, &visible) - mean).abs() < 1e-6);
    }

    #[test]
    fn the_gradient_reaches_tokens_and_convolution_and_descends() {
        tch::manual_seed(10);
        let (b, m) = (2, 12);
        let mut store = nn::VarStore::new(Device::Cpu);
        let config = PolicyConfig { dim: 16, heads: 2, ..PolicyConfig::default() };
        let consistency = Consistency::new(&store.root(), &config).unwrap();
        let tokens = Tensor::randn([b, 3, 16, 36], F32).set_requires_grad(true);
        let output = || StageOutput {
            heat: Tensor::zeros([1], F32),
            tokens: tokens.shallow_clone(),
            pixels: Tensor::zeros([1], F32),
            dynamic: None,
        };
        let keypoints = [0, 1].map(|_| KeypointBatch {
            point: Tensor::rand([b, m, 3], F32),
            place: Tensor::rand([b, 3, m, 2], F32) * 2.0 - 1.0,
            visible: seen(b, m),
        });
        let before = consistency.loss([&output(), &output()], &keypoints).unwrap();
        before.backward();
        let norm = |t: &Tensor| t.grad().square().sum(Kind::Float).sqrt().double_value(&[]);
        assert!(norm(&tokens) > 1e-4, "{}", norm(&tokens));
        for (name, weight) in store.variables() {
            // A bias moves all features alike and may do little; every kernel must take part.
            assert!(norm(&weight) > 1e-5 || name.ends_with("bias"), "{name}: {}", norm(&weight));
        }
        tch::no_grad(|| {
            for weight in store.trainable_variables() {
                let step = weight.grad() * (0.02 / norm(&weight).max(1e-9));
                let _ = weight.shallow_clone().subtract_(&step);
            }
        });
        store.freeze();
        let after = consistency.loss([&output(), &output()], &keypoints).unwrap();
        assert!(after.double_value(&[]) < before.double_value(&[]), "{before} {after}");
    }

    #[test]
    fn samples_are_read_at_pixel_over_patch() {
        // A map whose value is the column: the centre of token i is at (i + 0.5) / t of the image's width.
        let t = 6;
        let columns = Tensor::arange(t, F32).view([1, 1, 1, 1, t]).repeat([1, 1, 1, t, 1]);
        let maps = Tensor::cat(&[&columns, &Tensor::ones([1, 1, 1, t, t], F32)], 2);
        let at = |pixel: f64| {
            let place = Tensor::from_slice(&[(pixel / 48.0 - 1.0) as f32, 0.1]).view([1, 1, 1, 2]);
            let sampled = sample(&maps, &place).unwrap();
            sampled.double_value(&[0, 0, 0, 0]) / sampled.double_value(&[0, 0, 0, 1])
        };
        assert!((at(8.0) - 0.0).abs() < 1e-5 && (at(24.0) - 1.0).abs() < 1e-5 && (at(32.0) - 1.5).abs() < 1e-5);
        assert!((at(95.9) - 5.0).abs() < 1e-5);
    }
}
