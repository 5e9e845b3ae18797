//! What success means: conditions on the true state that must all hold for a while.

use nalgebra::Vector3;

use super::{Goal, Judge};
use crate::{SimError, plant::WorldData};

/// Time for which all conditions must hold [s].
pub(super) const HOLDS_SECS: f64 = 0.3;

/// One condition; indices come from [`WorldData`].
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// The body's origin lies in a box of another body's frame: RLBench's proximity sensor. The box has the size that fits
    /// the frame's body at its usual size, and is scaled as that is.
    Inside { body: usize, frame: usize, low: Vector3<f64>, high: Vector3<f64> },
    /// The joint has moved this far from where it began [m], [rad].
    Moved { qpos: usize, from: f64, least: f64 },
    /// No finger touches the body.
    Released { body: usize },
}

impl Condition {
    pub(super) fn inside(
        world: &WorldData,
        body: &str,
        frame: &str,
        low: [f64; 3],
        high: [f64; 3],
    ) -> Result<Self, SimError> {
        let (body, frame) = (world.body_index(body)?, world.body_index(frame)?);
        Ok(Self::Inside { body, frame, low: low.into(), high: high.into() })
    }

    pub(super) fn moved(world: &WorldData, joint: &str, least: f64) -> Result<Self, SimError> {
        let qpos = world.qpos_index(joint)?;
        Ok(Self::Moved { qpos, from: world.qpos()[qpos], least })
    }

    /// Left lying there: inside, and no finger touches it.
    pub(super) fn left_inside(
        world: &WorldData,
        body: &str,
        frame: &str,
        low: [f64; 3],
        high: [f64; 3],
    ) -> Result<Vec<Self>, SimError> {
        let inside = Self::inside(world, body, frame, low, high)?;
        Ok(vec![inside, Self::Released { body: world.body_index(body)? }])
    }

    fn holds(&self, world: &WorldData) -> bool {
        match self {
            Self::Inside { body, frame, low, high } => is_inside(world, *body, *frame, low, high),
            Self::Moved { qpos, from, least } => (world.qpos()[*qpos] - from).abs() > *least,
            Self::Released { body } => world.touching_fingers(*body) == [false; 2],
        }
    }
}

/// The body's origin lies in a box of the frame's, which is scaled as the frame's body is.
pub(super) fn is_inside(world: &WorldData, body: usize, frame: usize, low: &Vector3<f64>, high: &Vector3<f64>) -> bool {
    let at = world.pose(frame).inverse() * nalgebra::Point3::from(world.body_position(body)) / world.size(frame);
    (0..3).all(|i| low[i] <= at[i] && at[i] <= high[i])
}

/// Judges goals that are each a list of conditions.
pub(super) struct Conditions {
    goals: Vec<(Vec<usize>, Vec<Condition>)>,
    since: Vec<Option<f64>>,
    met: Vec<bool>,
}

impl Conditions {
    /// For tasks with one goal for each of `count` things.
    pub(super) fn judge(
        count: usize,
        conditions: impl Fn(usize) -> Result<Vec<Condition>, SimError>,
    ) -> Result<Box<dyn Judge>, SimError> {
        let goals =
            (0..count).map(|target| Ok((vec![target], conditions(target)?))).collect::<Result<_, SimError>>()?;
        Ok(Box::new(Self { goals, since: vec![None; count], met: vec![false; count] }))
    }
}

impl Judge for Conditions {
    fn step(&mut self, world: &mut WorldData, _gripper_width_m: f64) {
        let now = world.time_secs();
        for (i, (_, conditions)) in self.goals.iter().enumerate() {
            let holds = conditions.iter().all(|condition| condition.holds(world));
            self.since[i] = if holds { Some(self.since[i].unwrap_or(now)) } else { None };
            self.met[i] = self.since[i].is_some_and(|since| now - since >= HOLDS_SECS);
        }
    }

    fn success(&self, goal: &Goal) -> bool {
        self.goals.iter().zip(&self.met).any(|((targets, _), met)| *met && *targets == goal.targets)
    }

    /// What was asked for cannot be had any more once something else has been done.
    fn failed(&self, goal: &Goal) -> bool {
        !self.success(goal) && self.met.iter().any(|met| *met)
    }
}
