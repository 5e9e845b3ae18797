//! put_item_in_drawer: open the named drawer and put the block into it.

use nalgebra::Point3;
use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task,
    condition::{Condition, Conditions},
    drawer::{self, Drawer, HANDLE_Z_M, INSIDE_M, NAMES, WIDE_M},
    either_side, goals,
    script::{keyframe, moved, pick, put, smallest, tool_down, yaw},
    shapes::{Spot, Stuff, boxed},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

/// Half the block's side [m].
const HALF_M: f64 = 0.018;
/// Where the block is let go, in front of the closed cabinet, and above the drawer's floor [m].
const OUT_M: f64 = 0.135;
const FLOOR_M: f64 = -0.041;
/// The tool passes this far above the drawer's edge [m].
const OVER_M: f64 = 0.11;

pub struct Item {
    cabinet: Drawer,
    block: Spot,
    goals: Vec<Goal>,
}

impl Item {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let cabinet = Drawer::sample_at(0.47..0.50, -0.12..0.12, variation, rng);
        let first = cabinet.goals()[0].targets[0];
        let side = either_side(rng);
        let block =
            Spot::new([rng.random_range(0.12..0.26), side * rng.random_range(0.26..0.32)], rng.random_range(-0.7..0.7));
        let goals = goals(NAMES.len(), first, |i| sentence(NAMES[i], rng));
        Self { cabinet, block, goals }
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("put the block in the {name} drawer"),
        1 => format!("open the {name} drawer and place the block inside"),
        2 => format!("leave the cube in the {name} drawer"),
        _ => format!("stow the block away in the {name} drawer"),
    }
}

impl Task for Item {
    fn bodies(&self, sizes: Sizes) -> String {
        let paint = Stuff { rgba: "0.20 0.55 0.75 1", mass_kg: 0.04 };
        let block = self.block.free("block", HALF_M * sizes.thing, &boxed([HALF_M; 3], [0.0; 3], &paint));
        self.cabinet.bodies(sizes) + &block
    }

    fn sections(&self) -> String {
        self.cabinet.sections()
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn length(&self) -> f64 {
        2.0
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [drawer] = goal.targets[..] else { return Ok(Vec::new()) };
        let world_from_cabinet = self.cabinet.spot().pose();
        let clear = drawer::clear(&world_from_cabinet, drawer, WIDE_M);
        let mut script = self.cabinet.pull(drawer, WIDE_M);
        script.push(keyframe(self.cabinet.handle(drawer, WIDE_M), Gripper::Open, true));
        script.push(keyframe(drawer::away(&world_from_cabinet, drawer, WIDE_M), Gripper::Open, true));
        // On a straight line this turn would lead through the wrist's singularity.
        script.push(keyframe(clear, Gripper::Open, false));

        let block = world.body_pose("block")?;
        let held = smallest(yaw(&block), std::f64::consts::FRAC_PI_2);
        let grasp = tool_down(block.translation.vector, held);
        let size = world.sizes().thing;
        let high = HANDLE_Z_M[drawer] + FLOOR_M * size + HALF_M * size + 0.006;
        let inside = world_from_cabinet * Point3::new(-OUT_M, 0.0, high);
        let there = tool_down(inside.coords, yaw(&world_from_cabinet));
        let over = moved(&there, 0.0, 0.0, OVER_M);
        // High enough at once to cross over the drawer's front.
        let lift = over.translation.z - grasp.translation.z;
        let above = clear.translation.z - grasp.translation.z;
        script.push(keyframe(moved(&grasp, 0.0, 0.0, above), Gripper::Open, false));
        script.extend(pick(moved(&grasp, 0.0, 0.0, 0.12), grasp, lift.max(0.10)));
        script.extend(put(over, there, 0.10));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let [low, high] = INSIDE_M;
        let stowed = |i: usize| Condition::left_inside(world, "block", &format!("drawer{i}"), low, high);
        Conditions::judge(NAMES.len(), stowed)
    }
}
