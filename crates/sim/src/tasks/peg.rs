//! insert_onto_square_peg: put the square ring over the peg of the named colour.

use std::f64::consts::FRAC_PI_2;

use nalgebra::Vector3;
use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen, colours,
    condition::{Condition, Conditions},
    goals,
    script::{moved, pick, put, smallest, tool_down, yaw},
    shapes::{GREY, Spot, Stuff, WOOD, boxed},
};
use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

const PEGS: usize = 3;
/// Pegs stand this far apart on a base of this thickness; half their side, and their height [m].
const APART_M: f64 = 0.12;
const BASE_M: f64 = 0.010;
const PEG_M: f64 = 0.011;
const PEG_HIGH_M: f64 = 0.08;
/// Half the ring's opening, half the width of its bars, half its height [m].
const OPENING_M: f64 = 0.030;
const BAR_M: f64 = 0.008;
const RING_HIGH_M: f64 = 0.012;
/// The ring is let down off the middle of the peg, so that the inner finger has room [m].
const OFF_M: f64 = 0.007;

pub struct Peg {
    base: Spot,
    ring: Spot,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Peg {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let base =
            Spot::new([rng.random_range(0.20..0.34), side * rng.random_range(0.10..0.15)], rng.random_range(-0.4..0.4));
        let ring = Spot::new(
            [rng.random_range(0.12..0.34), -side * rng.random_range(0.17..0.27)],
            rng.random_range(-FRAC_PI_2..FRAC_PI_2),
        );
        let first = chosen(rng, None, PEGS);
        let colours = colours(rng, PEGS, first, variation);
        let goals = goals(PEGS, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Self { base, ring, colours, goals }
    }

    /// Middle of a peg in the base's frame.
    fn peg_y(i: usize) -> f64 {
        APART_M * (i as f64 - 1.0)
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("put the ring on the {colour} peg"),
        1 => format!("insert the square ring onto the {colour} spoke"),
        2 => format!("slip the ring over the {colour} pillar"),
        _ => format!("place the square hoop around the {colour} peg"),
    }
}

impl Task for Peg {
    fn bodies(&self, sizes: Sizes) -> String {
        let mut base = boxed([0.05, 0.17, 0.5 * BASE_M], [0.0, 0.0, 0.5 * BASE_M], &WOOD);
        for (i, colour) in self.colours.iter().enumerate() {
            let rgba = COLOURS[*colour].rgba();
            let peg = Stuff { rgba: &rgba, mass_kg: 0.05 };
            let z = BASE_M + 0.5 * PEG_HIGH_M;
            base += &boxed([PEG_M, PEG_M, 0.5 * PEG_HIGH_M], [0.0, Self::peg_y(i), z], &peg);
        }
        let (out, long) = (OPENING_M + BAR_M, OPENING_M + 2.0 * BAR_M);
        let bar = Stuff { mass_kg: 0.012, ..GREY };
        let ring = boxed([long, BAR_M, RING_HIGH_M], [0.0, out, 0.0], &bar)
            + &boxed([long, BAR_M, RING_HIGH_M], [0.0, -out, 0.0], &bar)
            + &boxed([BAR_M, OPENING_M, RING_HIGH_M], [out, 0.0, 0.0], &bar)
            + &boxed([BAR_M, OPENING_M, RING_HIGH_M], [-out, 0.0, 0.0], &bar);
        self.base.fixed("base", &base) + &self.ring.free("ring", RING_HIGH_M * sizes.thing, &ring)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [peg] = goal.targets[..] else { return Ok(Vec::new()) };
        // The ring looks the same every quarter turn: held by the bar that needs the least of a turn.
        let (ring, place) = (world.body_pose("ring")?, smallest(self.base.yaw, FRAC_PI_2));
        let held = smallest(yaw(&ring), FRAC_PI_2);
        // The tool's y axis is across the bar, the ring's middle lies this far along it.
        let Sizes { thing, furniture } = world.sizes();
        let out = (OPENING_M + BAR_M) * thing;
        let bar_from = |yaw: f64| Vector3::new(yaw.sin() * out, -yaw.cos() * out, 0.0);
        let grasp = tool_down(ring.translation.vector + bar_from(held) + Vector3::new(0.0, 0.0, 0.004), held);
        let high = BASE_M * furniture + RING_HIGH_M * thing + 0.004;
        let over = self.base.point(0.0, Self::peg_y(peg) * furniture, high);
        let off = Vector3::new(place.sin() * OFF_M, -place.cos() * OFF_M, 0.0);
        let there = tool_down(over + bar_from(place) + off + Vector3::new(0.0, 0.0, 0.004), place);
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.13);
        script.extend(put(moved(&there, 0.0, 0.0, PEG_HIGH_M * furniture + 0.04), there, 0.10));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let on = |i: usize| {
            let (y, near) = (Self::peg_y(i), OPENING_M);
            let (low, high) = ([-near, y - near, 0.0], [near, y + near, 0.5 * PEG_HIGH_M]);
            Condition::left_inside(world, "ring", "base", low, high)
        };
        Conditions::judge(PEGS, on)
    }
}
