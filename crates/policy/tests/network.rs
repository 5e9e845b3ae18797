//! The network: shapes, what may not influence what, and that every weight learns.

use neuraxis_policy::{
    PolicyConfig, StaticStream,
    layers::{Reading, additive_mask},
    network::{PROPRIO, StageInput, VIEW_CHANNELS, VIEWS},
    train::parameters,
};
use tch::{Device, Kind, Tensor, nn};

fn tiny() -> PolicyConfig {
    PolicyConfig {
        image_px: 32,
        pixel_dim: 16,
        dim: 32,
        depth_view: 1,
        depth_joint: 1,
        text_dim: 8,
        text_len: 6,
        ..PolicyConfig::default()
    }
}

fn input(config: &PolicyConfig, batch: i64, words: i64) -> StageInput {
    let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let s = config.image_px;
    let keep = Tensor::arange(config.text_len, (Kind::Int64, Device::Cpu)).lt(words);
    StageInput {
        views: random(&[batch, VIEWS, VIEW_CHANNELS, s, s]),
        proprio: random(&[batch, PROPRIO]),
        text: random(&[batch, config.text_len, config.text_dim]),
        text_keep: keep.unsqueeze(0).repeat([batch, 1]),
    }
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    f64::try_from((a - b).abs().max()).unwrap()
}

#[test]
fn heat_maps_have_the_size_of_the_views_in_both_precisions() {
    let config = tiny();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let input = input(&config, 2, 3);
    let full = net.coarse.forward(&input, Kind::Float).unwrap();
    assert_eq!(full.heat.size(), [2, VIEWS, 32, 32]);
    let half = net.coarse.forward(&input, Kind::BFloat16).unwrap();
    assert_eq!((half.heat.size(), half.heat.kind()), (vec![2, VIEWS, 32, 32], Kind::Float));
    assert!(distance(&full.heat, &half.heat) < 0.1, "bf16 is {} away", distance(&full.heat, &half.heat));
    let point = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let heads = net.heads.forward(&full, &input.proprio, &point, None).unwrap();
    assert_eq!(heads.angles[2].size(), [2, config.rotation_bins]);
    assert_eq!((heads.gripper.size(), heads.collision.size()), (vec![2, 2], vec![2, 2]));
}

#[test]
fn padding_after_the_sentence_changes_nothing_and_the_sentence_does() {
    let config = tiny();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let mut input = input(&config, 1, 3);
    let before = net.coarse.forward(&input, Kind::Float).unwrap().heat;
    let _ = input.text.narrow(1, 3, 3).fill_(9.0);
    let padded = net.coarse.forward(&input, Kind::Float).unwrap().heat;
    assert!(distance(&before, &padded) < 1e-5);
    let _ = input.text.narrow(1, 0, 1).fill_(9.0);
    let told = net.coarse.forward(&input, Kind::Float).unwrap().heat;
    assert!(distance(&before, &told) > 1e-4, "the sentence has no influence");
    // One scene of a batch does not see another.
    input.text = Tensor::cat(&[&input.text, &input.text.zeros_like()], 0);
    input.text_keep = input.text_keep.repeat([2, 1]);
    input.views = input.views.repeat([2, 1, 1, 1, 1]);
    input.proprio = input.proprio.repeat([2, 1]);
    let pair = net.coarse.forward(&input, Kind::Float).unwrap().heat;
    assert!(distance(&told, &pair.narrow(0, 0, 1)) < 1e-4);
}

#[test]
fn folded_reading_is_attention() {
    let store = nn::VarStore::new(Device::Cpu);
    let (dim, context, heads, head) = (16, 8, 4, 4);
    let reading = Reading::new(&store.root(), dim, context, heads).unwrap();
    let weights: std::collections::HashMap<_, _> = parameters(&store).into_iter().collect();
    let x = Tensor::randn([2, 5, dim], (Kind::Float, Device::Cpu));
    let text = Tensor::randn([2, 3, context], (Kind::Float, Device::Cpu));
    let keep = Tensor::from_slice(&[true, true, false]).unsqueeze(0).repeat([2, 1]);
    let mask = additive_mask(&keep).unwrap();
    let folded = reading.forward(&x, &text, &mask).unwrap();

    // The same, head by head.
    let linear =
        |name: &str, t: &Tensor| t.linear(&weights[&format!("{name}.weight")], Some(&weights[&format!("{name}.bias")]));
    let (k, v) = (linear("key", &text), linear("value", &text));
    let mut expected = Tensor::zeros([2, 5, dim], (Kind::Float, Device::Cpu));
    for h in 0..heads {
        let query = weights["query"].select(1, h).squeeze_dim(0);
        let out = weights["out"].select(1, h).squeeze_dim(0);
        let q = x.matmul(&query.transpose(0, 1));
        let part = |t: &Tensor| t.narrow(2, h * head, head);
        let scores = q.matmul(&part(&k).transpose(1, 2)) / (head as f64).sqrt() + mask.squeeze_dim(1);
        expected += scores.softmax(-1, Kind::Float).matmul(&part(&v)).matmul(&out);
    }
    assert!(distance(&folded, &expected) < 1e-5, "{}", distance(&folded, &expected));
}

#[test]
fn every_weight_learns() {
    let config = tiny();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let input = input(&config, 2, 4);
    let coarse = net.coarse.forward(&input, Kind::Float).unwrap();
    let fine = net.fine.forward(&input, Kind::Float).unwrap();
    let point = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let known = Tensor::zeros([2, 3], (Kind::Int64, Device::Cpu));
    let heads = net.heads.forward(&fine, &input.proprio, &point, Some(&known)).unwrap();
    let mut sum = coarse.heat.square().sum(Kind::Float) + fine.heat.square().sum(Kind::Float);
    for logits in heads.angles.iter().chain([&heads.gripper, &heads.collision]) {
        sum += logits.square().sum(Kind::Float);
    }
    sum.backward();
    for (name, weight) in parameters(&store) {
        let gradient = weight.grad();
        assert!(gradient.defined(), "{name} has no gradient");
        let largest = f64::try_from(gradient.abs().max()).unwrap();
        assert!(largest.is_finite(), "{name}: {largest}");
        // The attention's key bias moves all scores of a query alike: its gradient is zero by nature.
        assert!(largest > 0.0 || name.ends_with("key.bias"), "{name} does not learn");
    }
}
