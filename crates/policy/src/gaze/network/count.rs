//! How many parameters the network has: as published, and by hand from the list of layers.

use tch::{Device, nn};

use super::GazeNet;
use crate::{gaze::GazeConfig, train::parameters};

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
    assert_eq!([encoder, global, correlation, decoder, stem], [35_957_088, 3_106_752, 7_096_224, 23_582_592, 436_032]);
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
