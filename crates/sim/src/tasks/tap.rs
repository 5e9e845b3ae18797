//! turn_tap: turn the left or the right handle of a tap by a quarter of a turn.

use std::f64::consts::{FRAC_PI_2, PI};

use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen,
    condition::{Condition, Conditions},
    goals,
    script::{keyframe, moved, smallest, tool_down},
    shapes::{DARK, GREY, Spot, Stuff, boxed, cylinder},
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

const NAMES: [&str; 2] = ["left", "right"];
/// Hinges are this far to the sides; levers are this long, at this height; knobs rise this far above them [m].
const SIDE_M: f64 = 0.10;
const LEVER_M: f64 = 0.055;
const LEVER_Z_M: f64 = 0.06;
const KNOB_M: f64 = 0.045;
/// Turn that counts, and that the expert makes in equal steps [rad].
const TURNED_RAD: f64 = FRAC_PI_2;
const TURN_RAD: f64 = 1.82;
const STEPS: usize = 4;

pub struct Tap {
    tap: Spot,
    goals: Vec<Goal>,
}

impl Tap {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let tap = Spot::new([rng.random_range(0.20..0.34), rng.random_range(-0.14..0.14)], rng.random_range(-0.5..0.5));
        let first = chosen(rng, variation, 2);
        let goals = goals(2, first, |i| sentence(NAMES[i], rng));
        Self { tap, goals }
    }

    /// Left is +y; levers point outwards and turn towards the robot.
    fn side(i: usize) -> f64 {
        [1.0, -1.0][i]
    }

    /// Direction of a lever after a turn, in the tap's frame.
    fn direction(i: usize, turned: f64) -> f64 {
        Self::side(i) * (FRAC_PI_2 + turned)
    }
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("turn the {name} tap"),
        1 => format!("turn the {name} handle of the tap"),
        2 => format!("rotate the {name} tap handle"),
        _ => format!("open the {name} tap"),
    }
}

impl Task for Tap {
    fn bodies(&self, _sizes: Sizes) -> String {
        let spout = Stuff { rgba: "0.75 0.77 0.82 1", mass_kg: 0.2 };
        let mut tap = boxed([0.02, SIDE_M + 0.02, 0.012], [0.0, 0.0, 0.012], &spout)
            + &cylinder(0.014, 0.06, [0.02, 0.0, 0.06], &spout)
            + &boxed([0.05, 0.012, 0.010], [-0.01, 0.0, 0.115], &spout);
        for i in 0..2 {
            let (side, z) = (Self::side(i), LEVER_Z_M);
            let (y, knob) = (side * SIDE_M, cylinder(0.008, 0.5 * KNOB_M, [0.0, side * LEVER_M, 0.5 * KNOB_M], &DARK));
            tap += &cylinder(0.010, 0.5 * (z - 0.008), [0.0, y, 0.5 * (z - 0.008)], &GREY);
            tap += &format!(
                r#"<body name="handle{i}" pos="0 {y} {z}">
                  <joint name="turn{i}" type="hinge" axis="0 0 {side}" range="-0.05 1.95" damping="0.05" frictionloss="0.05"/>
                  {lever}{knob}
                </body>"#,
                lever = boxed([0.008, 0.5 * LEVER_M, 0.006], [0.0, 0.5 * side * LEVER_M, 0.0], &DARK),
            );
        }
        self.tap.fixed("tap", &tap)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [handle] = goal.targets[..] else { return Ok(Vec::new()) };
        // The hand keeps its yaw: half way its fingers push along the arc.
        let middle = self.tap.yaw + Self::direction(handle, 0.5 * TURN_RAD);
        let yaw = smallest(middle, PI);
        // Handles shrink and grow around their hinges, which stay.
        let size = world.sizes().thing;
        let lever = LEVER_M * size;
        let at = |turned: f64| {
            let direction = Self::direction(handle, turned);
            let (x, y) = (lever * direction.cos(), Self::side(handle) * SIDE_M + lever * direction.sin());
            tool_down(self.tap.point(x, y, LEVER_Z_M + 0.75 * KNOB_M * size), yaw)
        };
        let mut script = vec![
            keyframe(moved(&at(0.0), 0.0, 0.0, 0.09), Gripper::Open, false),
            keyframe(at(0.0), Gripper::Closed, true),
        ];
        script.extend((1..=STEPS).map(|i| keyframe(at(TURN_RAD * i as f64 / STEPS as f64), Gripper::Closed, true)));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let turned = |i: usize| Ok(vec![Condition::moved(world, &format!("turn{i}"), TURNED_RAD)?]);
        Conditions::judge(2, turned)
    }
}
