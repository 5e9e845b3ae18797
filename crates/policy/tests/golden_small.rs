//! The shipped weights give the same numbers, whatever happens to the code around them.
//!
//! `data/golden_small.json` was written by this test itself (`NEURAXIS_GOLDEN=write`) when these weights were shipped;
//! those before them agreed from c3f665f on, where the network had one fixed shape. LibTorch 2.11 on one thread.

use std::{collections::BTreeMap, path::Path};

use neuraxis_policy::{
    StaticStream,
    checkpoint::Checkpoint,
    network::{PROPRIO, RotationOutput, StageInput, VIEW_CHANNELS, VIEWS},
    train::parameters,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tch::{Device, Kind, Tensor, nn};

/// Numbers kept of each output, evenly spread over it.
const KEPT: usize = 16;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn shipped_weights_predict_what_they_predicted() {
    tch::set_num_threads(1);
    let _guard = tch::no_grad_guard();
    let path = root().join("../../configs/weights/small.safetensors");
    let checkpoint = Checkpoint::read(&path).unwrap();
    let config = checkpoint.about.config.clone();
    let store = nn::VarStore::new(Device::Cpu);
    let net = StaticStream::new(&store.root(), &config).unwrap();
    checkpoint.load_into(&path, &parameters(&store)).unwrap();

    let mut rng = Pcg64::seed_from_u64(17);
    let mut random = |shape: &[i64]| {
        let count: i64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_slice(&values).view(shape)
    };
    let s = config.image_px;
    let input = StageInput {
        views: random(&[2, VIEWS, VIEW_CHANNELS, s, s]),
        proprio: random(&[2, PROPRIO]),
        text: random(&[2, config.text_len, config.text_dim]),
        text_keep: Tensor::arange(config.text_len, (Kind::Int64, Device::Cpu)).lt(7).unsqueeze(0).repeat([2, 1]),
        dynamic: None,
    };
    let point = random(&[2, 3]);
    let coarse = net.coarse.forward(&input, Kind::Float).unwrap();
    let fine = net.fine.forward(&input, Kind::Float).unwrap();
    let heads = net.heads.forward(&fine, &input.proprio, &point, None).unwrap();
    let RotationOutput::Bins(angles) = &heads.rotation else { panic!("{heads:?}") };

    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, tensor) in [
        ("coarse.heat", &coarse.heat),
        ("fine.heat", &fine.heat),
        ("fine.tokens", &fine.tokens),
        ("fine.pixels", &fine.pixels),
        ("angle_a", &angles[0]),
        ("angle_b", &angles[1]),
        ("angle_c", &angles[2]),
        ("gripper", &heads.gripper),
        ("collision", &heads.collision),
    ] {
        let all = Vec::<f32>::try_from(tensor.contiguous().view([-1])).unwrap();
        let stride = (all.len() / KEPT).max(1);
        found.insert(name.into(), all.iter().step_by(stride).take(KEPT).map(|x| f64::from(*x)).collect());
    }
    let file = root().join("tests/data/golden_small.json");
    if std::env::var_os("NEURAXIS_GOLDEN").is_some_and(|x| x == "write") {
        std::fs::write(&file, serde_json::to_string_pretty(&found).unwrap()).unwrap();
    }
    let golden: BTreeMap<String, Vec<f64>> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(golden.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, expected) in &golden {
        assert_eq!(expected.len(), found[name].len(), "{name}");
        for (e, f) in expected.iter().zip(&found[name]) {
            assert!((e - f).abs() <= 1e-5 * e.abs().max(1.0), "{name}: {f}, expected {e}");
        }
    }
}
