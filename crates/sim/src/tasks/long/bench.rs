//! The workbench: a cabinet of three drawers, three blocks, two plates and two buttons, all of different colours.

use std::f64::consts::FRAC_PI_4;

use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    super::{
        buttons::button,
        choose, colours,
        drawer::{Drawer, HANDLE_Z_M, NAMES},
        shapes::{Spot, Stuff, boxed, plate},
    },
    table::{Roles, Start, Words},
};
use crate::{colour::COLOURS, perturb::Sizes, tasks::Task};

pub(super) const BLOCKS: usize = 3;
pub(super) const PLATES: usize = 2;
pub(super) const BUTTONS: usize = 2;
/// Half a block's side, half a plate's side [m].
pub(super) const HALF_M: f64 = 0.018;
pub(super) const PLATE_M: f64 = 0.05;
/// Where blocks stand at the start, more or less [m].
pub(super) const SLOTS: [[f64; 2]; 4] = [[0.14, 0.31], [0.26, 0.31], [0.14, -0.31], [0.26, -0.31]];
/// Inside a drawer, from its front panel, and in which height blocks stand [m].
pub(super) const INSIDE_X_M: f64 = 0.06;
pub(super) const INSIDE_Z_M: f64 = -0.041 + HALF_M;

pub(super) struct Bench {
    cabinet: Drawer,
    blocks: [Spot; BLOCKS],
    /// Above the table: of the frame that they stand in, and of their middles in that [m].
    heights_m: [[f64; 2]; BLOCKS],
    plates: [Spot; PLATES],
    buttons: [Spot; BUTTONS],
    /// Of blocks, plates, buttons.
    colours: Vec<usize>,
}

impl Bench {
    /// `meant` is the block that has the variation's colour.
    pub(super) fn sample(start: &[Start], meant: usize, variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let cabinet = Drawer::sample_at(0.47..0.50, -0.03..0.03, None, rng);
        let mut near = |at: [f64; 2], most: f64| at.map(|v| v + rng.random_range(-most..most));
        let plates = [1.0, -1.0].map(|side| Spot::new(near([0.11, side * 0.18], 0.012), 0.0));
        let buttons = [1.0, -1.0].map(|side| Spot::new(near([0.10, side * 0.047], 0.004), 0.0));
        let slots = choose(rng, BLOCKS, SLOTS.len());
        let mut blocks = std::array::from_fn(|i| {
            let at = SLOTS[slots[i]].map(|v| v + rng.random_range(-0.02..0.02));
            Spot::new(at, rng.random_range(-FRAC_PI_4..FRAC_PI_4))
        });
        let mut heights_m = [[0.0, HALF_M]; BLOCKS];
        for what in start {
            match *what {
                Start::OnPlate { block, plate } => blocks[block] = plates[plate],
                Start::Inside { block, drawer } => {
                    let at = cabinet.spot().point(INSIDE_X_M, 0.0, 0.0);
                    blocks[block] = Spot::new([at.x, at.y], cabinet.spot().yaw);
                    heights_m[block] = [HANDLE_Z_M[drawer], INSIDE_Z_M];
                }
            }
        }
        let colours = colours(rng, BLOCKS + PLATES + BUTTONS, meant, variation);
        Self { cabinet, blocks, heights_m, plates, buttons, colours }
    }

    /// What things are called.
    pub(super) fn words(&self, roles: &Roles) -> Words {
        let named = |i: usize| COLOURS[self.colours[i]].name;
        Words {
            block: roles.blocks.map(named),
            plate: roles.plates.map(|i| named(BLOCKS + i)),
            button: roles.buttons.map(|i| named(BLOCKS + PLATES + i)),
            drawer: roles.drawers.map(|i| NAMES[i]),
        }
    }

    pub(super) fn sections(&self) -> String {
        self.cabinet.sections()
    }

    pub(super) fn bodies(&self, sizes: Sizes) -> String {
        let rgba = |i: usize| COLOURS[self.colours[i]].rgba();
        let mut xml = self.cabinet.bodies(sizes);
        for (i, (spot, [frame, middle])) in self.blocks.iter().zip(self.heights_m).enumerate() {
            let paint = Stuff { rgba: &rgba(i), mass_kg: 0.05 };
            let z = frame + middle * sizes.thing;
            xml += &spot.free(&format!("block{i}"), z, &boxed([HALF_M; 3], [0.0; 3], &paint));
        }
        for (i, spot) in self.plates.iter().enumerate() {
            xml += &spot.fixed(&format!("plate{i}"), &plate([PLATE_M; 2], [0.0; 2], &rgba(BLOCKS + i)));
        }
        for (i, spot) in self.buttons.iter().enumerate() {
            xml += &button(i, [spot.x, spot.y], [0.036, 0.027, 0.0285], &rgba(BLOCKS + PLATES + i));
        }
        xml
    }
}
