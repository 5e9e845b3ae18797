//! meat_off_grill: take the chicken or the steak off the grill and put it onto the board beside it.

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    either_side, goals,
    script::{moved, pick, put, smallest, tool_down, yaw},
    shapes::{DARK, Spot, Stuff, WOOD, boxed},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

const NAMES: [&str; 2] = ["chicken", "steak"];
/// Half the grill's sides and its height; the board's middle beside it, and half its sides [m].
const GRILL_M: [f64; 2] = [0.09, 0.12];
const GRILL_HIGH_M: f64 = 0.10;
const BOARD_Y_M: f64 = 0.25;
const BOARD_M: [f64; 2] = [0.08, 0.08];
const BOARD_HIGH_M: f64 = 0.012;
/// Half heights of the two pieces [m].
const HALF_HIGH_M: [f64; 2] = [0.018, 0.012];

pub struct Grill {
    grill: Spot,
    /// 1: the board is on the left.
    side: f64,
    /// Places of the pieces on the grill.
    pieces: [Spot; 2],
    goals: Vec<Goal>,
}

impl Grill {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let side = either_side(rng);
        let grill = Spot::new(
            [rng.random_range(0.22..0.32), -side * rng.random_range(0.06..0.12)],
            rng.random_range(-0.3..0.3),
        );
        let swapped = either_side(rng);
        let pieces = [swapped, -swapped].map(|s| {
            let (dx, dy) = (rng.random_range(-0.03..0.03), s * rng.random_range(0.055..0.065));
            let at = grill.point(dx, dy, 0.0);
            Spot::new([at.x, at.y], grill.yaw + rng.random_range(-0.4..0.4))
        });
        let first = chosen(rng, variation, 2);
        let goals = goals(2, first, |i| sentence(NAMES[i], rng));
        Self { grill, side, pieces, goals }
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("take the {name} off the grill"),
        1 => format!("put the {name} on the board next to the grill"),
        2 => format!("the {name} is done: move it from the grill to the board"),
        _ => format!("lift the {name} off the barbecue"),
    }
}

impl Task for Grill {
    fn bodies(&self, sizes: Sizes) -> String {
        let [a, b] = GRILL_M;
        let (half, board_y) = (0.5 * GRILL_HIGH_M, self.side * BOARD_Y_M);
        let iron = Stuff { rgba: "0.33 0.33 0.35 1", mass_kg: 1.0 };
        let mut grill = boxed([a, b, half - 0.004], [0.0, 0.0, half - 0.004], &iron);
        for i in 0..7 {
            let x = (i as f64 - 3.0) * 0.028;
            grill += &boxed([0.005, b - 0.005, 0.004], [x, 0.0, GRILL_HIGH_M - 0.004], &DARK);
        }
        let [p, q] = BOARD_M;
        grill += &boxed([p, q, 0.5 * BOARD_HIGH_M], [0.0, board_y, 0.5 * BOARD_HIGH_M], &WOOD);
        let chicken = Stuff { rgba: "0.95 0.80 0.55 1", mass_kg: 0.06 };
        let steak = Stuff { rgba: "0.55 0.12 0.10 1", mass_kg: 0.06 };
        let leg = Stuff { rgba: "0.98 0.93 0.85 1", mass_kg: 0.01 };
        let shapes = [
            boxed([0.030, 0.019, HALF_HIGH_M[0]], [0.0; 3], &chicken)
                + &boxed([0.014, 0.007, 0.007], [0.044, 0.0, 0.0], &leg),
            boxed([0.042, 0.024, HALF_HIGH_M[1]], [0.0; 3], &steak),
        ];
        let high = |i: usize| GRILL_HIGH_M * sizes.furniture + HALF_HIGH_M[i] * sizes.thing;
        let meat = (0..2).map(|i| self.pieces[i].free(NAMES[i], high(i), &shapes[i]));
        self.grill.fixed("grill", &grill) + &meat.collect::<String>()
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [piece] = goal.targets[..] else { return Ok(Vec::new()) };
        let meat = world.body_pose(NAMES[piece])?;
        let held = smallest(yaw(&meat), std::f64::consts::PI);
        let grasp = tool_down(meat.translation.vector, held);
        let Sizes { thing, furniture } = world.sizes();
        let high = BOARD_HIGH_M * furniture + HALF_HIGH_M[piece] * thing + 0.004;
        let board = self.grill.point(0.0, self.side * BOARD_Y_M * furniture, high);
        let there = tool_down(board, smallest(self.grill.yaw, std::f64::consts::PI));
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.10);
        script.extend(put(moved(&there, 0.0, 0.0, 0.12), there, 0.10));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let [p, q] = BOARD_M;
        let y = self.side * BOARD_Y_M;
        let (low, high) = ([-p, y - q, 0.0], [p, y + q, 0.06]);
        Conditions::judge(2, |i| Condition::left_inside(world, NAMES[i], "grill", low, high))
    }
}
