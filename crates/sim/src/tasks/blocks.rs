//! stack_blocks: put one of the two blocks of the named colour on the other; the pair of another colour distracts.
//!
//! The block on the left (larger y) goes onto the one on the right, so that the next key-frame follows from the
//! picture.

use std::f64::consts::FRAC_PI_2;

use nalgebra::Isometry3;
use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, choose, goals, place,
    script::{keyframe, moved, smallest, tool_down, yaw},
};
use crate::{SimError, colour::COLOURS, model::TABLE_Z_M, plant::WorldData};

/// Half the side of a block [m].
const HALF_M: f64 = 0.02;
/// Time for which the tower must stand untouched [s].
const STANDS_SECS: f64 = 0.3;

pub struct Blocks {
    /// Blocks 0, 1 of the first pair, 2, 3 of the second: x, y, yaw.
    places: Vec<[f64; 3]>,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Blocks {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        const TRIES: usize = 200;
        let refuse = |tries| SimError::Placement { task: "stack_blocks".into(), seed, object: "a block", tries };
        for _ in 0..TRIES {
            let at = place(rng, 4, [0.06, 0.40, -0.28, 0.28], 0.10, refuse)?;
            // Left and right must be told apart.
            if [(0, 1), (2, 3)].iter().any(|(a, b)| (at[*a][1] - at[*b][1]).abs() < 0.06) {
                continue;
            }
            let places =
                at.iter().map(|p| [p[0], p[1], rng.random_range(-1.0..1.0) * std::f64::consts::FRAC_PI_4]).collect();
            let mut colours = choose(rng, 2, COLOURS.len());
            if let Some(v) = variation {
                colours = vec![v % COLOURS.len(), (v + 1) % COLOURS.len()];
            }
            let goals = goals(2, 0, |pair| sentence(COLOURS[colours[pair]].name, rng));
            return Ok(Self { places, colours, goals });
        }
        Err(refuse(TRIES))
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..5) {
        0 => format!("stack the {colour} blocks"),
        1 => format!("put one {colour} block on top of the other {colour} block"),
        2 => format!("build a tower from the two {colour} cubes"),
        3 => format!("pile up the {colour} cubes"),
        _ => format!("make a stack of the {colour} blocks"),
    }
}

impl Task for Blocks {
    fn bodies(&self) -> String {
        let mut xml = String::new();
        for (i, [x, y, yaw]) in self.places.iter().enumerate() {
            xml += &format!(
                r#"<body name="block{i}" pos="{x} {y} {z}" euler="0 0 {yaw}">
                  <freejoint name="free{i}"/>
                  <geom type="box" size="{HALF_M} {HALF_M} {HALF_M}" mass="0.06" rgba="{rgba}"/>
                </body>"#,
                z = TABLE_Z_M + HALF_M,
                rgba = COLOURS[self.colours[i / 2]].rgba(),
            );
        }
        xml
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn chance(&self) -> f64 {
        0.5
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Vec<KeyFrame> {
        let [pair] = goal.targets[..] else { return Vec::new() };
        let pose = |i: usize| world.body_pose(&format!("block{i}"));
        let (first, second) = (pose(2 * pair), pose(2 * pair + 1));
        let (top, base) = if first.translation.y > second.translation.y { (first, second) } else { (second, first) };
        // A cube looks the same every 90 degrees: the smallest turn grasps it.
        let [grasp, place] =
            [&top, &base].map(|block| tool_down(block.translation.vector, smallest(yaw(block), FRAC_PI_2)));
        let up = |tool: &Isometry3<f64>, z: f64| moved(tool, 0.0, 0.0, z);
        vec![
            keyframe(up(&grasp, 0.10), Gripper::Open, false),
            keyframe(grasp, Gripper::Closed, true),
            keyframe(up(&place, 0.14), Gripper::Closed, false),
            keyframe(up(&place, 2.0 * HALF_M + 0.002), Gripper::Open, true),
        ]
    }

    fn judge(&self, world: &WorldData) -> Box<dyn Judge> {
        Box::new(BlockJudge {
            bodies: (0..4).map(|i| world.body_index(&format!("block{i}"))).collect(),
            since: [None; 2],
            done: [false; 2],
        })
    }
}

struct BlockJudge {
    bodies: Vec<usize>,
    since: [Option<f64>; 2],
    done: [bool; 2],
}

impl Judge for BlockJudge {
    fn step(&mut self, world: &mut WorldData, gripper_width_m: f64) {
        let now = world.time_secs();
        for pair in 0..2 {
            let at = |i: usize| world.body_position(self.bodies[2 * pair + i]);
            let (a, b) = (at(0), at(1));
            let (above, level) = ((a.z - b.z).abs(), (a - b).xy().norm());
            // Released: the fingers are further apart than a block is wide.
            let stands = (0.030..0.050).contains(&above) && level < 0.025 && gripper_width_m > 2.0 * HALF_M + 0.01;
            self.since[pair] = if stands { Some(self.since[pair].unwrap_or(now)) } else { None };
            self.done[pair] = self.since[pair].is_some_and(|t| now - t >= STANDS_SECS);
        }
    }

    fn success(&self, goal: &Goal) -> bool {
        goal.targets.iter().all(|pair| self.done[*pair])
    }

    fn failed(&self, goal: &Goal) -> bool {
        goal.targets.iter().any(|pair| self.done[1 - pair])
    }
}
