//! How things are held: by friction, or attached to the hand as RLBench does.

use std::{fmt, str::FromStr};

use mujoco_rs::prelude::{MjModel, MjtJoint};
use nalgebra::Isometry3;
use serde::{Deserialize, Serialize};

use crate::{SimError, plant::WorldData};

/// A command this much wider than the fingers are lets go, this much narrower takes hold [m].
const BAND_M: f64 = 0.004;

/// What holds a thing between closed fingers.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grasp {
    /// Friction, as in the world: things slip, turn and fall.
    #[default]
    Friction,
    /// What both fingers touch while they close follows the hand rigidly until they open; for comparison with RLBench.
    Attach,
}

impl Grasp {
    /// As in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Friction => "friction",
            Self::Attach => "attach",
        }
    }
}

impl fmt::Display for Grasp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Grasp {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        [Self::Friction, Self::Attach]
            .into_iter()
            .find(|grasp| grasp.name() == text)
            .ok_or_else(|| SimError::UnknownGrasp { name: text.into() })
    }
}

/// A body with a joint of its own, and where the joint's numbers begin.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Jointed {
    pub(crate) body: usize,
    pub(crate) qpos: usize,
    pub(crate) qvel: usize,
}

impl Jointed {
    /// All bodies with a joint of this kind.
    pub(crate) fn all(model: &MjModel, kind: MjtJoint) -> Vec<Self> {
        let joints = model.jnt_type().iter().zip(model.jnt_bodyid()).zip(model.jnt_qposadr()).zip(model.jnt_dofadr());
        joints
            .filter(|(((of, _), _), _)| **of == kind)
            .map(|(((_, body), qpos), qvel)| Self { body: *body as usize, qpos: *qpos as usize, qvel: *qvel as usize })
            .collect()
    }
}

/// Attaches what is grasped to the hand.
#[derive(Debug)]
pub(crate) struct Attachment {
    hand: usize,
    free: Vec<Jointed>,
    held: Option<(Jointed, Isometry3<f64>)>,
}

impl Attachment {
    pub(crate) fn new(world: &WorldData, model: &MjModel) -> Result<Self, SimError> {
        Ok(Self { hand: world.body_index("hand")?, free: Jointed::all(model, MjtJoint::mjJNT_FREE), held: None })
    }

    /// After a physics step. No allocation.
    pub(crate) fn step(&mut self, world: &mut WorldData, commanded_width_m: f64, width_m: f64) {
        if commanded_width_m > width_m + BAND_M {
            self.held = None;
        } else if self.held.is_none() && commanded_width_m < width_m - BAND_M {
            let held = self.free.iter().find(|thing| world.touching_fingers(thing.body) == [true; 2]).copied();
            self.held = held.map(|thing| (thing, world.pose(self.hand).inverse() * world.pose(thing.body)));
        }
        if let Some((thing, hand_from_thing)) = self.held {
            let pose = world.pose(self.hand) * hand_from_thing;
            world.place(thing, &pose);
        }
    }
}
