//! The network: shapes, what may not influence what, and that every weight learns.

mod inputs;

use inputs::{answers, arms, distance, input, random, tiny, tiny_full};
use neuraxis_policy::{
    PolicyConfig, StaticStream,
    choices::{Head, RotationForm, Upsampling},
    layers::{Reading, additive_mask},
    loss::{Targets, Terms},
    network::{HeadOutput, RotationOutput, VIEWS},
    rotation::{rotation_from_angles, row_major},
    train::parameters,
};
use tch::{
    Device, Kind, Tensor,
    nn::{self, OptimizerConfig},
};

#[test]
fn heat_maps_have_the_size_of_the_views_in_both_precisions() {
    for config in [tiny(), tiny_full(), PolicyConfig { patch_px: 8, ..tiny() }] {
        sizes_in_both_precisions(&config);
    }
}

fn sizes_in_both_precisions(config: &PolicyConfig) {
    tch::manual_seed(4);
    let _guard = tch::no_grad_guard();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), config).unwrap();
    let input = input(config, 2, 3);
    let full = net.coarse.forward(&input, Kind::Float).unwrap();
    assert_eq!(full.heat.size(), [2, VIEWS, 32, 32]);
    let half = net.coarse.forward(&input, Kind::BFloat16).unwrap();
    assert_eq!((half.heat.size(), half.heat.kind()), (vec![2, VIEWS, 32, 32], Kind::Float));
    assert!(distance(&full.heat, &half.heat) < 0.1, "bf16 is {} away", distance(&full.heat, &half.heat));
    let point = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let heads = net.heads.forward(&full, &input.proprio, &point, None).unwrap();
    let HeadOutput { rotation: RotationOutput::Bins(angles), .. } = &heads else { panic!("{heads:?}") };
    assert_eq!(angles[2].size(), [2, config.rotation_bins]);
    assert_eq!((heads.gripper.size(), heads.collision.size()), (vec![2, 2], vec![2, 2]));
}

#[test]
fn padding_after_the_sentence_changes_nothing_and_the_sentence_does() {
    let _guard = tch::no_grad_guard();
    for config in [tiny(), tiny_full()] {
        let store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config).unwrap();
        let mut input = input(&config, 1, 3);
        let before = net.coarse.forward(&input, Kind::Float).unwrap().heat;
        let _ = input.text.narrow(1, 3, 3).fill_(9.0);
        let padded = net.coarse.forward(&input, Kind::Float).unwrap().heat;
        assert!(distance(&before, &padded) < 1e-5);
        input.text.narrow(1, 0, 1).copy_(&random(&[1, 1, config.text_dim]));
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
fn every_weight_learns_in_every_arm() {
    tch::manual_seed(5);
    let mut configs = arms();
    configs.push(PolicyConfig { head: Head::DeepBatchNorm, ..tiny_full() });
    configs.push(PolicyConfig { upsampling: Upsampling::Convex, ..tiny() });
    configs.push(PolicyConfig { upsampling: Upsampling::Shuffle, ..tiny_full() });
    for base in [tiny(), tiny_full()] {
        configs.push(PolicyConfig { rotation: RotationForm::SixD, ..base });
    }
    for config in &configs {
        every_weight_learns(config);
    }
}

fn every_weight_learns(config: &PolicyConfig) {
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), config).unwrap();
    let input = input(config, 4, 4);
    let coarse = net.coarse.forward(&input, Kind::Float).unwrap();
    let fine = net.fine.forward(&input, Kind::Float).unwrap();
    let point = Tensor::zeros([4, 3], (Kind::Float, Device::Cpu));
    let known = Tensor::zeros([4, 3], (Kind::Int64, Device::Cpu));
    let heads = net.heads.forward(&fine, &input.proprio, &point, Some(&known)).unwrap();
    let sum = coarse.heat.square().sum(Kind::Float) + fine.heat.square().sum(Kind::Float);
    (sum + answers(&heads).square().sum(Kind::Float)).backward();
    for (name, weight) in parameters(&store) {
        if !weight.requires_grad() {
            assert!(name.starts_with("heads.norm.running"), "{name} is frozen");
            continue;
        }
        let gradient = weight.grad();
        assert!(gradient.defined(), "{name} has no gradient in {config:?}");
        let largest = f64::try_from(gradient.abs().max()).unwrap();
        assert!(largest.is_finite(), "{name}: {largest}");
        // The attention's key bias moves all scores of a query alike: its gradient is zero by nature.
        assert!(largest > 0.0 || name.ends_with("key.bias"), "{name} does not learn in {config:?}");
    }
}

#[test]
fn an_earlier_angle_is_told_to_the_next_heads_only() {
    let _guard = tch::no_grad_guard();
    for config in [tiny(), tiny_full()] {
        let store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config).unwrap();
        let input = input(&config, 1, 3);
        let fine = net.fine.forward(&input, Kind::Float).unwrap();
        let point = random(&[1, 3]).clamp(-1.0, 1.0);
        let angles = |bins: [i64; 3]| {
            let known = Tensor::from_slice(&bins).view([1, 3]);
            match net.heads.forward(&fine, &input.proprio, &point, Some(&known)).unwrap().rotation {
                RotationOutput::Bins(angles) => angles,
                other => panic!("{other:?}"),
            }
        };
        let (a, b) = (angles([3, 5, 7]), angles([3, 40, 7]));
        assert_eq!((distance(&a[0], &b[0]), distance(&a[1], &b[1])), (0.0, 0.0));
        assert!(distance(&a[2], &b[2]) > 1e-5);
    }
}

#[test]
fn dropout_is_on_while_gradients_are_recorded_and_off_otherwise() {
    let config = tiny_full();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let input = input(&config, 1, 3);
    let twice = || {
        distance(
            &net.coarse.forward(&input, Kind::Float).unwrap().heat,
            &net.coarse.forward(&input, Kind::Float).unwrap().heat,
        )
    };
    assert_eq!(tch::no_grad(twice), 0.0);
    assert!(twice() > 1e-6);
}

#[test]
fn six_numbers_are_trained_by_the_same_loss() {
    tch::manual_seed(6);
    let config = PolicyConfig { rotation: RotationForm::SixD, ..tiny() };
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let input = input(&config, 4, 3);
    let point = random(&[4, 3]).clamp(-1.0, 1.0);
    let flat = Tensor::full([4, 3, 32, 32], 1.0 / 1024.0, (Kind::Float, Device::Cpu));
    let zeros = || Tensor::zeros([4], (Kind::Int64, Device::Cpu));
    // Four tools that point forward, each turned further about that direction.
    let truth: Vec<f32> = (0..4)
        .flat_map(|i| row_major(&rotation_from_angles([0.2, 0.1 * f64::from(i), -std::f64::consts::FRAC_PI_2])))
        .collect();
    let targets = Targets {
        heat_coarse: flat.shallow_clone(),
        heat_fine: flat,
        heat_dynamic: None,
        outlook: None,
        bins: Tensor::zeros([4, 3], (Kind::Int64, Device::Cpu)),
        rotation: Tensor::from_slice(&truth).view([4, 3, 3]),
        gripper: zeros(),
        collision: zeros(),
    };
    let mut optimiser = nn::Adam::default().build(&store, 3e-3).unwrap();
    let mut losses = Vec::new();
    for _ in 0..60 {
        let coarse = net.coarse.forward(&input, Kind::Float).unwrap();
        let fine = net.fine.forward(&input, Kind::Float).unwrap();
        let heads = net.heads.forward(&fine, &input.proprio, &point, None).unwrap();
        let terms = Terms::new(&coarse.heat, &fine.heat, &heads, &targets).unwrap();
        losses.push(f64::try_from(terms.rotation.detach()).unwrap());
        optimiser.backward_step(&terms.rotation);
    }
    // It starts near a tool that points down, 90 degrees away, and ends within 15 degrees.
    assert!(losses[0] > 0.5 && losses[59] < 0.034, "{} {}", losses[0], losses[59]);
}

#[test]
fn batch_statistics_need_a_batch_and_rest_without_gradients() {
    let config = PolicyConfig { head: Head::DeepBatchNorm, ..tiny_full() };
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    let running = || parameters(&store).into_iter().find(|(n, _)| n == "heads.norm.running_mean").unwrap().1.copy();
    let forward = |batch: i64| {
        let input = input(&config, batch, 3);
        let fine = net.fine.forward(&input, Kind::Float).unwrap();
        let point = Tensor::zeros([batch, 3], (Kind::Float, Device::Cpu));
        net.heads.forward(&fine, &input.proprio, &point, None)
    };
    let text = forward(1).unwrap_err().to_string();
    assert!(text.contains("learns from two samples or more"), "{text}");
    let start = running();
    tch::no_grad(|| forward(1)).unwrap();
    assert_eq!(running(), start);
    forward(4).unwrap();
    assert!(distance(&running(), &start) > 1e-4);
}

#[test]
fn inputs_of_another_configuration_are_refused_by_part() {
    let config = tiny();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    for (other, part) in [
        (
            PolicyConfig { image_px: 64, ..tiny() },
            "views: shape [1, 3, 12, 64, 64], the network takes [1, 3, 12, 32, 32]",
        ),
        (PolicyConfig { proprio_dim: 4, ..tiny() }, "proprioception: shape [1, 4]"),
        (PolicyConfig { text_dim: 9, ..tiny() }, "text: shape [1, 6, 9]"),
    ] {
        let text = net.coarse.forward(&input(&other, 1, 2), Kind::Float).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
}
