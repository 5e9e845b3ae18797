//! `neuraxis demo`: which episode is shown, and how.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use neuraxis_core::Nanos;

use crate::{
    config::Config,
    demo::{self, ClockChoice, DemoPlan},
    eval::{Actor, EVAL_SEED, only_for_brain},
    keeping::KeepArgs,
    tasks,
    threads::{EyeFault, EyeFaultKind},
};

/// One episode.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// `weights` (the shipped ones), `expert`, `brain` (plans and skills, for long tasks), or a file of weights.
    #[arg(long, default_value = "weights")]
    policy: String,
    /// File of the brain's memory, made if it is not there.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    /// Task name.
    #[arg(long, default_value = "push_buttons")]
    task: String,
    /// Seed of the scene.
    #[arg(long, default_value_t = EVAL_SEED + 7)]
    seed: u64,
    /// Folder for the recordings.
    #[arg(long, default_value = "out/demo")]
    out: PathBuf,
    /// Clock of the episode.
    #[arg(long, value_enum, default_value_t = ClockChoice::Realtime)]
    clock: ClockChoice,
    /// Open the Rerun viewer and stream to it as well.
    #[arg(long)]
    live: bool,
    /// Try out a fault: the cameras fall silent after this time [s]; the arm must stop and hold.
    #[arg(long, value_name = "SECS")]
    cameras_stop_after: Option<f64>,
    /// Try out a fault: no camera has depth after this time [s]; the policy refuses the pictures, the arm must stop and hold.
    #[arg(long, value_name = "SECS", conflicts_with = "cameras_stop_after")]
    cameras_blind_after: Option<f64>,
    /// Try out a fault of one camera, or of `all`, from one time on and to another, if there is one [s]: `blind:wrist:2:6`
    /// (no depth), `silent:all:8` (no pictures). As often as there are faults.
    #[arg(long, value_name = "KIND:CAMERA:FROM[:TO]")]
    camera_fault: Vec<EyeFault>,
    #[command(flatten)]
    keep: KeepArgs,
}

impl DemoArgs {
    /// Runs it; an error if the goal was not met.
    pub fn run(self, mut config: Config) -> Result<()> {
        only_for_brain(&self.policy, &[("--memory", self.memory.is_some())])?;
        self.keep.apply(&mut config.run.recording)?;
        let fault = |kind| move |secs| EyeFault { kind, camera: None, after: Nanos::from_secs(secs), until: None };
        let silent = self.cameras_stop_after.map(fault(EyeFaultKind::Silent));
        let blind = self.cameras_blind_after.map(fault(EyeFaultKind::NoDepth));
        let plan = DemoPlan {
            actor: Actor::of(&self.policy, &config),
            task: tasks::one(&self.task, &config)?,
            seed: self.seed,
            out: self.out,
            clock: self.clock,
            memory: self.memory,
            live: self.live,
            eye_faults: self.camera_fault.into_iter().chain(silent).chain(blind).collect(),
        };
        if !demo::run(&config, &plan)? {
            bail!("the goal was not met");
        }
        Ok(())
    }
}
