//! What the machine does beside the loop: the policy's inference, or a flood of ROS messages, see [`super::ros_load`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use neuraxis_brainstem::{MonotonicClock, Pacer};
use neuraxis_core::{Clock, Instruction, Nanos, Observation, Policy, StageTimes};
use neuraxis_sim::CameraRig;

use super::moving::Outside;
use crate::{config::Config, demo, episode_run::Studio, eval::Actor, source::Source};

/// A policy with something to look at, ready to infer.
pub struct Inference {
    source: Source,
    words: Instruction,
    observation: Observation,
    period: Nanos,
}

impl Inference {
    /// Loads it, takes a picture of the simulator and infers once, for the first call plans its memory.
    pub fn prepare(config: &Config, actor: &Actor) -> Result<Self> {
        neuraxis_policy::use_one_thread();
        let studio = Studio::new(config.clone())?;
        let setup = studio.setup("stack_blocks", crate::eval::EVAL_SEED)?;
        let (mut source, words, _) = demo::source(&studio, &setup, actor)?;
        let lockstep = studio.lockstep(&setup, true)?;
        let observation = lockstep.first_observation(&mut CameraRig::new(&setup)?).context("the first picture")?;
        source.predict(&observation, &words)?;
        Ok(Self { source, words, observation, period: Nanos::from_secs(1.0 / config.run.policy_hz) })
    }

    /// Infers `ticks` times, one after the other; what each took.
    pub fn ticks(&mut self, ticks: u32) -> Result<Vec<StageTimes>> {
        neuraxis_policy::use_one_thread();
        (0..ticks).map(|_| Ok(self.source.predict(&self.observation, &self.words)?.times)).collect()
    }

    /// Does `work` while another thread infers at the policy's rate.
    pub fn beside<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (over, inferred) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let thinker = std::thread::Builder::new().name("policy".into()).spawn_scoped(scope, || {
                neuraxis_policy::use_one_thread();
                let mut pacer = Pacer::new(MonotonicClock.now(), self.period);
                while !over.load(Ordering::Relaxed) {
                    pacer.wait();
                    self.source.predict(&self.observation, &self.words)?;
                    inferred.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, anyhow::Error>(())
            })?;
            let result = work();
            over.store(true, Ordering::Relaxed);
            thinker.join().map_err(|_| anyhow!("the policy panicked"))??;
            say!("  beside {} inferences", inferred.load(Ordering::Relaxed));
            ensure!(inferred.load(Ordering::Relaxed) > 0, "nothing was inferred while the loop ran");
            result
        })
    }
}

/// Does `work` while another process sends instructions to the ROS 2 node of this one, which hands the newest on towards the
/// loop and publishes what the arm measures a thousand times a second.
#[cfg(feature = "ros")]
pub fn beside_flood<T>(config: &Config, work: impl FnOnce(Outside) -> Result<T>) -> Result<Option<T>> {
    use super::ros_load::{Load, beside_node};

    let flood = Load::Storm { messages_hz: 2000.0, requests_hz: 0.0 };
    beside_node(config, Some(&flood), |outside, _| work(outside)).map(Some)
}

/// Without ROS 2 there is no flood.
#[cfg(not(feature = "ros"))]
pub fn beside_flood<T>(_: &Config, _: impl FnOnce(Outside) -> Result<T>) -> Result<Option<T>> {
    say!("  ros_flood: not measured, this binary is built without ROS 2");
    Ok(None)
}
