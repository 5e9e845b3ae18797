//! A Franka arm and its hand: the loop's end, and the threads beside it.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_franka::{Franka, FrankaConfig};

use super::{Driven, serve_resets};
use crate::{
    threads::Shared,
    world::{Side, SideReport},
};

/// Connects; nothing moves.
pub(super) fn driven(config: &FrankaConfig) -> Result<Driven> {
    let franka = neuraxis_franka::connect(config, Arc::new(MonotonicClock));
    let Franka { arm, desk, gripper } = franka.with_context(|| format!("Franka arm at {}", config.host))?;
    // The arm's own errors are cleared before the loop's latch is, and only when a person asks.
    let operate = move |shared: &Shared| {
        serve_resets(shared, || desk.recover());
        let status = desk.status();
        let said = format!(
            "franka      {:?}, {} states lost, {:.0} % of the last commands in time",
            status.mode,
            status.lost_packets,
            100.0 * status.success_rate
        );
        Ok(SideReport { said: Some(said), ..SideReport::default() })
    };
    let mut sides = vec![Side { name: "desk", run: Box::new(operate) }];
    if let Some(mut gripper) = gripper {
        let run = move |shared: &Shared| {
            gripper.run(&shared.done, |error| eprintln!("gripper: {error}"));
            Ok(SideReport::default())
        };
        sides.push(Side { name: "gripper", run: Box::new(run) });
    }
    Ok(Driven { arm: Box::new(arm), sides })
}

/// Lets the hand find out how wide its fingers open.
pub fn home_the_hand(config: &FrankaConfig) -> Result<()> {
    let franka = neuraxis_franka::connect(config, Arc::new(MonotonicClock));
    let franka = franka.with_context(|| format!("Franka arm at {}", config.host))?;
    let mut gripper = franka.gripper.context("arm.yaml: franka: hand: false")?;
    Ok(gripper.home()?)
}
