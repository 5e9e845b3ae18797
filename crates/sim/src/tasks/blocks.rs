//! stack_blocks: pile up two, three or four of the four blocks of the named colour; four of another colour distract.
//!
//! The tower grows on the rightmost block (smallest y) of its colour, the next one from the right comes next, so that
//! the next key-frame follows from the picture.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, choose, chosen, place,
    script::{keyframe, moved, smallest, tool_down, yaw},
};
use crate::{SimError, colour::COLOURS, model::TABLE_Z_M, perturb::Sizes, plant::WorldData};

/// Half the side of a block [m].
const HALF_M: f64 = 0.02;
/// Colours, and blocks of each.
const GROUPS: usize = 2;
const EACH: usize = 4;
/// Least number of blocks asked for.
const LEAST: usize = 2;
/// Distance of any two blocks, of a tower from what is still to be grasped, and of what must be told apart along y [m].
const APART_M: f64 = 0.10;
const TOWER_APART_M: f64 = 0.15;
const ORDER_M: f64 = 0.02;
/// Time for which the tower must stand untouched [s].
const STANDS_SECS: f64 = 0.3;

/// Colours times numbers of blocks.
pub const VARIATIONS: usize = COLOURS.len() * (EACH - LEAST + 1);

pub struct Blocks {
    /// x, y, yaw: the blocks of one colour after the other, each from the right to the left.
    places: Vec<[f64; 3]>,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Blocks {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        const TRIES: usize = 1000;
        let refuse = |tries| SimError::Placement { task: "stack_blocks".into(), seed, object: "a block", tries };
        for _ in 0..TRIES {
            let mut at = place(rng, GROUPS * EACH, [0.06, 0.40, -0.29, 0.29], APART_M, refuse)?;
            at.chunks_mut(EACH).for_each(|group| group.sort_by(|a, b| a[1].total_cmp(&b[1])));
            if !at.chunks(EACH).all(is_clear) {
                continue;
            }
            let places = at.iter().map(|p| [p[0], p[1], rng.random_range(-1.0..1.0) * FRAC_PI_4]).collect();
            let mut colours = choose(rng, GROUPS, COLOURS.len());
            if let Some(colour) = variation.map(|v| v % COLOURS.len()) {
                colours = vec![colour, (colour + 1) % COLOURS.len()];
            }
            let more = chosen(rng, variation.map(|v| v / COLOURS.len()), EACH - LEAST + 1);
            let mut goal = |group: usize, count: usize| Goal {
                instruction: sentence(count, COLOURS[colours[group]].name, rng),
                targets: vec![group, count],
            };
            let goals = std::iter::once(goal(0, LEAST + more)).chain((LEAST..=EACH).map(|n| goal(1, n))).collect();
            return Ok(Self { places, colours, goals });
        }
        Err(refuse(TRIES))
    }
}

/// Blocks of a colour, from the right: their order is seen, and none is so near the tower that the hand strikes it.
fn is_clear(group: &[[f64; 2]]) -> bool {
    let ordered = group.windows(2).all(|w| w[1][1] - w[0][1] >= ORDER_M);
    let far = |p: &[f64; 2]| (p[0] - group[0][0]).hypot(p[1] - group[0][1]) >= TOWER_APART_M;
    ordered && group[1..].iter().all(far)
}

fn sentence(count: usize, colour: &str, rng: &mut Pcg64) -> String {
    let number = ["no", "one", "two", "three", "four"][count];
    match rng.random_range(0..5) {
        0 => format!("stack {number} {colour} blocks"),
        1 => format!("put {number} {colour} blocks on top of each other"),
        2 => format!("build a tower from {number} {colour} cubes"),
        3 => format!("pile up {number} of the {colour} cubes"),
        _ => format!("make a stack of {number} {colour} blocks"),
    }
}

impl Task for Blocks {
    fn bodies(&self, sizes: Sizes) -> String {
        let mut xml = String::new();
        for (i, [x, y, yaw]) in self.places.iter().enumerate() {
            xml += &format!(
                r#"<body name="block{i}" pos="{x} {y} {z}" euler="0 0 {yaw}">
                  <freejoint name="free{i}"/>
                  <geom type="box" size="{HALF_M} {HALF_M} {HALF_M}" mass="0.06" rgba="{rgba}"/>
                </body>"#,
                z = TABLE_Z_M + HALF_M * sizes.thing,
                rgba = COLOURS[self.colours[i / EACH]].rgba(),
            );
        }
        xml
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    /// Of the colour.
    fn chance(&self) -> f64 {
        1.0 / GROUPS as f64
    }

    fn length(&self) -> f64 {
        self.goals[0].targets[1] as f64 / LEAST as f64
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [group, count] = goal.targets[..] else { return Ok(Vec::new()) };
        let size = world.sizes().thing;
        let body = |i: usize| world.body_pose(&format!("block{}", group * EACH + i));
        let mut blocks = (0..EACH).map(body).collect::<Result<Vec<_>, _>>()?;
        blocks.sort_by(|a, b| a.translation.y.total_cmp(&b.translation.y));
        // A cube looks the same every 90 degrees: the smallest turn grasps it.
        let tool = |block: &Isometry3<f64>| tool_down(block.translation.vector, smallest(yaw(block), FRAC_PI_2));
        let up = |tool: &Isometry3<f64>, z: f64| moved(tool, 0.0, 0.0, z);
        let base = tool(&blocks[0]);
        let carry = |level: usize| {
            let grasp = tool(&blocks[level]);
            let height = 2.0 * HALF_M * size * level as f64;
            [
                keyframe(up(&grasp, 0.10), Gripper::Open, false),
                keyframe(grasp, Gripper::Closed, true),
                keyframe(up(&base, height + 0.10), Gripper::Closed, false),
                keyframe(up(&base, height + 0.002), Gripper::Open, true),
                // Straight up from the tower before going on sideways.
                keyframe(up(&base, height + 0.10), Gripper::Open, true),
            ]
        };
        let mut script: Vec<KeyFrame> = (1..count).flat_map(carry).collect();
        // Once the tower stands nothing is left to do.
        script.pop();
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let mut bodies = [[0; EACH]; GROUPS];
        for (i, body) in bodies.as_flattened_mut().iter_mut().enumerate() {
            *body = world.body_index(&format!("block{i}"))?;
        }
        Ok(Box::new(BlockJudge { bodies, stands: [Tower::default(); GROUPS] }))
    }
}

/// Blocks on top of each other, and since when [s].
#[derive(Copy, Clone, Default)]
struct Tower {
    count: usize,
    since: f64,
    counts: bool,
}

struct BlockJudge {
    bodies: [[usize; EACH]; GROUPS],
    stands: [Tower; GROUPS],
}

impl Judge for BlockJudge {
    fn step(&mut self, world: &mut WorldData, gripper_width_m: f64) {
        let now = world.time_secs();
        let size = world.sizes().thing;
        // Released: the fingers are further apart than a block is wide.
        let released = gripper_width_m > 2.0 * HALF_M * size + 0.01;
        for (bodies, tower) in self.bodies.iter().zip(&mut self.stands) {
            let count = if released { tallest(&bodies.map(|body| world.body_position(body)), size) } else { 0 };
            if count != tower.count {
                *tower = Tower { count, since: now, counts: false };
            }
            tower.counts = count >= LEAST && now - tower.since >= STANDS_SECS;
        }
    }

    fn success(&self, goal: &Goal) -> bool {
        let [group, count] = goal.targets[..] else { return false };
        self.stands[group].counts && self.stands[group].count == count
    }

    /// A tower of the other colour stands, or too high a one.
    fn failed(&self, goal: &Goal) -> bool {
        let [group, count] = goal.targets[..] else { return false };
        (0..GROUPS).any(|g| self.stands[g].counts && (g != group || self.stands[g].count > count))
    }
}

/// Number of blocks of this size in the tallest tower.
fn tallest(blocks: &[Vector3<f64>; EACH], size: f64) -> usize {
    let on = |base: &Vector3<f64>, level: usize| {
        let height = 2.0 * HALF_M * size * level as f64;
        blocks.iter().any(|b| (b.z - base.z - height).abs() < 0.01 * size && (b - base).xy().norm() < 0.025 * size)
    };
    blocks.iter().map(|base| (0..EACH).take_while(|level| on(base, *level)).count()).max().unwrap_or(0)
}
