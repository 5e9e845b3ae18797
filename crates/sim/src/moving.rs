//! Moving targets: what stands on the table is displaced while the arm approaches it, all of it together.
//!
//! Policies have to see it. Experts are told by how much ([`crate::Plant::shift_m`]).

use std::{fmt, str::FromStr};

use mujoco_rs::prelude::{MjModel, MjSpec, MjtJoint};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::{SimError, grasp::Jointed, model, plant::WorldData};

/// How what stands on the table moves during the approach.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moving {
    /// Not at all.
    #[default]
    Still,
    /// Once, by 30 to 60 mm within 0.1 s, after 1.4 to 2.4 s: about when the arm comes down on something.
    Displaced,
    /// Slowly, at 12 to 20 mm/s, from 0.2 s to 4.2 s.
    Drifting,
}

impl Moving {
    /// As in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::Displaced => "displaced",
            Self::Drifting => "drifting",
        }
    }

    /// Start and end [s], and way [m].
    fn draw(self, rng: &mut Pcg64) -> Option<([f64; 2], f64)> {
        match self {
            Self::Still => None,
            Self::Displaced => {
                let start = rng.random_range(1.4..2.4);
                Some(([start, start + 0.1], rng.random_range(0.03..0.06)))
            }
            Self::Drifting => Some(([0.2, 4.2], rng.random_range(0.048..0.08))),
        }
    }
}

impl fmt::Display for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Moving {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        [Self::Still, Self::Displaced, Self::Drifting]
            .into_iter()
            .find(|moving| moving.name() == text)
            .ok_or_else(|| SimError::UnknownMoving { name: text.into() })
    }
}

/// Lets furniture be moved: a body that is fixed to the world becomes one that the simulator places. `base` is the
/// robot's first body.
pub(crate) fn loosen(spec: &mut MjSpec, base: &str) {
    for thing in model::scene_bodies(spec, base).iter().filter(|thing| thing.is_root && !thing.has_joint) {
        if let Some(body) = spec.body_mut(&thing.name) {
            body.set_mocap(true);
        }
    }
}

/// The motion of one episode.
#[derive(Debug)]
pub(crate) struct Motion {
    /// Where positions of what moves freely begin in `qpos`.
    free: Vec<usize>,
    /// When it begins and ends [s].
    window_secs: [f64; 2],
    velocity_m_s: [f64; 2],
    /// So far [m].
    shift_m: [f64; 2],
    /// Bodies of the scene, by their roots: once a finger touches one the approach is over.
    roots: Vec<usize>,
    ended: bool,
    width_before_m: Option<f64>,
}

impl Motion {
    /// `None` if nothing moves.
    pub(crate) fn new(moving: Moving, seed: u64, model: &MjModel) -> Option<Self> {
        let mut rng = Pcg64::seed_from_u64(seed ^ 0x0006_d076);
        let (window_secs, way_m) = moving.draw(&mut rng)?;
        let direction = rng.random_range(0.0..std::f64::consts::TAU);
        let speed = way_m / (window_secs[1] - window_secs[0]);
        let free = Jointed::all(model, MjtJoint::mjJNT_FREE);
        let placed = model.body_mocapid().iter().enumerate().filter(|(_, id)| **id >= 0).map(|(body, _)| body);
        Some(Self {
            roots: free.iter().map(|thing| thing.body).chain(placed).collect(),
            free: free.iter().map(|thing| thing.qpos).collect(),
            window_secs,
            velocity_m_s: [speed * direction.cos(), speed * direction.sin()],
            shift_m: [0.0; 2],
            ended: false,
            width_before_m: None,
        })
    }

    /// Along x and y of the world so far [m].
    pub(crate) fn shift_m(&self) -> [f64; 2] {
        self.shift_m
    }

    /// After a physics step of `dt_secs`. The approach is over when a finger touches something of the scene or the
    /// gripper is told something else than at the beginning of the motion. No allocation.
    pub(crate) fn step(&mut self, world: &mut WorldData, commanded_width_m: f64, dt_secs: f64) {
        let [start, end] = self.window_secs;
        let now = world.time_secs();
        if self.ended || now < start {
            return;
        }
        let before = *self.width_before_m.get_or_insert(commanded_width_m);
        self.ended = now > end || commanded_width_m != before || world.fingers_touch(&self.roots);
        if self.ended {
            return;
        }
        let step = self.velocity_m_s.map(|v| v * dt_secs);
        for (shift, step) in self.shift_m.iter_mut().zip(step) {
            *shift += step;
        }
        world.shift(self.free.iter().copied(), step);
    }
}
