//! put_money_in_safe: put the bundle of notes onto the named shelf of the safe.

use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    either_side, goals,
    script::{back, keyframe, moved, pick, tool_forward, yaw},
    shapes::{Spot, Stuff, boxed, from_base},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

const NAMES: [&str; 3] = ["bottom", "middle", "top"];
/// Inner half width, depth and height of a shelf; thickness of boards [m].
const HALF_WIDE_M: f64 = 0.14;
const DEEP_M: f64 = 0.14;
const SHELF_M: f64 = 0.135;
const BOARD_M: f64 = 0.006;
/// Half sides of the bundle, and how far behind its middle it is held [m].
const BUNDLE_M: [f64; 3] = [0.038, 0.016, 0.015];
const BEHIND_M: f64 = 0.016;
/// The tool comes to rest this far inside, and before that waits this far outside [m].
const INSIDE_M: f64 = 0.030;
const OUTSIDE_M: f64 = 0.10;
/// The tool points down by this much, when it picks and when it puts [rad].
const TILT_RAD: f64 = 0.7;

pub struct Safe {
    /// Middle of the open front on the table; x points into the safe.
    safe: Spot,
    money: Spot,
    goals: Vec<Goal>,
}

impl Safe {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let safe =
            Spot::new([rng.random_range(0.44..0.48), rng.random_range(-0.05..0.05)], rng.random_range(-0.2..0.2));
        let side = either_side(rng);
        let [x, y] = [rng.random_range(0.20..0.30), side * rng.random_range(0.20..0.30)];
        // It points away from the robot, more or less.
        let money = Spot::new([x, y], from_base([x, y]) + rng.random_range(-0.3..0.3));
        let first = chosen(rng, variation, 3);
        let goals = goals(3, first, |i| sentence(NAMES[i], rng));
        Self { safe, money, goals }
    }

    fn shelf_z(i: usize) -> f64 {
        SHELF_M * i as f64 + 2.0 * BOARD_M
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("put the money on the {name} shelf of the safe"),
        1 => format!("put the bundle of notes away on the {name} shelf"),
        2 => format!("leave the cash in the safe, on the {name} shelf"),
        _ => format!("store the money on the {name} shelf in the safe"),
    }
}

impl Task for Safe {
    fn bodies(&self, sizes: Sizes) -> String {
        let steel = Stuff { rgba: "0.38 0.42 0.47 1", mass_kg: 1.0 };
        let high = 3.0 * SHELF_M + 2.0 * BOARD_M;
        let middle = 0.5 * DEEP_M;
        let mut safe = boxed([BOARD_M, HALF_WIDE_M, 0.5 * high], [DEEP_M + BOARD_M, 0.0, 0.5 * high], &steel);
        for side in [-1.0, 1.0] {
            let y = side * (HALF_WIDE_M + BOARD_M);
            safe += &boxed([middle + BOARD_M, BOARD_M, 0.5 * high], [middle + BOARD_M, y, 0.5 * high], &steel);
        }
        for i in 0..=3 {
            let z = SHELF_M * i as f64 + BOARD_M;
            safe += &boxed([middle, HALF_WIDE_M, BOARD_M], [middle, 0.0, z], &steel);
        }
        let notes = Stuff { rgba: "0.35 0.62 0.38 1", mass_kg: 0.05 };
        let band = Stuff { rgba: "0.95 0.92 0.85 1", mass_kg: 0.002 };
        let [a, b, c] = BUNDLE_M;
        let bundle =
            boxed([a, b, c], [0.0; 3], &notes) + &boxed([0.006, b + 0.0004, c + 0.0004], [0.018, 0.0, 0.0], &band);
        self.safe.fixed("safe", &safe) + &self.money.free("money", c * sizes.thing, &bundle)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [shelf] = goal.targets[..] else { return Ok(Vec::new()) };
        let money = world.body_pose("money")?;
        let along = yaw(&money);
        let Sizes { thing, furniture } = world.sizes();
        let high = 0.004;
        let at = money * nalgebra::Point3::new(-BEHIND_M, 0.0, high);
        let grasp = tool_forward(at.coords, along, TILT_RAD);
        let level = |x: f64| {
            let lies = Self::shelf_z(shelf) * furniture + BUNDLE_M[2] * thing;
            tool_forward(self.safe.point(x, 0.0, lies + high + 0.003), self.safe.yaw, TILT_RAD)
        };
        let mut script = pick(back(&grasp, 0.10), grasp, 0.10);
        script.extend([
            keyframe(moved(&level(-OUTSIDE_M), 0.0, 0.0, 0.01), Gripper::Closed, false),
            keyframe(level(INSIDE_M), Gripper::Open, true),
            keyframe(level(-OUTSIDE_M), Gripper::Open, true),
        ]);
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let away = |i: usize| {
            let z = Self::shelf_z(i);
            Condition::left_inside(world, "money", "safe", [0.0, -HALF_WIDE_M, z], [DEEP_M, HALF_WIDE_M, z + 0.06])
        };
        Conditions::judge(NAMES.len(), away)
    }
}
