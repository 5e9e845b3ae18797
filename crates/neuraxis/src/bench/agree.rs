//! The same weights on two devices: how far their answers are apart.

use anyhow::{Context, Result, ensure};
use neuraxis_core::{Instruction, Policy, TextEmbedder};
use neuraxis_policy::{CorticalPolicy, DeviceChoice};
use neuraxis_sim::CameraRig;

use super::Measured;
use crate::{
    config::Config,
    episode_run::{Studio, instruction},
    eval::EVAL_SEED,
    lack::gist,
    package,
    progress::bar,
    tasks,
};

/// Answers further apart than these are not the same: a millimetre, and one bin of orientation.
const SAME_MM: f64 = 1.0;
const SAME_DEG: f64 = 5.0;

/// What is compared.
pub struct AgreePlan {
    /// Weights.
    pub weights: std::path::PathBuf,
    /// Devices.
    pub devices: [DeviceChoice; 2],
    /// First pictures of so many scenes of the trained tasks.
    pub observations: u64,
}

/// Each scene's first picture, shown to both. An error if an answer differs by more than a millimetre or one bin.
pub fn agree(config: &Config, plan: &AgreePlan) -> Result<Vec<Measured>> {
    neuraxis_policy::use_one_thread();
    let studio = Studio::new(config.clone())?;
    let mut embedder = package::text_encoder(&config.root)?;
    let id = embedder.id().to_string();
    let load = |device| CorticalPolicy::load(&plan.weights, device, &id);
    let [mut one, mut other] = [load(plan.devices[0])?, load(plan.devices[1])?];
    let names = tasks::list("trained", config)?;
    let bar = bar(plan.observations);
    let (mut apart_mm, mut turned_deg, mut differ) = (Vec::new(), Vec::new(), 0u64);
    let mut refused = 0u64;
    for i in 0..plan.observations {
        let (task, seed) = (&names[i as usize % names.len()], EVAL_SEED + i / names.len() as u64);
        let setup = studio.setup(task, seed)?;
        // Another scene is another episode: no frame of the last one is before it.
        let words = Instruction { epoch: i as u32 + 1, ..instruction(setup.goal(), Some(&mut embedder))? };
        let lockstep = studio.lockstep(&setup, true)?;
        let seen = lockstep.first_observation(&mut CameraRig::new(&setup)?).context("the first picture")?;
        let (a, b) = match (one.predict(&seen, &words), other.predict(&seen, &words)) {
            (Ok(a), Ok(b)) => (a.keyframe, b.keyframe),
            (a, b) => {
                let why = [a, b].map(|answer| answer.err().map_or("an answer".into(), |error| error.to_string()));
                bar.suspend(|| say!("  {task}, seed {seed}: {}; {}", why[0], why[1]));
                differ += u64::from(gist(&why[0]) != gist(&why[1]));
                refused += 1;
                bar.inc(1);
                continue;
            }
        };
        let mm = 1e3 * (a.world_from_tool.position() - b.world_from_tool.position()).norm();
        let deg = a.world_from_tool.rotation().angle_to(&b.world_from_tool.rotation()).to_degrees();
        let is_same = mm <= SAME_MM && deg <= SAME_DEG && a.gripper == b.gripper;
        if !(is_same && a.ignore_collisions == b.ignore_collisions) {
            differ += 1;
            bar.suspend(|| {
                say!("  {task}, seed {seed}: {mm:.2} mm, {deg:.2} deg apart; {:?} and {:?}", a.gripper, b.gripper);
            });
        }
        apart_mm.push(mm);
        turned_deg.push(deg);
        bar.inc(1);
    }
    bar.finish_and_clear();
    say!(
        "{:?} and {:?}: {} of {} answers the same, {refused} refused by one or both",
        one.device(),
        other.device(),
        plan.observations - differ,
        plan.observations
    );
    ensure!(!apart_mm.is_empty(), "no observation was answered by both");
    ensure!(
        differ == 0,
        "{differ} of {} answers differ by more than {SAME_MM} mm, {SAME_DEG} deg, a switch or a refusal",
        plan.observations
    );
    Ok(vec![
        Measured::samples("policy.agree.position", "mm", &apart_mm).target("1 mm at most"),
        Measured::samples("policy.agree.rotation", "deg", &turned_deg).target("5 deg at most, one bin"),
    ])
}
