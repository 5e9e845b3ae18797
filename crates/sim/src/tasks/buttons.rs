//! push_buttons: press one to three of three buttons in the order named.
//!
//! A pressed button is covered in dark grey for good, so that what remains to be done is visible.

use nalgebra::Vector3;
use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, choose, each, place,
    script::{keyframe, tool_down},
};
use crate::{SimError, colour::COLOURS, model::TABLE_Z_M, perturb::Sizes, plant::WorldData};

const COUNT: usize = 3;
/// Top of an unpressed cap above the table [m].
pub(super) const TOP_M: f64 = 0.045;
/// Half its height [m].
const CAP_M: f64 = 0.0075;
/// Travel that counts as pressed, and that the expert presses [m].
pub(super) const PRESSED_M: f64 = 0.003;
const PUSH_M: f64 = 0.007;
/// The finger tips reach this far beyond the tool point [m].
const TIP_M: f64 = 0.009;

pub struct Buttons {
    places: Vec<[f64; 2]>,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Buttons {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        let places = place(rng, COUNT, [0.08, 0.42, -0.28, 0.28], 0.13, |tries| SimError::Placement {
            task: "push_buttons".into(),
            seed,
            object: "a button",
            tries,
        })?;
        let colours = choose(rng, COUNT, COLOURS.len());
        let presses = variation.map_or_else(|| rng.random_range(1..=COUNT), |v| v % COUNT + 1);
        let order = choose(rng, presses, COUNT);
        let mut goals = vec![order.clone()];
        // One other goal for each other button that could come first.
        for first in (0..COUNT).filter(|b| *b != order[0]) {
            let mut other = choose(rng, COUNT, COUNT);
            other.retain(|b| *b != first);
            other.insert(0, first);
            other.truncate(rng.random_range(1..=COUNT));
            goals.push(other);
        }
        // And one that begins alike: then another button comes second.
        if let [first, second, ..] = order[..] {
            goals.push(std::iter::once(first).chain((0..COUNT).filter(|b| *b != first && *b != second)).collect());
        }
        let goals = goals
            .into_iter()
            .map(|order| Goal { instruction: sentence(&order, &colours, rng), targets: order })
            .collect();
        Ok(Self { places, colours, goals })
    }
}

fn sentence(order: &[usize], colours: &[usize], rng: &mut Pcg64) -> String {
    let names: Vec<&str> = order.iter().map(|b| COLOURS[colours[*b]].name).collect();
    let verb = ["push", "press", "hit", "tap"][rng.random_range(0..4)];
    match (names.as_slice(), rng.random_range(0..2)) {
        ([a], 0) => format!("{verb} the {a} button"),
        ([a], _) => format!("{verb} the button that is {a}"),
        ([a, b], 0) => format!("{verb} the {a} button, then the {b} button"),
        ([a, b], _) => format!("{verb} the {a} button first and the {b} one next"),
        ([a, b, c], 0) => format!("{verb} the {a} button, then the {b} button, then the {c} button"),
        ([a, b, c], _) => format!("{verb} the buttons in this order: {a}, {b}, {c}"),
        _ => String::new(),
    }
}

/// A button that springs back, and the cover that hides its colour once it has been pressed; until then that waits under
/// the table. Radii of base, cap and cover [m]. Its joint is `press`, the cover's body `cover`, each with its number.
pub(super) fn button(i: usize, [x, y]: [f64; 2], [base, cap, cover]: [f64; 3], rgba: &str) -> String {
    let cap_z = TOP_M - CAP_M;
    format!(
        r#"<body name="button{i}" pos="{x} {y} {TABLE_Z_M}">
          <geom type="cylinder" size="{base} 0.0125" pos="0 0 0.0125" rgba="0.93 0.93 0.93 1"/>
          <body name="cap{i}" pos="0 0 {cap_z}">
            <joint name="press{i}" type="slide" axis="0 0 -1" range="0 0.012" stiffness="250" damping="3" armature="0.01"/>
            <geom type="cylinder" size="{cap} {CAP_M}" mass="0.02" rgba="{rgba}"/>
          </body>
        </body>
        <body name="cover{i}" mocap="true" pos="{x} {y} 0.2">
          <geom type="cylinder" size="{cover} 0.0085" contype="0" conaffinity="0" rgba="0.12 0.12 0.12 1"/>
        </body>"#
    )
}

/// Where a cover belongs on a pressed button with this travel, in the world [m].
pub(super) fn cover_z_m(travel_m: f64) -> f64 {
    TABLE_Z_M + TOP_M - CAP_M - travel_m
}

/// Above a button, and pressing it, with the middle of its foot at `at` [m] and a cap of this size.
pub(super) fn press(at: Vector3<f64>, size: f64) -> [KeyFrame; 2] {
    let tool = |z: f64| tool_down(at + Vector3::new(0.0, 0.0, z), 0.0);
    let top = TOP_M + CAP_M * (size - 1.0);
    [keyframe(tool(TOP_M + 0.08), Gripper::Closed, false), keyframe(tool(top + TIP_M - PUSH_M), Gripper::Closed, true)]
}

impl Task for Buttons {
    fn bodies(&self, _sizes: Sizes) -> String {
        let buttons = self.places.iter().zip(&self.colours).enumerate();
        buttons.map(|(i, (at, colour))| button(i, *at, [0.038, 0.029, 0.0305], &COLOURS[*colour].rgba())).collect()
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    /// One of three first buttons, and one of two second ones if there is a second.
    fn chance(&self) -> f64 {
        if self.goals[0].targets.len() > 1 { 1.0 / 6.0 } else { 1.0 / 3.0 }
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let targets = goal.targets.iter().map(|b| self.places[*b]);
        Ok(targets.flat_map(|[x, y]| press(Vector3::new(x, y, TABLE_Z_M), world.sizes().thing)).collect())
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        Ok(Box::new(ButtonJudge {
            travel: each(|i| world.qpos_index(&format!("press{i}")))?,
            cover: each(|i| world.mocap_index(&format!("cover{i}")))?,
            pressed: Vec::new(),
        }))
    }
}

struct ButtonJudge {
    travel: [usize; COUNT],
    cover: [usize; COUNT],
    pressed: Vec<usize>,
}

impl Judge for ButtonJudge {
    fn step(&mut self, world: &mut WorldData, _gripper_width_m: f64) {
        for i in 0..COUNT {
            let travel = world.qpos()[self.travel[i]];
            if travel > PRESSED_M && !self.pressed.contains(&i) {
                self.pressed.push(i);
            }
            if self.pressed.contains(&i) {
                world.mocap_z(self.cover[i], cover_z_m(travel));
            }
        }
    }

    fn success(&self, goal: &Goal) -> bool {
        self.pressed == goal.targets
    }

    fn failed(&self, goal: &Goal) -> bool {
        !goal.targets.starts_with(&self.pressed)
    }
}
