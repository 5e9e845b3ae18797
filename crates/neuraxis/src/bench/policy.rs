//! One tick of the policy, by stage.

use anyhow::{Context, Result};
use neuraxis_brainstem::Histogram;
use neuraxis_core::{Nanos, Policy, StageTimes};
use neuraxis_sim::CameraRig;

use super::Measured;
use crate::{config::Config, demo, episode_run::Studio, eval::Actor, source::Source};

/// A stage's name, and where its time stands [s].
type Stage = (&'static str, fn(&StageTimes) -> f32);

/// One policy tick on a picture of the simulator, one torch thread, nothing else running.
pub fn policy(config: &Config, actor: &Actor, ticks: u32) -> Result<Vec<Measured>> {
    neuraxis_policy::use_one_thread();
    let studio = Studio::new(config.clone())?;
    let setup = studio.setup("stack_blocks", crate::eval::EVAL_SEED)?;
    let (mut source, words, _) = demo::source(&studio, &setup, actor)?;
    anyhow::ensure!(matches!(source, Source::Weights(_)), "bench policy needs weights");
    let lockstep = studio.lockstep(&setup, true)?;
    let mut rig = CameraRig::new(&setup)?;
    let observation = lockstep.first_observation(&mut rig).context("the first picture")?;
    let stages: [Stage; 6] = [
        ("policy.render", |t| t.render_secs),
        ("policy.h2d", |t| t.host_to_device_secs),
        ("policy.coarse", |t| t.coarse_secs),
        ("policy.fine", |t| t.fine_secs),
        ("policy.d2h", |t| t.device_to_host_secs),
        ("policy.total", |t| t.total_secs),
    ];
    let mut histograms = vec![Histogram::default(); stages.len()];
    for tick in 0..ticks + WARM_UP {
        let times = source.predict(&observation, &words)?.times;
        if tick >= WARM_UP {
            for (histogram, (_, pick)) in histograms.iter_mut().zip(&stages) {
                histogram.record(Nanos::from_secs(f64::from(pick(&times))));
            }
        }
    }
    Ok(histograms.iter().zip(&stages).map(|(h, (name, _))| Measured::micros(name, &h.percentiles())).collect())
}

/// Predictions not counted: LibTorch plans its memory in the first ones.
const WARM_UP: u32 = 5;
