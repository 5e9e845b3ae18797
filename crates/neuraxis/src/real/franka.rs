//! A Franka arm and its hand: the loop's end, and the threads beside it.

use std::{sync::Arc, thread::sleep, time::Duration};

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_franka::{Franka, FrankaConfig};

use super::Driven;
use crate::{
    threads::Shared,
    world::{Side, SideReport},
};

/// Between two looks at whether somebody asks for a reset.
const LOOK: Duration = Duration::from_millis(20);

/// Connects; nothing moves.
pub(super) fn driven(config: &FrankaConfig) -> Result<Driven> {
    let franka = neuraxis_franka::connect(config, Arc::new(MonotonicClock));
    let Franka { arm, desk, gripper } = franka.with_context(|| format!("Franka arm at {}", config.host))?;
    // The arm's own errors are cleared before the loop's latch is, and only when a person asks.
    let operate = move |shared: &Shared| {
        while !shared.done.is_raised() {
            if shared.reset_asked.take() {
                match desk.recover() {
                    Ok(()) => shared.signals.reset.raise(),
                    Err(error) => eprintln!("the arm is not ready again: {error}"),
                }
            }
            sleep(LOOK);
        }
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
