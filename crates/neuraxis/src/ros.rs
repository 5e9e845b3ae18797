//! `neuraxis ros sim|arm`: an arm under a policy or the brain, with the ROS 2 node beside the same loop. The policy may be in
//! another process, see `ros_policy`.

mod arm;
mod remote;
mod serve;
mod sim;

use anyhow::Result;
use serde_json::json;

pub use self::{
    arm::{ArmOptions, arm},
    sim::{RosSim, run, sim},
};
use crate::{
    config::{Config, Surroundings},
    demo,
    eval::Actor,
    realtime::Report,
};

/// What leads the arm, on command lines.
pub enum Leader {
    /// In this process.
    Here(Actor),
    /// A policy in another process, over ROS 2, with these weights (16 hex digits; `None`: any).
    Remote(Option<String>),
}

impl Leader {
    /// What a `--policy` means: `remote` has the weights of run.yaml, `remote:HASH` those, `remote:any` any.
    pub fn of(policy: &str, config: &Config) -> Self {
        match (policy, policy.strip_prefix("remote:")) {
            ("remote", _) => Self::Remote(config.run.weights_hash.clone()),
            (_, Some("any")) => Self::Remote(None),
            (_, Some(hash)) => Self::Remote(Some(hash.into())),
            (policy, None) => Self::Here(Actor::of(policy, config)),
        }
    }

    fn surroundings(&self, config: &Config) -> Surroundings {
        match self {
            Self::Here(actor) => actor.surroundings(config),
            Self::Remote(_) => config.run.planner,
        }
    }
}

/// Ends the recording, if there is one. `judged`: what the judge said of the task, where there is one.
fn close(report: &mut Report, is_recorded: bool, judged: Option<bool>) -> Result<()> {
    if is_recorded {
        let mut recorder = report.film.take()?;
        recorder.dropped(report.dropped)?;
        let summary = json!({ "rates": demo::rates_json(report) });
        demo::print_files(&recorder.finish(judged, &summary)?);
    }
    Ok(())
}
