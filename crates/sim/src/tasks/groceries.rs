//! put_groceries_in_cupboard: put the named one of nine groceries into the cupboard.

use neuraxis_core::{Gripper, KeyFrame};
use rand::{Rng, seq::SliceRandom};
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    goals,
    script::{back, keyframe, moved, pick, tool_forward},
    shapes::{Spot, Stuff, WOOD, boxed, cylinder, from_base},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

/// Name, colour, half sides (a can: radius, 0, half height) [m].
const ITEMS: [(&str, &str, [f64; 3]); 9] = [
    ("crackers", "0.80 0.15 0.12 1", [0.020, 0.028, 0.034]),
    ("chocolate jelly", "0.35 0.20 0.12 1", [0.018, 0.024, 0.022]),
    ("strawberry jelly", "0.95 0.40 0.50 1", [0.018, 0.024, 0.022]),
    ("soup", "0.85 0.30 0.05 1", [0.024, 0.0, 0.032]),
    ("tuna", "0.15 0.35 0.75 1", [0.028, 0.0, 0.016]),
    ("canned meat", "0.10 0.15 0.45 1", [0.022, 0.030, 0.026]),
    ("coffee", "0.10 0.35 0.15 1", [0.026, 0.0, 0.034]),
    ("mustard", "0.95 0.85 0.10 1", [0.016, 0.022, 0.035]),
    ("sugar", "0.97 0.95 0.90 1", [0.018, 0.026, 0.035]),
];
/// Where the groceries stand, before each is moved a little; a hand must fit between them [m].
const PLACES: [[f64; 2]; 9] = [
    [0.26, 0.175],
    [0.24, 0.33],
    [0.385, 0.125],
    [0.37, 0.28], //
    [0.26, -0.175],
    [0.24, -0.33],
    [0.385, -0.125],
    [0.37, -0.28], //
    [0.29, 0.0],
];
/// Inside of the cupboard: half width, depth, height, floor above the table; thickness of boards [m].
const HALF_WIDE_M: f64 = 0.13;
const DEEP_M: f64 = 0.16;
const HIGH_M: f64 = 0.24;
const FLOOR_M: f64 = 0.06;
const BOARD_M: f64 = 0.006;
/// Where the tool lets go, and where it waits before [m].
const INSIDE_M: f64 = 0.045;
const OUTSIDE_M: f64 = 0.12;
/// The tool points down by this much [rad].
const TILT_RAD: f64 = 0.7;

pub struct Groceries {
    /// Middle of the open front on the table; x points inwards.
    cupboard: Spot,
    items: Vec<Spot>,
    goals: Vec<Goal>,
}

impl Groceries {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let cupboard =
            Spot::new([rng.random_range(0.47..0.50), rng.random_range(-0.02..0.02)], rng.random_range(-0.08..0.08));
        let mut places = PLACES;
        places.shuffle(rng);
        let items = places
            .into_iter()
            .map(|[x, y]| {
                let at = [x + rng.random_range(-0.012..0.012), y + rng.random_range(-0.012..0.012)];
                // They face the robot, more or less.
                Spot::new(at, from_base(at) + rng.random_range(-0.2..0.2))
            })
            .collect();
        let first = chosen(rng, variation, ITEMS.len());
        let goals = goals(ITEMS.len(), first, |i| sentence(ITEMS[i].0, rng));
        Self { cupboard, items, goals }
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("put the {name} in the cupboard"),
        1 => format!("put the {name} away"),
        2 => format!("place the {name} inside the cupboard"),
        _ => format!("stow the {name} in the cupboard"),
    }
}

/// What sentences call them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ITEMS.iter().map(|item| item.0)
}

fn body(i: usize) -> String {
    ITEMS[i].0.replace(' ', "_")
}

impl Task for Groceries {
    fn bodies(&self, sizes: Sizes) -> String {
        let middle = 0.5 * DEEP_M;
        let high = 0.5 * (FLOOR_M + HIGH_M);
        let mut cupboard = boxed([BOARD_M, HALF_WIDE_M, high], [DEEP_M + BOARD_M, 0.0, high], &WOOD)
            + &boxed([middle, HALF_WIDE_M, 0.5 * FLOOR_M], [middle, 0.0, 0.5 * FLOOR_M], &WOOD)
            + &boxed([middle, HALF_WIDE_M, BOARD_M], [middle, 0.0, FLOOR_M + HIGH_M + BOARD_M], &WOOD);
        for y in [-HALF_WIDE_M - BOARD_M, HALF_WIDE_M + BOARD_M] {
            cupboard +=
                &boxed([middle + BOARD_M, BOARD_M, high + BOARD_M], [middle + BOARD_M, y, high + BOARD_M], &WOOD);
        }
        let mut xml = self.cupboard.fixed("cupboard", &cupboard);
        for (i, (spot, (_, rgba, [a, b, c]))) in self.items.iter().zip(ITEMS).enumerate() {
            let stuff = Stuff { rgba, mass_kg: 0.06 };
            let shape = if b == 0.0 { cylinder(a, c, [0.0; 3], &stuff) } else { boxed([a, b, c], [0.0; 3], &stuff) };
            xml += &spot.free(&body(i), c * sizes.thing, &shape);
        }
        xml
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [item] = goal.targets[..] else { return Ok(Vec::new()) };
        let Sizes { thing, furniture } = world.sizes();
        let high = ITEMS[item].2[2] * thing;
        let at = world.body_pose(&body(item))?.translation.vector;
        // About the middle, but so that the hand clears the table, and the top of what it holds.
        let grip = (high - 0.024).max(0.019 - high).max(0.0);
        let grasp = moved(&tool_forward(at, self.items[item].yaw, TILT_RAD), 0.0, 0.0, grip);
        let level = |x: f64, z: f64| {
            let at = self.cupboard.point(x, 0.0, FLOOR_M * furniture + high + grip + z);
            tool_forward(at, self.cupboard.yaw, TILT_RAD)
        };
        let mut script = pick(back(&grasp, 0.11), grasp, 0.16);
        script.extend([
            keyframe(level(-OUTSIDE_M, 0.03), Gripper::Closed, false),
            keyframe(level(INSIDE_M, 0.03), Gripper::Closed, true),
            keyframe(level(INSIDE_M, 0.003), Gripper::Open, true),
            keyframe(level(-OUTSIDE_M, 0.05), Gripper::Open, true),
        ]);
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let away = |i: usize| {
            let (low, top) = ([0.0, -HALF_WIDE_M, FLOOR_M], [DEEP_M, HALF_WIDE_M, FLOOR_M + 0.08]);
            Condition::left_inside(world, &body(i), "cupboard", low, top)
        };
        Conditions::judge(ITEMS.len(), away)
    }
}
