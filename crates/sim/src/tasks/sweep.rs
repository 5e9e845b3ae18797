//! sweep_to_dustpan_of_size: sweep the dirt into the tall or the short dustpan with the broom.

use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    either_side, goals,
    script::{keyframe, moved, pick, smallest, tool_down, yaw},
    shapes::{Spot, Stuff, WOOD, boxed, plate},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

const NAMES: [&str; 2] = ["tall", "short"];
const DIRT: usize = 5;
/// Half the side of a piece of dirt, which lie this close to the middle [m].
const DIRT_M: f64 = 0.004;
const SPREAD_M: f64 = 0.028;
/// Pans are open from here to here along y; half their inner width; heights of their walls [m].
const MOUTH_M: f64 = 0.14;
const END_M: f64 = 0.27;
const PAN_M: f64 = 0.062;
const WALLS_M: [f64; 2] = [0.09, 0.03];
/// Half the brush's thickness, length and height; half the handle's height [m].
const BRUSH_M: [f64; 3] = [0.010, 0.050, 0.018];
const HANDLE_M: f64 = 0.045;
/// Held this far above the brush's middle [m].
const GRIP_M: f64 = BRUSH_M[2] + 1.3 * HANDLE_M;

pub struct Sweep {
    scene: Spot,
    broom: Spot,
    dirt: Vec<Spot>,
    /// 1: the tall pan is on the left.
    side: f64,
    goals: Vec<Goal>,
}

impl Sweep {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let scene =
            Spot::new([rng.random_range(0.24..0.31), rng.random_range(-0.03..0.03)], rng.random_range(-0.2..0.2));
        let broom =
            Spot::new([rng.random_range(0.06..0.11), rng.random_range(-0.10..0.10)], rng.random_range(-0.6..0.6));
        let dirt = (0..DIRT)
            .map(|i| {
                // One in each of five strips, so that they do not start inside each other.
                let x = SPREAD_M * (i as f64 - 2.0) / 2.0 + rng.random_range(-0.002..0.002);
                let at = scene.point(x, rng.random_range(-SPREAD_M..SPREAD_M), 0.0);
                Spot::new([at.x, at.y], rng.random_range(-1.5..1.5))
            })
            .collect();
        let side = either_side(rng);
        let first = chosen(rng, variation, 2);
        let goals = goals(2, first, |i| sentence(NAMES[i], rng));
        Self { scene, broom, dirt, side, goals }
    }

    /// On which side of the dirt a pan stands.
    fn side(&self, i: usize) -> f64 {
        [self.side, -self.side][i]
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("sweep the dirt into the {name} dustpan"),
        1 => format!("brush the crumbs into the {name} pan"),
        2 => format!("use the broom to get the dirt into the {name} dustpan"),
        _ => format!("clean up: sweep everything to the {name} dustpan"),
    }
}

impl Task for Sweep {
    fn bodies(&self, sizes: Sizes) -> String {
        let mut scene = String::new();
        for (i, wall) in WALLS_M.iter().enumerate() {
            let (side, half) = (self.side(i), 0.5 * wall);
            let tin = Stuff { rgba: "0.25 0.42 0.62 1", mass_kg: 0.2 };
            let long = 0.5 * (END_M - MOUTH_M);
            for x in [-PAN_M - 0.004, PAN_M + 0.004] {
                scene += &boxed([0.004, long, half], [x, side * (MOUTH_M + long), half], &tin);
            }
            scene += &boxed([PAN_M + 0.008, 0.004, half], [0.0, side * (END_M + 0.004), half], &tin);
            scene += &plate([PAN_M, long], [0.0, side * (MOUTH_M + long)], "0.18 0.30 0.45 1");
        }
        let mut xml = self.scene.fixed("pans", &scene);
        let bristles = Stuff { rgba: "0.85 0.72 0.35 1", mass_kg: 0.05 };
        let broom = boxed(BRUSH_M, [0.0; 3], &bristles)
            + &boxed([0.010, 0.010, HANDLE_M], [0.0, 0.0, BRUSH_M[2] + HANDLE_M], &Stuff { mass_kg: 0.02, ..WOOD });
        xml += &self.broom.free("broom", BRUSH_M[2] * sizes.thing, &broom);
        let crumb = Stuff { rgba: "0.12 0.10 0.08 1", mass_kg: 0.001 };
        for (i, dirt) in self.dirt.iter().enumerate() {
            xml += &dirt.free(&format!("dirt{i}"), DIRT_M * sizes.thing, &boxed([DIRT_M; 3], [0.0; 3], &crumb));
        }
        xml
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [pan] = goal.targets[..] else { return Ok(Vec::new()) };
        let side = self.side(pan);
        let broom = world.body_pose("broom")?;
        let Sizes { thing, furniture } = world.sizes();
        let up = |z: f64| GRIP_M * thing + z;
        // The fingers close along the brush, so that it cannot turn between them.
        let held = smallest(yaw(&broom), std::f64::consts::PI);
        let grasp = moved(&tool_down(broom.translation.vector, held), 0.0, 0.0, up(0.0));
        // The brush's thickness along the way: its x axis points along the scene's -y, whichever way it goes.
        let across = self.scene.yaw - std::f64::consts::FRAC_PI_2;
        let at = |y: f64, z: f64| tool_down(self.scene.point(0.0, side * y, BRUSH_M[2] * thing + up(z)), across);
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.09);
        script.extend([
            keyframe(at(-0.085, 0.06), Gripper::Closed, false),
            keyframe(at(-0.085, 0.001), Gripper::Closed, true),
            keyframe(at(MOUTH_M * furniture + 0.055, 0.001), Gripper::Closed, true),
        ]);
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let swept = |pan: usize| {
            let (near, far) = (self.side(pan) * MOUTH_M, self.side(pan) * END_M);
            let (low, high) = ([-PAN_M, near.min(far), 0.0], [PAN_M, near.max(far), 0.05]);
            (0..DIRT).map(|i| Condition::inside(world, &format!("dirt{i}"), "pans", low, high)).collect()
        };
        Conditions::judge(2, swept)
    }
}
