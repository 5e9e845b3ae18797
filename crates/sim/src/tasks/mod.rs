//! Tasks: a seeded scene, the goals that are valid in it, a judge, and a scripted expert.

mod blocks;
mod buttons;
mod drawer;

use nalgebra::{Isometry3, Matrix3, Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Pose};
use rand_pcg::Pcg64;

use crate::{SimError, plant::WorldData};

/// Something that can be asked for in a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The sentence.
    pub instruction: String,
    /// What it means in this scene.
    pub kind: GoalKind,
}

/// Meaning of a goal; indices are into the scene's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoalKind {
    /// Press these buttons in this order.
    Press(Vec<usize>),
    /// Stack the two blocks of this pair.
    Stack(usize),
    /// Open this drawer (0 bottom, 1 middle, 2 top).
    Open(usize),
}

/// One sampled scene of a task.
pub trait Task: Send + Sync {
    /// Bodies for the scene's `<worldbody>`.
    fn bodies(&self) -> String;
    /// Further top-level MJCF sections.
    fn sections(&self) -> String {
        String::new()
    }
    /// All goals that are valid here; the first is the one to be reached.
    fn goals(&self) -> &[Goal];
    /// Chance that a random valid goal would reach the first.
    fn chance(&self) -> f64;
    /// The expert's key-frames from the true state of the scene.
    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Vec<KeyFrame>;
    /// Watches an episode.
    fn judge(&self, world: &WorldData) -> Box<dyn Judge>;
}

/// Watches the true state each millisecond and knows which goals are met.
pub trait Judge: Send {
    /// After a physics step; may move the scene's own mechanisms (a pressed button's cover).
    fn step(&mut self, world: &mut WorldData, gripper_width_m: f64);
    /// The goal is met now.
    fn success(&self, goal: &Goal) -> bool;
    /// The goal can no longer be met.
    fn failed(&self, goal: &Goal) -> bool;
}

/// Names of all tasks.
pub fn names() -> &'static [&'static str] {
    &["push_buttons", "stack_blocks", "open_drawer"]
}

/// Samples a scene.
pub fn sample(name: &str, seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Box<dyn Task>, SimError> {
    match name {
        "push_buttons" => Ok(Box::new(buttons::Buttons::sample(seed, variation, rng)?)),
        "stack_blocks" => Ok(Box::new(blocks::Blocks::sample(seed, variation, rng)?)),
        "open_drawer" => Ok(Box::new(drawer::Drawer::sample(variation, rng))),
        _ => Err(SimError::UnknownTask { name: name.into(), known: names().join(", ") }),
    }
}

/// Tool pointing down, its y axis turned by `yaw` [rad] from -y of the world.
fn tool_down(position: Vector3<f64>, yaw: f64) -> Isometry3<f64> {
    let down = Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)));
    let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), yaw);
    Isometry3::from_parts(position.into(), UnitQuaternion::from_rotation_matrix(&(turn * down)))
}

/// A key-frame; `straight` means contact is intended.
fn keyframe(tool: Isometry3<f64>, gripper: Gripper, straight: bool) -> KeyFrame {
    KeyFrame { world_from_tool: Pose::new(tool), gripper, ignore_collisions: straight }
}

/// Draws points in [x_min, x_max] x [y_min, y_max] with a minimum distance, in bounded time.
fn place(
    rng: &mut Pcg64,
    count: usize,
    [x_min, x_max, y_min, y_max]: [f64; 4],
    least_m: f64,
    failure: impl Fn(usize) -> SimError,
) -> Result<Vec<[f64; 2]>, SimError> {
    use rand::Rng;
    const TRIES: usize = 2000;
    let mut points: Vec<[f64; 2]> = Vec::new();
    for _ in 0..TRIES {
        let p = [rng.random_range(x_min..x_max), rng.random_range(y_min..y_max)];
        if points.iter().all(|q| (p[0] - q[0]).hypot(p[1] - q[1]) >= least_m) {
            points.push(p);
        }
        if points.len() == count {
            return Ok(points);
        }
    }
    Err(failure(TRIES))
}

/// `count` different indices below `of`, in random order.
fn choose(rng: &mut Pcg64, count: usize, of: usize) -> Vec<usize> {
    use rand::seq::SliceRandom;
    let mut all: Vec<usize> = (0..of).collect();
    all.shuffle(rng);
    all.truncate(count);
    all
}
