//! `neuraxis demo`: which episode is shown, and how.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    config::Config,
    demo::{self, ClockChoice, DemoPlan},
    eval::{Actor, EVAL_SEED, only_for_brain},
    keeping::KeepArgs,
    tasks,
    threads::EyeFault,
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
    #[arg(long, value_name = "SECS", value_parser = silent_after)]
    cameras_stop_after: Option<EyeFault>,
    /// Try out a fault: no camera has depth after this time [s]; the policy refuses the pictures, the arm must stop and hold.
    #[arg(long, value_name = "SECS", value_parser = blind_after, conflicts_with = "cameras_stop_after")]
    cameras_blind_after: Option<EyeFault>,
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
        let of_all = [self.cameras_stop_after, self.cameras_blind_after].into_iter().flatten();
        let plan = DemoPlan {
            actor: Actor::of(&self.policy, &config),
            task: tasks::one(&self.task, &config)?,
            seed: self.seed,
            out: self.out,
            clock: self.clock,
            memory: self.memory,
            live: self.live,
            eye_faults: self.camera_fault.into_iter().chain(of_all).collect(),
        };
        if !demo::run(&config, &plan)? {
            bail!("the goal was not met");
        }
        Ok(())
    }
}

/// All cameras, silent from then on.
fn silent_after(secs: &str) -> Result<EyeFault, String> {
    format!("silent:all:{secs}").parse()
}

/// All cameras, without depth from then on.
fn blind_after(secs: &str) -> Result<EyeFault, String> {
    format!("blind:all:{secs}").parse()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DemoArgs,
    }

    #[test]
    fn faults_of_all_cameras_have_options_of_their_own_with_the_same_range() {
        let stops = Line::try_parse_from(["demo", "--cameras-stop-after", "1"]).unwrap().args;
        assert_eq!(stops.cameras_stop_after, "silent:all:1".parse().ok());
        let blind = Line::try_parse_from(["demo", "--cameras-blind-after", "2.5"]).unwrap().args;
        assert_eq!(blind.cameras_blind_after, "blind:all:2.5".parse().ok());
        let refused = Line::try_parse_from(["demo", "--cameras-stop-after", "1e9"]).err().unwrap().to_string();
        assert!(refused.contains("FROM \"1e9\", allowed: 0 to 86400 [s]"), "{refused}");
    }
}
