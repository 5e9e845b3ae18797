//! The dynamic stream: what each arm adds, what it must not change, and what influences what.

mod inputs;

use inputs::{answers, arms, distance, input, random, spot, tiny, tiny_full};
use neuraxis_policy::{
    PolicyConfig, StaticStream,
    checkpoint::{About, Checkpoint},
    choices::{Dynamic, HeadFeatures},
    network::{DynamicInput, HeadOutput, StageInput, parameter_count},
    train::{parameters, warm_start},
};
use tch::{Device, Kind, Tensor, nn};

struct Net {
    store: nn::VarStore,
    net: StaticStream,
}

impl Net {
    fn new(config: &PolicyConfig) -> Self {
        tch::manual_seed(8);
        let store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), config).unwrap();
        Self { store, net }
    }

    fn heads(&self, input: &StageInput) -> HeadOutput {
        let fine = self.net.fine.forward(input, Kind::Float).unwrap();
        let point = Tensor::zeros([input.views.size()[0], 3], (Kind::Float, Device::Cpu));
        self.net.heads.forward(&fine, &input.proprio, &point, None).unwrap()
    }
}

#[test]
fn each_arm_has_the_shapes_it_promises() {
    let _guard = tch::no_grad_guard();
    for config in arms() {
        let Net { net, .. } = Net::new(&config);
        for kind in [Kind::Float, Kind::BFloat16] {
            let given = input(&config, 2, 3);
            let out = net.fine.forward(&given, kind).unwrap();
            let (s, n) = (config.image_px, config.token_side() * config.token_side());
            let width = if config.pixel_path { config.dim } else { config.feature_dim };
            assert_eq!((out.heat.size(), out.tokens.size()), (vec![2, 3, s, s], vec![2, 3, width, n]), "{config:?}");
            assert_eq!(out.pixels.size()[0], 2 * 3);
            assert!(out.heat.is_contiguous());
            assert_eq!(out.dynamic.is_some(), config.dynamic != Dynamic::Off);
            let Some(dynamic) = out.dynamic else { continue };
            assert_eq!((dynamic.tokens.size(), dynamic.heat.size()), (vec![2, 1, width, n], vec![2, 1, s, s]));
            assert_eq!(dynamic.logits.is_some(), config.dynamic == Dynamic::WristView);
            let sums = dynamic.heat.sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Float);
            assert!(distance(&sums, &sums.ones_like()) < 1e-4, "{config:?}");
        }
    }
}

#[test]
fn a_given_heatmap_moves_the_heads_and_no_static_heatmap() {
    let _guard = tch::no_grad_guard();
    for config in arms() {
        if !matches!(config.dynamic, Dynamic::FkHeatmap | Dynamic::Gaze) {
            continue;
        }
        let net = Net::new(&config);
        let mut given = input(&config, 1, 3);
        let before = (net.net.fine.forward(&given, Kind::Float).unwrap().heat, answers(&net.heads(&given)));
        match given.dynamic.as_mut().unwrap() {
            DynamicInput::FkHeatmap { heat, .. } | DynamicInput::Gaze { heat, .. } => {
                *heat = spot(1, config.image_px, 25, 2);
            }
            DynamicInput::WristView { .. } => unreachable!(),
        }
        let after = (net.net.fine.forward(&given, Kind::Float).unwrap().heat, answers(&net.heads(&given)));
        assert_eq!(distance(&before.0, &after.0), 0.0);
        assert!(distance(&before.1, &after.1) > 1e-5, "H4 has no influence in {config:?}");
    }
}

#[test]
fn what_the_dynamic_view_shows_reaches_the_static_heatmaps() {
    let _guard = tch::no_grad_guard();
    for config in arms() {
        let net = Net::new(&config);
        let mut given = input(&config, 1, 3);
        let before = net.net.coarse.forward(&given, Kind::Float).unwrap().heat;
        match given.dynamic.as_mut() {
            None => continue,
            Some(DynamicInput::WristView { view } | DynamicInput::FkHeatmap { view, .. }) => {
                *view = random(&view.size())
            }
            Some(DynamicInput::Gaze { features, .. }) => *features = random(&features.size()),
        }
        let after = net.net.coarse.forward(&given, Kind::Float).unwrap().heat;
        assert!(distance(&before, &after) > 1e-6, "no influence in {config:?}");
    }
}

#[test]
fn the_heads_teach_the_learned_heatmap_of_the_wrist_view() {
    for base in [tiny(), tiny_full()] {
        let config = PolicyConfig { dynamic: Dynamic::WristView, dropout: 0.0, ..base };
        let Net { net, .. } = Net::new(&config);
        let given = input(&config, 2, 3);
        let fine = net.fine.forward(&given, Kind::Float).unwrap();
        let logits = fine.dynamic.as_ref().unwrap().logits.as_ref().unwrap();
        let point = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let heads = net.heads.forward(&fine, &given.proprio, &point, None).unwrap();
        let sum = answers(&heads).square().sum(Kind::Float);
        let gradient = Tensor::run_backward(&[sum], &[logits], true, false);
        assert!(f64::try_from(gradient[0].abs().max()).unwrap() > 0.0);
    }
}

#[test]
fn weighted_features_carry_the_heads_gradient_into_the_static_heatmaps() {
    for (head_features, carries) in [(HeadFeatures::MaxLocal, false), (HeadFeatures::Weighted, true)] {
        let config = PolicyConfig { head_features, ..tiny() };
        let Net { net, .. } = Net::new(&config);
        let given = input(&config, 2, 3);
        let fine = net.fine.forward(&given, Kind::Float).unwrap();
        let heat = fine.heat.detach().set_requires_grad(true);
        let detached = neuraxis_policy::network::StageOutput { heat: heat.shallow_clone(), ..fine };
        let point = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let heads = net.heads.forward(&detached, &given.proprio, &point, None).unwrap();
        answers(&heads).square().sum(Kind::Float).backward();
        let gradient = heat.grad();
        assert_eq!(gradient.defined() && f64::try_from(gradient.abs().max()).unwrap() > 0.0, carries);
    }
}

#[test]
fn weights_of_the_static_stream_start_every_arm() {
    let base = Net::new(&tiny());
    let about = About {
        config: tiny(),
        text_encoder: "none".into(),
        embodiment: "fr3".into(),
        cameras: Vec::new(),
        command: "test".into(),
        commit: "none".into(),
        seed: 0,
        steps: 0,
        train_secs: 0.0,
        data: "none".into(),
        licence: "Apache-2.0".into(),
        recipe: None,
        gaze: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("static.safetensors");
    Checkpoint::write(&path, &about, &parameters(&base.store)).unwrap();
    for (dynamic, added) in [
        (Dynamic::Off, ""),
        (Dynamic::WristView, "dynamic_position"),
        (Dynamic::FkHeatmap, "dynamic_position"),
        (Dynamic::Gaze, "gaze"),
    ] {
        let net = Net::new(&PolicyConfig { dynamic, ..tiny() });
        let from = Checkpoint::read(&path).unwrap();
        let kept: Vec<String> = warm_start(&path, &from, &parameters(&net.store))
            .unwrap()
            .fresh
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        // New are the arm's own weights and the first maps of the heads, which see more.
        assert!(
            kept.iter().all(|n| n.contains(added) || n.starts_with("heads") && n.ends_with("up.weight")),
            "{kept:?}"
        );
        assert_eq!(kept.is_empty(), dynamic == Dynamic::Off);
    }
}

#[test]
fn off_has_no_weight_more_and_the_others_few() {
    let count = |dynamic| parameter_count(&Net::new(&PolicyConfig { dynamic, ..tiny() }).store, "coarse");
    let (off, side, dim) = (count(Dynamic::Off), 2 * 2, 32);
    assert_eq!(count(Dynamic::WristView) - off, (side * dim) as usize);
    assert_eq!(count(Dynamic::FkHeatmap) - off, (side * dim) as usize);
    assert_eq!(count(Dynamic::Gaze) - off, (side * dim + 10 * dim + dim) as usize);
}

#[test]
fn a_part_that_is_missing_or_of_another_arm_is_named() {
    let config = PolicyConfig { dynamic: Dynamic::Gaze, ..tiny() };
    let Net { net, .. } = Net::new(&config);
    let mut given = input(&config, 1, 3);
    let refusal = |given: &StageInput| net.coarse.forward(given, Kind::Float).unwrap_err().to_string();
    given.dynamic = None;
    let text = refusal(&given);
    assert_eq!(text, "network input: the network's dynamic stream is `gaze`, the input's is `off`");
    given.dynamic = Some(DynamicInput::WristView { view: random(&[1, 12, 32, 32]) });
    assert!(refusal(&given).contains("the input's is `wrist_view`"));
    given.dynamic = Some(DynamicInput::Gaze { features: random(&[1, 10, 3, 3]), heat: spot(1, 32, 0, 0) });
    assert!(refusal(&given).contains("gaze features: shape [1, 10, 3, 3], the network takes [1, 10, 2, 2]"));
    let off = Net::new(&tiny());
    let text = off.net.coarse.forward(&given, Kind::Float).unwrap_err().to_string();
    assert!(text.contains("dynamic stream is `off`, the input's is `gaze`"), "{text}");
}
