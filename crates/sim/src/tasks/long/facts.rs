//! What can hold at the workbench, read from the true state.

use nalgebra::{Isometry3, Vector3};

use super::{
    super::{
        buttons::{PRESSED_M, cover_z_m},
        condition::is_inside,
        drawer::INSIDE_M,
        each,
    },
    bench::{BLOCKS, BUTTONS, HALF_M, PLATE_M, PLATES},
};
use crate::{SimError, model::TABLE_Z_M, plant::WorldData};

/// Opening from which a drawer counts as open, and up to which it counts as closed [m].
const OPEN_M: f64 = 0.15;
const CLOSED_M: f64 = 0.02;

/// Something that a goal asks for; numbers are those of the scene.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Opened(usize),
    Closed(usize),
    Inside { block: usize, drawer: usize },
    On { block: usize, plate: usize },
    Stacked { block: usize, on: usize },
    Pressed(usize),
}

/// Where the scene's things are in the simulator.
pub(super) struct Facts {
    pub(super) cabinet: usize,
    pub(super) blocks: [usize; BLOCKS],
    pub(super) plates: [usize; PLATES],
    pub(super) buttons: [usize; BUTTONS],
    drawers: [usize; 3],
    slides: [usize; 3],
    presses: [usize; BUTTONS],
    covers: [(usize, usize); BUTTONS],
}

impl Facts {
    pub(super) fn new(world: &WorldData) -> Result<Self, SimError> {
        let body = |kind: &str, i: usize| world.body_index(&format!("{kind}{i}"));
        let joint = |kind: &str, i: usize| world.qpos_index(&format!("{kind}{i}"));
        Ok(Self {
            cabinet: world.body_index("cabinet")?,
            blocks: each(|i| body("block", i))?,
            plates: each(|i| body("plate", i))?,
            buttons: each(|i| body("button", i))?,
            drawers: each(|i| body("drawer", i))?,
            slides: each(|i| joint("slide", i))?,
            presses: each(|i| joint("press", i))?,
            covers: each(|i| Ok((body("cover", i)?, world.mocap_index(&format!("cover{i}"))?)))?,
        })
    }

    pub(super) fn hold(&self, fact: &Fact, world: &WorldData) -> bool {
        match *fact {
            Fact::Opened(drawer) => self.opening_m(drawer, world) > OPEN_M,
            Fact::Closed(drawer) => self.opening_m(drawer, world) < CLOSED_M,
            Fact::Inside { block, drawer } => self.holder(block, world) == Some(drawer),
            Fact::On { block, plate } => self.occupant(plate, world) == Some(block),
            Fact::Stacked { block, on } => {
                let off = world.body_position(self.blocks[block]) - world.body_position(self.blocks[on]);
                let size = world.sizes().thing;
                (off.z - 2.0 * HALF_M * size).abs() < 0.006 * size && off.xy().norm() < HALF_M * size
            }
            Fact::Pressed(button) => world.body_position(self.covers[button].0).z > TABLE_Z_M,
        }
    }

    /// No finger touches the block that the fact is about.
    pub(super) fn is_released(&self, fact: &Fact, world: &WorldData) -> bool {
        match *fact {
            Fact::Inside { block, .. } | Fact::On { block, .. } | Fact::Stacked { block, .. } => {
                world.touching_fingers(self.blocks[block]) == [false; 2]
            }
            Fact::Opened(_) | Fact::Closed(_) | Fact::Pressed(_) => true,
        }
    }

    /// Covers what is pressed for good; the button that was pressed just now.
    pub(super) fn press(&self, world: &mut WorldData) -> Option<usize> {
        let mut pressed = None;
        for i in 0..BUTTONS {
            let travel = world.qpos()[self.presses[i]];
            let before = self.hold(&Fact::Pressed(i), world);
            if before || travel > PRESSED_M {
                world.mocap_z(self.covers[i].1, cover_z_m(travel));
            }
            if !before && travel > PRESSED_M {
                pressed = Some(i);
            }
        }
        pressed
    }

    pub(super) fn opening_m(&self, drawer: usize, world: &WorldData) -> f64 {
        world.qpos()[self.slides[drawer]]
    }

    pub(super) fn block(&self, block: usize, world: &WorldData) -> Isometry3<f64> {
        world.pose(self.blocks[block])
    }

    pub(super) fn drawer(&self, drawer: usize, world: &WorldData) -> Isometry3<f64> {
        world.pose(self.drawers[drawer])
    }

    /// The drawer that a block is in.
    pub(super) fn holder(&self, block: usize, world: &WorldData) -> Option<usize> {
        (0..3).find(|i| {
            let [low, high] = INSIDE_M.map(Vector3::from);
            is_inside(world, self.blocks[block], self.drawers[*i], &low, &high)
        })
    }

    /// The block that lies on a plate.
    pub(super) fn occupant(&self, plate: usize, world: &WorldData) -> Option<usize> {
        let near = PLATE_M - 0.01;
        let (low, high) = (Vector3::new(-near, -near, 0.0), Vector3::new(near, near, 1.5 * HALF_M));
        (0..BLOCKS).find(|i| is_inside(world, self.blocks[*i], self.plates[plate], &low, &high))
    }

    /// The block that stands on a block.
    pub(super) fn above(&self, block: usize, world: &WorldData) -> Option<usize> {
        (0..BLOCKS).find(|i| *i != block && self.hold(&Fact::Stacked { block: *i, on: block }, world))
    }
}
