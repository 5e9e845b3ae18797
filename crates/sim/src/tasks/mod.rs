//! Tasks: a seeded scene, the goals that are valid in it, a judge, and a scripted expert.

mod blocks;
mod bulb;
mod buttons;
mod condition;
mod cups;
mod drag;
mod drawer;
mod grill;
mod groceries;
mod item;
mod jar;
mod long;
mod names;
mod peg;
mod plates;
mod retold;
mod safe;
mod script;
mod shapes;
mod slide;
mod sweep;
mod tap;
mod unseen;
mod wine;

pub use retold::retold;
pub use unseen::unseen;

use neuraxis_core::KeyFrame;
use rand_pcg::Pcg64;

use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

/// Something that can be asked for in a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The sentence.
    pub instruction: String,
    /// Which of the scene's things are meant, in this order; each task numbers its own.
    pub targets: Vec<usize>,
}

/// One sampled scene of a task.
pub trait Task: Send + Sync {
    /// Bodies for the scene's `<worldbody>`: geometry of the usual sizes, which is scaled around the bodies' origins, and
    /// these at the heights where things of `sizes` stand.
    fn bodies(&self, sizes: Sizes) -> String;
    /// How many times the usual time limit it may take.
    fn length(&self) -> f64 {
        1.0
    }
    /// Further top-level MJCF sections.
    fn sections(&self) -> String {
        String::new()
    }
    /// All goals that are valid here; the first is the one to be reached.
    fn goals(&self) -> &[Goal];
    /// Chance that a random valid goal would reach the first.
    fn chance(&self) -> f64 {
        1.0 / self.goals().len() as f64
    }
    /// The expert's key-frames from the true state of the scene.
    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError>;
    /// What the expert does when it has reached all of that and the goal is not met; empty: nothing.
    fn more(&self, _goal: &Goal, _world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        Ok(Vec::new())
    }
    /// Watches an episode.
    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError>;
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

/// From a seed, a chosen variation and the scene's draws to a scene.
type Sample = fn(u64, Option<usize>, &mut Pcg64) -> Result<Box<dyn Task>, SimError>;

/// Where a task's scenes come from.
#[derive(Copy, Clone)]
enum Scenes {
    Single(Sample),
    Long(&'static long::Entry),
}

/// A task as lists show it.
#[derive(Copy, Clone)]
pub struct Kind {
    /// Name, as RLBench has it where the idea is RLBench's.
    pub name: &'static str,
    /// Variations that can be chosen.
    pub variations: usize,
    /// What is to be done.
    pub summary: &'static str,
    /// When it is done.
    pub success: &'static str,
    scenes: Scenes,
}

impl Kind {
    /// Several skills in a row.
    pub fn is_long(&self) -> bool {
        matches!(self.scenes, Scenes::Long(_))
    }
}

const fn kind(
    name: &'static str,
    variations: usize,
    summary: &'static str,
    success: &'static str,
    sample: Sample,
) -> Kind {
    Kind { name, variations, summary, success, scenes: Scenes::Single(sample) }
}

/// The single tasks.
pub const KINDS: &[Kind] = &[
    kind(
        "push_buttons",
        3,
        "press one to three of three buttons in the order named",
        "the named buttons, and no others, have been pressed by 3 mm in the order named",
        |seed, variation, rng| Ok(Box::new(buttons::Buttons::sample(seed, variation, rng)?)),
    ),
    kind(
        "stack_blocks",
        blocks::VARIATIONS,
        "stack two, three or four blocks of the named colour",
        "a tower of the named number of blocks stands and the gripper is open",
        |seed, variation, rng| Ok(Box::new(blocks::Blocks::sample(seed, variation, rng)?)),
    ),
    kind(
        "open_drawer",
        3,
        "pull the named drawer of a cabinet open",
        "the named drawer is open by more than 0.15 m",
        |_, variation, rng| Ok(Box::new(drawer::Drawer::sample(variation, rng))),
    ),
    kind(
        "slide_block_to_color_target",
        4,
        "push the block onto the plate of the named colour",
        "the block's middle is within 35 mm of the named plate's middle along both of its sides",
        |_, variation, rng| Ok(Box::new(slide::Slide::sample(variation, rng))),
    ),
    kind(
        "reach_and_drag",
        4,
        "drag the cube onto the plate of the named colour with the stick",
        "the cube's middle is within 34 mm of the named plate's middle along both of its sides",
        |_, variation, rng| Ok(Box::new(drag::Drag::sample(variation, rng))),
    ),
    kind(
        "insert_onto_square_peg",
        COLOURS.len(),
        "put the ring over the peg of the named colour",
        "the ring surrounds the named peg below half its height and no finger touches it",
        |_, variation, rng| Ok(Box::new(peg::Peg::sample(variation, rng))),
    ),
    kind(
        "turn_tap",
        2,
        "turn the left or the right handle of a tap",
        "the named handle has been turned by a quarter of a turn",
        |_, variation, rng| Ok(Box::new(tap::Tap::sample(variation, rng))),
    ),
    kind(
        "stack_cups",
        COLOURS.len(),
        "put the other cups into the cup of the named colour",
        "both other cups are in the named one and no finger touches them",
        |seed, variation, rng| Ok(Box::new(cups::Cups::sample(seed, variation, rng)?)),
    ),
    kind(
        "close_jar",
        COLOURS.len(),
        "screw the lid onto the jar of the named colour",
        "the lid lies level on the named jar and no finger touches it",
        |seed, variation, rng| Ok(Box::new(jar::Jar::sample(seed, variation, rng)?)),
    ),
    kind(
        "light_bulb_in",
        COLOURS.len(),
        "screw the bulb from the named holder into the lamp",
        "the named bulb stands in the lamp's socket and no finger touches it",
        |seed, variation, rng| Ok(Box::new(bulb::Bulb::sample(seed, variation, rng)?)),
    ),
    kind(
        "put_item_in_drawer",
        3,
        "open the named drawer and put the block into it",
        "the block is inside the named drawer, open or not, and no finger touches it",
        |_, variation, rng| Ok(Box::new(item::Item::sample(variation, rng))),
    ),
    kind(
        "put_money_in_safe",
        3,
        "put the bundle of notes onto the named shelf of a safe",
        "the bundle is on the named shelf and no finger touches it",
        |_, variation, rng| Ok(Box::new(safe::Safe::sample(variation, rng))),
    ),
    kind(
        "place_wine_at_rack_location",
        3,
        "put the bottle into the named place of a rack",
        "the bottle stands in the named place and no finger touches it",
        |_, variation, rng| Ok(Box::new(wine::Wine::sample(variation, rng))),
    ),
    kind(
        "put_groceries_in_cupboard",
        9,
        "put the named one of nine groceries into the cupboard",
        "the named one is inside the cupboard and no finger touches it",
        |_, variation, rng| Ok(Box::new(groceries::Groceries::sample(variation, rng))),
    ),
    kind(
        "sweep_to_dustpan_of_size",
        2,
        "sweep the dirt into the tall or the short dustpan",
        "all five pieces of dirt are in the named pan",
        |_, variation, rng| Ok(Box::new(sweep::Sweep::sample(variation, rng))),
    ),
    kind(
        "meat_off_grill",
        2,
        "take the chicken or the steak off the grill",
        "the named piece is on the board and no finger touches it",
        |_, variation, rng| Ok(Box::new(grill::Grill::sample(variation, rng))),
    ),
];

/// The long-horizon tasks: several skills in a row.
pub fn long() -> Vec<Kind> {
    let kind = |entry: &'static long::Entry| Kind {
        name: entry.name,
        variations: COLOURS.len(),
        summary: entry.summary,
        success: entry.success,
        scenes: Scenes::Long(entry),
    };
    long::ENTRIES.iter().map(kind).collect()
}

/// All tasks, the long-horizon ones last.
pub fn kinds() -> Vec<Kind> {
    KINDS.iter().copied().chain(long()).collect()
}

/// Names of tasks.
pub fn names(kinds: &[Kind]) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.name).collect()
}

/// Samples a scene.
pub fn sample(name: &str, seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Box<dyn Task>, SimError> {
    let kinds = kinds();
    let kind = kinds.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| SimError::UnknownTask { name: name.into(), known: names(&kinds).join(", ") })?;
    match kind.scenes {
        Scenes::Single(sample) => sample(seed, variation, rng),
        Scenes::Long(entry) => Ok(Box::new(long::Chain::sample(entry, variation, rng)?)),
    }
}

/// What is found for each of some things that are numbered.
fn each<const N: usize, T: Copy + Default>(find: impl Fn(usize) -> Result<T, SimError>) -> Result<[T; N], SimError> {
    let mut found = [T::default(); N];
    for (i, place) in found.iter_mut().enumerate() {
        *place = find(i)?;
    }
    Ok(found)
}

/// One goal for each of `count` things, the first for the one that is meant.
fn goals(count: usize, first: usize, mut sentence: impl FnMut(usize) -> String) -> Vec<Goal> {
    (0..count)
        .map(|i| (first + i) % count)
        .map(|target| Goal { instruction: sentence(target), targets: vec![target] })
        .collect()
}

/// Which of `count` things is meant: the variation, or a draw.
fn chosen(rng: &mut Pcg64, variation: Option<usize>, count: usize) -> usize {
    use rand::Rng;
    variation.map_or_else(|| rng.random_range(0..count), |v| v % count)
}

/// Different colours for `count` things; the variation is the colour of the one that is meant.
fn colours(rng: &mut Pcg64, count: usize, meant: usize, variation: Option<usize>) -> Vec<usize> {
    let mut colours = choose(rng, count, COLOURS.len());
    if let Some(colour) = variation.map(|v| v % COLOURS.len()) {
        match colours.iter().position(|c| *c == colour) {
            Some(at) => colours.swap(at, meant),
            None => colours[meant] = colour,
        }
    }
    colours
}

/// 1 or -1: left or right.
fn either_side(rng: &mut Pcg64) -> f64 {
    use rand::Rng;
    if rng.random_bool(0.5) { 1.0 } else { -1.0 }
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
