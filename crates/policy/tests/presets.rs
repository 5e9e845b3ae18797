//! The sizes that the presets promise, counted.

mod inputs;

use neuraxis_policy::{PolicyConfig, StaticStream, network::parameter_count};
use tch::{Device, Kind, nn};

fn counts(preset: &str) -> [usize; 3] {
    let store = nn::VarStore::new(Device::Cpu);
    StaticStream::new(&store.root(), &PolicyConfig::preset(preset).unwrap()).unwrap();
    ["coarse", "fine", "heads"].map(|part| parameter_count(&store, part))
}

/// RVT-2, layer by layer.
#[test]
fn paper_has_the_published_number_of_parameters() {
    let patch = 10 * 14 * 14 * 64 + 64 + 2 * 64;
    let proprio = 4 * 64 + 64 + 2 * 64;
    let positions = 3 * 16 * 16 * 128;
    let language = 512 * 128 + 128 + 2 * 128;
    let widen = 128 * 512 + 512;
    let attention = 2 * 512 + 3 * 512 * 512 + 512 * 512 + 512;
    let feed_forward = 2 * 512 + 512 * 4096 + 4096 + 2048 * 512 + 512;
    let narrow = 512 * 128 + 128;
    let logit = 128 * 9 * 256 + 256 + 256 * 9 * 256 + 256 + 256 * 9 + 1;
    let weights = 128 * 9 * 256 + 256 + 256 * 9 * 14 * 14 + 9 * 14 * 14;
    let stage =
        patch + proprio + positions + language + widen + 8 * (attention + feed_forward) + narrow + logit + weights;
    let map = |outputs: usize| 768 * 256 + 256 + 256 * 128 + 128 + 128 * outputs + outputs;
    let heads = map(4) + 3 * map(72) + 2 * 768;
    assert_eq!((stage, stage + heads), (35_669_861, 36_618_817));

    let [coarse, fine, found] = counts("paper");
    assert_eq!([coarse, fine, found], [stage, stage, heads]);
    assert_eq!(coarse + fine + found, 72_288_678);
}

/// Against `paper`: two more channels, eight more numbers of proprioception, words of 384 instead of 512 numbers.
#[test]
fn full_and_small_have_the_sizes_that_we_state() {
    let stage = 35_669_861 + 2 * 14 * 14 * 64 + 8 * 64 - 128 * 128;
    assert_eq!(counts("full"), [stage, stage, 948_956]);
    assert_eq!(2 * stage + 948_956, 72_307_110);
    assert_eq!(counts("small").iter().sum::<usize>(), 3_085_308);
}

#[test]
fn published_shapes_go_through() {
    let _guard = tch::no_grad_guard();
    for name in ["paper", "full"] {
        let config = PolicyConfig::preset(name).unwrap();
        let store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config).unwrap();
        let input = inputs::input(&config, 1, 9);
        let fine = net.fine.forward(&input, Kind::Float).unwrap();
        assert_eq!(fine.heat.size(), [1, 3, 224, 224]);
        assert_eq!((fine.tokens.size(), fine.pixels.size()), (vec![1, 3, 128, 256], vec![3, 128, 16, 16]));
        let point = inputs::random(&[1, 3]).clamp(-1.0, 1.0);
        let heads = net.heads.forward(&fine, &input.proprio, &point, None).unwrap();
        assert_eq!(inputs::answers(&heads).size(), [1, 2 + 2 + 3 * 72]);
    }
}
