//! place_wine_at_rack_location: put the bottle into the named place of the rack.

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    either_side, goals,
    script::{moved, pick, put, smallest, tool_down},
    shapes::{Spot, Stuff, WOOD, boxed, cylinder, from_base},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

/// Seen from the robot.
const NAMES: [&str; 3] = ["left", "middle", "right"];
/// Places are this far apart; half their inner side, walls, height, floor [m].
const APART_M: f64 = 0.085;
const SLOT_M: f64 = 0.034;
const WALL_M: f64 = 0.004;
const HIGH_M: f64 = 0.065;
const FLOOR_M: f64 = 0.010;
/// The bottle: radius and height of its body, then of its neck; held at this height [m].
const BODY_M: [f64; 2] = [0.024, 0.095];
const NECK_M: [f64; 2] = [0.011, 0.060];
const GRIP_M: f64 = 0.135;

pub struct Wine {
    rack: Spot,
    bottle: Spot,
    goals: Vec<Goal>,
}

impl Wine {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let side = either_side(rng);
        let rack =
            Spot::new([rng.random_range(0.22..0.34), side * rng.random_range(0.08..0.14)], rng.random_range(-0.5..0.5));
        let bottle = Spot::new([rng.random_range(0.12..0.34), -side * rng.random_range(0.16..0.26)], 0.0);
        let first = chosen(rng, variation, 3);
        let goals = goals(3, first, |i| sentence(NAMES[i], rng));
        Self { rack, bottle, goals }
    }

    fn slot_y(i: usize) -> f64 {
        APART_M * (1.0 - i as f64)
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("put the wine bottle in the {name} place of the rack"),
        1 => format!("place the wine at the {name} of the rack"),
        2 => format!("stow the bottle in the {name} slot of the wine rack"),
        _ => format!("slide the bottle into the {name} slot"),
    }
}

impl Task for Wine {
    fn bodies(&self, _sizes: Sizes) -> String {
        let half = 0.5 * APART_M;
        let mut rack = boxed([half, 1.5 * APART_M, 0.5 * FLOOR_M], [0.0, 0.0, 0.5 * FLOOR_M], &WOOD);
        let (tall, z) = (0.5 * HIGH_M, FLOOR_M + 0.5 * HIGH_M);
        for i in 0..=3 {
            let y = APART_M * (i as f64 - 1.5);
            rack += &boxed([half, WALL_M, tall], [0.0, y, z], &WOOD);
        }
        for x in [-SLOT_M - WALL_M, SLOT_M + WALL_M] {
            rack += &boxed([WALL_M, 1.5 * APART_M, tall], [x, 0.0, z], &WOOD);
        }
        let glass = Stuff { rgba: "0.12 0.32 0.18 1", mass_kg: 0.10 };
        let foil = Stuff { rgba: "0.55 0.08 0.15 1", mass_kg: 0.01 };
        let ([radius, high], [neck, long]) = (BODY_M, NECK_M);
        let bottle = cylinder(radius, 0.5 * high, [0.0, 0.0, 0.5 * high], &glass)
            + &cylinder(neck, 0.5 * long, [0.0, 0.0, high + 0.5 * long], &foil);
        self.rack.fixed("rack", &rack) + &self.bottle.free("bottle", 0.0, &bottle)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [slot] = goal.targets[..] else { return Ok(Vec::new()) };
        let Sizes { thing, furniture } = world.sizes();
        let bottle = world.body_pose("bottle")?.translation.vector;
        let held = from_base([self.bottle.x, self.bottle.y]);
        let grasp = moved(&tool_down(bottle, held), 0.0, 0.0, GRIP_M * thing);
        let high = FLOOR_M * furniture + GRIP_M * thing + 0.004;
        let over = self.rack.point(0.0, Self::slot_y(slot) * furniture, high);
        let there = tool_down(over, smallest(self.rack.yaw, std::f64::consts::PI));
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.10), grasp, 0.12);
        script.extend(put(moved(&there, 0.0, 0.0, HIGH_M * furniture + 0.05), there, 0.10));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let stowed = |i: usize| {
            let (y, near) = (Self::slot_y(i), SLOT_M);
            Condition::left_inside(world, "bottle", "rack", [-near, y - near, 0.0], [near, y + near, 0.03])
        };
        Conditions::judge(NAMES.len(), stowed)
    }
}
