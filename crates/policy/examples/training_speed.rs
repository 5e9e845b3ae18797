//! Where a training step's time goes, on one torch thread: `cargo run --release --example training_speed -- DATA TEXT`.
//!
//! DATA: a data set folder of `neuraxis demos`; TEXT: the text encoder's folder (`.deps/text`). Prints milliseconds per
//! sample, medians over the steps. The budget is 16 ms per sample in all: 60 samples/s.

use std::{path::PathBuf, time::Instant};

use neuraxis_episode::dataset::Dataset;
use neuraxis_policy::{
    StaticStream, TrainConfig,
    consistency::Consistency,
    optim::AdamW,
    sample::Samples,
    text::MiniLm,
    train::{forward, parameters},
};
use tch::{Device, Kind, nn};

const STEPS: u64 = 12;
const WARM_UP: u64 = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(data), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: training_speed DATA TEXT".into());
    };
    tch::set_num_threads(1);
    let samples = Samples::new(Dataset::open(&data)?, 0.03, &mut MiniLm::load(&text)?)?;
    for (kind, lambda) in [(Kind::BFloat16, 0.0), (Kind::Float, 0.0), (Kind::BFloat16, 1.0)] {
        let mut config = TrainConfig::default();
        config.consistency.lambda = lambda;
        let store = nn::VarStore::new(Device::Cpu);
        let net = StaticStream::new(&store.root(), &config.policy)?;
        let consistency = Consistency::new(&(store.root() / "consistency"), &config.policy)?;
        let consistency = (lambda > 0.0).then_some(&consistency);
        let weights = parameters(&store);
        let mut optimiser = AdamW::new(&weights)?;
        let n = config.micro_batch;
        let mut times: [Vec<f64>; 5] = Default::default();
        for step in 0..STEPS + WARM_UP {
            let mut clocks = vec![Instant::now()];
            let batch = samples.training_batch(&config, None, step + 1, 0..n)?;
            clocks.push(Instant::now());
            let terms = forward(&net, consistency, None, &batch, kind)?;
            let loss = terms.total(lambda, 0.0)?;
            clocks.push(Instant::now());
            loss.f_backward()?;
            clocks.push(Instant::now());
            let mut grads = Vec::new();
            for (_, p) in &weights {
                let mut g = p.f_grad()?;
                grads.push(if g.defined() {
                    g.f_detach()?.f_add_scalar(0.0)?
                } else {
                    p.f_detach()?.f_zeros_like()?
                });
                if g.defined() {
                    let _ = g.f_zero_()?;
                }
            }
            clocks.push(Instant::now());
            optimiser.update(&weights, &mut grads, &config)?;
            clocks.push(Instant::now());
            if step >= WARM_UP {
                for (list, pair) in times.iter_mut().zip(clocks.windows(2)) {
                    list.push((pair[1] - pair[0]).as_secs_f64() * 1e3 / n as f64);
                }
            }
        }
        let medians = times.map(|mut list| {
            list.sort_by(f64::total_cmp);
            list[list.len() / 2]
        });
        let [data, forward, backward, grads, update] = medians;
        println!(
            "{kind:?} lambda {lambda}: samples {data:.2}  forward {forward:.2}  backward {backward:.2}  \
             gradients {grads:.2}  optimiser {update:.2}  together {:.2} ms per sample",
            medians.iter().sum::<f64>()
        );
    }
    Ok(())
}
