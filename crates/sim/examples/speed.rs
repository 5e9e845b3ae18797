//! Times physics and cameras per task: `cargo run --release -p neuraxis-sim --example speed`.
//!
//! No budget is asserted: the printed figures are for reports, together with the machine they were taken on.

use std::time::Instant;

use neuraxis_core::{ArmCommand, Joints};
use neuraxis_sim::{CameraRig, Plant, Setup, SimConfig, Spec, tasks};

const STEPS: usize = 20_000;
const FRAMES: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("task            setup ms   steps/s   x real time   4 cameras RGB-D ms (p50, p99)   renderer start ms");
    for task in tasks::names(&tasks::kinds()) {
        let from = Instant::now();
        let setup = Setup::new(&Spec { task: (*task).into(), seed: 1, variation: None }, &SimConfig::default())?;
        let compile_ms = from.elapsed().as_secs_f64() * 1e3;
        let mut plant = Plant::new(&setup)?;
        let home = plant.state().q;
        let mut command = ArmCommand::hold(home, 0.0, 35.0);
        let from = Instant::now();
        for step in 0..STEPS {
            let t = step as f64 * 1e-3;
            command.q = Joints::from_fn(home.len(), |i| home[i] + 0.1 * (1.0 - (2.0 * t).cos()));
            command.qd = Joints::from_fn(home.len(), |_| 0.2 * (2.0 * t).sin());
            plant.step(&command);
        }
        let rate = STEPS as f64 / from.elapsed().as_secs_f64();
        let from = Instant::now();
        let mut rig = CameraRig::new(&setup)?;
        let start_ms = from.elapsed().as_secs_f64() * 1e3;
        let mut frames_ms = Vec::with_capacity(FRAMES);
        for _ in 0..FRAMES {
            let from = Instant::now();
            rig.render(&plant)?;
            frames_ms.push(from.elapsed().as_secs_f64() * 1e3);
        }
        frames_ms.sort_by(f64::total_cmp);
        println!(
            "{task:14} {compile_ms:9.1} {rate:9.0} {:13.1} {:19.2} {:10.2} {start_ms:19.1}",
            rate / 1000.0,
            frames_ms[FRAMES / 2],
            frames_ms[FRAMES * 99 / 100],
        );
    }
    Ok(())
}
