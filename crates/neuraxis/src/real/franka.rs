//! A Franka arm and its hand: the loop's end, and the threads beside it.

use std::sync::Arc;

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_franka::{
    Franka, FrankaConfig,
    limits::{ACCELERATION_RAD_S2, JERK_RAD_S3, Scaled, VELOCITY_RAD_S},
};
use neuraxis_robot::{JointLimits, Robot};

use super::{Driven, HandTroubles, serve_resets};
use crate::{
    config::Config,
    threads::Shared,
    world::{Side, SideReport},
};

/// Connects; nothing moves.
pub(super) fn driven(config: &FrankaConfig) -> Result<Driven> {
    let franka = neuraxis_franka::connect(config, Arc::new(MonotonicClock));
    let Franka { arm, desk, gripper } = franka.with_context(|| format!("Franka arm at {}", config.host))?;
    let troubles = HandTroubles::default();
    #[cfg(feature = "ros")]
    let tellers = vec![super::told::franka(desk.clone(), gripper.is_some().then(|| troubles.clone()))];
    #[cfg(not(feature = "ros"))]
    let tellers = Vec::new();
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
            gripper.run(&shared.done, |error| {
                let error = error.to_string();
                let mut troubles = troubles.lock();
                let count = troubles.0 + 1;
                // The same may come each second.
                if troubles.1.as_ref() != Some(&error) || count.is_power_of_two() {
                    say_err!("gripper: {error}");
                }
                *troubles = (count, Some(error));
            });
            Ok(SideReport::default())
        };
        sides.push(Side { name: "gripper", run: Box::new(run) });
    }
    Ok(Driven { arm: Box::new(arm), sides, tellers })
}

/// The loop must leave a real arm a tenth of its own limits. The error names file, key and range.
pub(super) fn check_limits(config: &Config, robot: &Robot) -> Result<()> {
    let file = config.root.join("configs").join(&config.name).join("brainstem.yaml");
    let of = |what: fn(&JointLimits) -> f64| robot.limits().iter().map(what).collect::<Vec<f64>>();
    let loops = &config.brainstem;
    for (key, scale, limits, allowed) in [
        ("velocity_scale", loops.velocity_scale, of(|limit| limit.velocity_rad_s), &VELOCITY_RAD_S),
        ("acceleration_scale", loops.acceleration_scale, of(|limit| limit.acceleration_rad_s2), &ACCELERATION_RAD_S2),
        ("jerk_scale", loops.jerk_scale, of(|limit| limit.jerk_rad_s3), &JERK_RAD_S3),
    ] {
        Scaled { key, scale, limits: &limits, allowed }.check().with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Lets the hand find out how wide its fingers open.
pub fn home_the_hand(config: &FrankaConfig) -> Result<()> {
    let franka = neuraxis_franka::connect(config, Arc::new(MonotonicClock));
    let franka = franka.with_context(|| format!("Franka arm at {}", config.host))?;
    let mut gripper = franka.gripper.context("arm.yaml: franka: hand: false")?;
    Ok(gripper.home()?)
}
