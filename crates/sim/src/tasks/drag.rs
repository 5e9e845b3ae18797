//! reach_and_drag: take the stick and drag the cube onto the plate of the named colour with it.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, choose, chosen, either_side, goals,
    plates::Plates,
    script::{keyframe, moved, nearest, pick, smallest, tool_down, yaw},
    shapes::{Spot, Stuff, WOOD, boxed},
};
use crate::{SimError, colour::COLOURS, model::TABLE_Z_M, perturb::Sizes, plant::WorldData};

/// Half the cube's side; distance of the plates from it; half the side of a plate [m].
const HALF_M: f64 = 0.022;
const AWAY_M: f64 = 0.12;
const PLATES: Plates = Plates { away_m: AWAY_M, half_m: 0.042 };
/// Half the stick's length, width and height [m].
const STICK_M: [f64; 3] = [0.11, 0.010, 0.014];
/// The stick is held this far from its middle, and touches the cube this far from where it is held [m].
const GRIP_M: f64 = 0.075;
const REACH_M: f64 = 0.135;
/// Height of the tool point above the stick's middle while it drags [m].
const HIGH_M: f64 = 0.003;

pub struct Drag {
    cube: Spot,
    stick: Spot,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Drag {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let turn = |rng: &mut Pcg64| rng.random_range(-0.5..0.5);
        let side = either_side(rng);
        // The stick lies to one side, its near end towards the middle.
        let stick = Spot::new(
            [rng.random_range(0.12..0.30), side * rng.random_range(0.27..0.32)],
            rng.random_range(-1.0..1.0) * FRAC_PI_4,
        );
        let cube = Spot::new([rng.random_range(0.24..0.30), -side * rng.random_range(0.0..0.06)], turn(rng));
        let colours = choose(rng, 4, COLOURS.len());
        let first = chosen(rng, variation, 4);
        let goals = goals(4, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Self { cube, stick, colours, goals }
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("use the stick to drag the cube onto the {colour} target"),
        1 => format!("drag the cube to the {colour} square with the stick"),
        2 => format!("pick up the stick and pull the block onto the {colour} plate"),
        _ => format!("with the stick, move the cube to the {colour} target"),
    }
}

impl Task for Drag {
    fn bodies(&self, sizes: Sizes) -> String {
        let cube = Stuff { rgba: "0.65 0.66 0.70 1", mass_kg: 0.05 };
        self.cube.fixed("plates", &PLATES.geoms(&self.colours))
            + &self.cube.free("cube", HALF_M * sizes.thing, &boxed([HALF_M; 3], [0.0; 3], &cube))
            + &self.stick.free("stick", STICK_M[2] * sizes.thing, &boxed(STICK_M, [0.0; 3], &WOOD))
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [target] = goal.targets[..] else { return Ok(Vec::new()) };
        let Sizes { thing, furniture } = world.sizes();
        let stick = world.body_pose("stick")?;
        // Held at the end that is nearer to the base; the other end reaches out along the tool's x axis.
        let held_yaw = smallest(yaw(&stick), PI);
        let at = stick.translation.vector;
        let grip = GRIP_M * thing;
        let grasp =
            tool_down(at + nalgebra::Vector3::new(-grip * held_yaw.cos(), -grip * held_yaw.sin(), HIGH_M), held_yaw);
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.09);

        // The stick lies across the direction of the drag, and reaches away from the base and from where it lay.
        let direction = self.cube.yaw + FRAC_PI_2 * target as f64;
        let away = -self.stick.y.signum() * FRAC_PI_4;
        let across = nearest(away, direction + FRAC_PI_2, PI);
        let cube = self.cube.pose().translation.vector;
        let (reach, lies) = (REACH_M * thing, STICK_M[2] * thing);
        let along = |metres: f64| {
            let x = cube.x + metres * direction.cos() - reach * across.cos();
            let y = cube.y + metres * direction.sin() - reach * across.sin();
            tool_down(nalgebra::Vector3::new(x, y, TABLE_Z_M + lies + HIGH_M + 0.002), across)
        };
        let behind = (HALF_M + STICK_M[1]) * thing;
        let start = along(-behind - 0.03);
        script.extend([
            keyframe(moved(&start, 0.0, 0.0, 0.08), Gripper::Closed, false),
            keyframe(start, Gripper::Closed, true),
            keyframe(along(AWAY_M * furniture - behind), Gripper::Closed, true),
        ]);
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        PLATES.judge(world, "cube", 0.008, 0.05)
    }
}
