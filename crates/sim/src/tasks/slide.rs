//! slide_block_to_color_target: push the block onto the plate of the named colour, one of four around it.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, choose, chosen, goals,
    plates::Plates,
    script::{keyframe, moved, nearest, tool_down},
    shapes::Spot,
};
use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

/// Half the block's side, and the distance of the plates' middles from where it starts [m].
const HALF_M: f64 = 0.03;
const AWAY_M: f64 = 0.16;
const PLATES: Plates = Plates { away_m: AWAY_M, half_m: 0.045 };
/// From the middle of the closed fingers to the face that pushes [m].
const FINGER_M: f64 = 0.010;
/// Height of the tool point while it pushes [m].
const LOW_M: f64 = 0.022;

pub struct Slide {
    block: Spot,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Slide {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let block = Spot::new(
            [rng.random_range(0.17..0.27), rng.random_range(-0.08..0.08)],
            rng.random_range(-FRAC_PI_4..FRAC_PI_4),
        );
        let colours = choose(rng, 4, COLOURS.len());
        let first = chosen(rng, variation, 4);
        let goals = goals(4, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Self { block, colours, goals }
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("slide the block to the {colour} target"),
        1 => format!("push the block onto the {colour} plate"),
        2 => format!("move the cube along the table until it covers the {colour} square"),
        _ => format!("slide the cube over to the {colour} square"),
    }
}

impl Task for Slide {
    fn bodies(&self, sizes: Sizes) -> String {
        // Slippery: between a finger and a table that both grip, a pushed block is wedged.
        let block = format!(
            r#"<geom type="box" size="{HALF_M} {HALF_M} {HALF_M}" mass="0.12" rgba="0.65 0.66 0.70 1" friction="0.3 0.01 0.001" priority="2"/>"#
        );
        self.block.fixed("plates", &PLATES.geoms(&self.colours))
            + &self.block.free("block", HALF_M * sizes.thing, &block)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [target] = goal.targets[..] else { return Ok(Vec::new()) };
        let direction = FRAC_PI_2 * target as f64;
        let along = |metres: f64| {
            let at = self.block.point(metres * direction.cos(), metres * direction.sin(), LOW_M);
            tool_down(at, nearest(-FRAC_PI_4, self.block.yaw + direction, PI))
        };
        let Sizes { thing, furniture } = world.sizes();
        let behind = HALF_M * thing + FINGER_M;
        Ok(vec![
            keyframe(moved(&along(-behind - 0.045), 0.0, 0.0, 0.09), Gripper::Closed, false),
            keyframe(along(-behind - 0.045), Gripper::Closed, true),
            keyframe(along(AWAY_M * furniture - behind), Gripper::Closed, true),
        ])
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        PLATES.judge(world, "block", 0.010, 0.06)
    }
}
