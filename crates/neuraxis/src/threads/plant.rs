//! Thread `plant`: the simulated world.

use anyhow::Result;
use neuraxis_core::{Nanos, PERIOD_BRAINSTEM};
use neuraxis_sim::RealtimePlant;

use super::{Rate, Shared, periodic};

/// Physics in step with the clock; says when the goal is met. Returns the time it could not keep up with.
pub fn plant(mut physics: RealtimePlant, goal: &neuraxis_sim::Goal, shared: &Shared) -> Result<(Rate, Nanos)> {
    let rate = periodic("plant", PERIOD_BRAINSTEM, &shared.done, |now| {
        physics.advance(now);
        if physics.plant().success(goal) {
            shared.succeeded.raise();
        }
        if physics.plant().failed(goal) {
            shared.failed.raise();
        }
        Ok(true)
    })?;
    Ok((rate, physics.lost()))
}
