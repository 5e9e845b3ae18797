//! One tick of the policy, by stage, alone or while the loop runs.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow, ensure};
use neuraxis_core::StageTimes;

use super::{Measured, load::Inference, moving};
use crate::{config::Config, eval::Actor};

/// A stage's name, and where its time stands [s].
type Stage = (&'static str, fn(&StageTimes) -> f32);

const STAGES: [Stage; 6] = [
    ("policy.render", |t| t.render_secs),
    ("policy.h2d", |t| t.host_to_device_secs),
    ("policy.coarse", |t| t.coarse_secs),
    ("policy.fine", |t| t.fine_secs),
    ("policy.d2h", |t| t.device_to_host_secs),
    ("policy.total", |t| t.total_secs),
];
/// Predictions not counted: LibTorch plans its memory in the first ones.
const WARM_UP: u32 = 5;
/// The loop runs at least so long; then again, until all is inferred [s].
const LOOP_SECS: f64 = 10.0;

/// Policy ticks on a picture of the simulator, one torch thread: nothing else running, or the 1 kHz loop in motion.
pub fn policy(config: &Config, actor: &Actor, ticks: u32, beside_loop: bool) -> Result<Vec<Measured>> {
    ensure!(matches!(actor, Actor::Weights(_)), "bench policy needs weights");
    let mut inference = Inference::prepare(config, actor)?;
    inference.ticks(WARM_UP)?;
    let (times, wakes) =
        if beside_loop { with_the_loop(config, &mut inference, ticks)? } else { (inference.ticks(ticks)?, Vec::new()) };
    let row = |(name, pick): &Stage| {
        let micros: Vec<f64> = times.iter().map(|times| 1e6 * f64::from(pick(times))).collect();
        Measured::samples(name, "us", &micros)
    };
    let mut rows: Vec<Measured> = STAGES.iter().map(row).collect();
    if beside_loop {
        rows.push(Measured::samples("loop.wake.inference", "us", &wakes));
    }
    Ok(rows)
}

/// Times of the ticks, and the loop's wake-ups meanwhile [us].
fn with_the_loop(config: &Config, inference: &mut Inference, ticks: u32) -> Result<(Vec<StageTimes>, Vec<f64>)> {
    let (over, mut wakes) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        let thinker = std::thread::Builder::new().name("policy".into()).spawn_scoped(scope, || {
            let times = inference.ticks(ticks);
            over.store(true, Ordering::Relaxed);
            times
        })?;
        while !over.load(Ordering::Relaxed) {
            wakes.extend(moving::run(config, LOOP_SECS, None)?.wakes);
        }
        Ok((thinker.join().map_err(|_| anyhow!("the policy panicked"))??, wakes))
    })
}
