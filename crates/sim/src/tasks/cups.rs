//! stack_cups: put the two other cups into the cup of the named colour.

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen, colours,
    condition::{Condition, Conditions},
    goals, place,
    script::{moved, pick, put, smallest, tool_down},
    shapes::{Spot, Stuff, Wall, cylinder, from_base},
};
use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

const CUPS: usize = 3;
/// Inner radius at the bottom and at the top, wall, height [m].
const RADII_M: [f64; 2] = [0.024, 0.038];
const WALL_M: f64 = 0.003;
const HIGH_M: f64 = 0.080;
/// A cup in a cup stands this much higher; the tool holds the rim this far below the top [m].
const NESTED_M: f64 = 0.025;
const BELOW_M: f64 = 0.008;

pub struct Cups {
    cups: Vec<Spot>,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Cups {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        let at = place(rng, CUPS, [0.12, 0.38, -0.24, 0.24], 0.16, |tries| SimError::Placement {
            task: "stack_cups".into(),
            seed,
            object: "a cup",
            tries,
        })?;
        let cups = at.iter().map(|p| Spot::new(*p, 0.0)).collect();
        let first = chosen(rng, None, CUPS);
        let colours = colours(rng, CUPS, first, variation);
        let goals = goals(CUPS, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Ok(Self { cups, colours, goals })
    }

    /// The others, in the order in which they are stacked: the left one (larger y) first.
    fn others(&self, base: usize) -> Vec<usize> {
        let mut others: Vec<usize> = (0..CUPS).filter(|i| *i != base).collect();
        others.sort_by(|a, b| self.cups[*b].y.total_cmp(&self.cups[*a].y));
        others
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("stack the other cups on top of the {colour} cup"),
        1 => format!("put both other cups into the {colour} one"),
        2 => format!("nest the cups, the {colour} one at the bottom"),
        _ => format!("make one pile of the cups in the {colour} cup"),
    }
}

impl Task for Cups {
    fn bodies(&self, _sizes: Sizes) -> String {
        let mut xml = String::new();
        for (i, (cup, colour)) in self.cups.iter().zip(&self.colours).enumerate() {
            let rgba = COLOURS[*colour].rgba();
            let paint = Stuff { rgba: &rgba, mass_kg: 0.03 };
            let wall = Wall { radii: RADII_M, thickness: WALL_M, z: 0.0, height: HIGH_M, sides: 16 };
            let bottom = cylinder(RADII_M[0], 0.002, [0.0, 0.0, 0.002], &paint);
            xml += &cup.free(&format!("cup{i}"), 0.0, &(wall.geoms(&paint) + &bottom));
        }
        xml
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [base] = goal.targets[..] else { return Ok(Vec::new()) };
        let size = world.sizes().thing;
        let rim = 0.5 * (RADII_M[1] + RADII_M[1] + WALL_M) * size - 0.001;
        let grip = HIGH_M * size - BELOW_M;
        let mut script = Vec::new();
        for (level, cup) in self.others(base).into_iter().enumerate() {
            // Held by the rim on the side away from the third cup's way; the fingers close along the radius.
            let held = |at: &Spot, z: f64| {
                let yaw = smallest(from_base([at.x, at.y]), std::f64::consts::PI);
                // The tool's y axis is (sin, -cos): the rim on that side.
                tool_down(at.point(rim * yaw.sin(), -rim * yaw.cos(), z), yaw)
            };
            let grasp = held(&self.cups[cup], grip);
            let there = held(&self.cups[base], grip + NESTED_M * size * (level + 1) as f64 + 0.004);
            script.extend(pick(moved(&grasp, 0.0, 0.0, 0.08), grasp, 0.16));
            script.extend(put(moved(&there, 0.0, 0.0, 0.09), there, 0.09));
        }
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let stacked = |base: usize| {
            let near = 0.018;
            let into = |cup: usize| {
                let (cup, base) = (format!("cup{cup}"), format!("cup{base}"));
                Condition::left_inside(world, &cup, &base, [-near, -near, 0.010], [near, near, 0.115])
            };
            let conditions = self.others(base).into_iter().map(into).collect::<Result<Vec<_>, _>>()?;
            Ok(conditions.concat())
        };
        Conditions::judge(CUPS, stacked)
    }
}
