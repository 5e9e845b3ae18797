//! close_jar: put the lid on the jar of the named colour and give it a quarter of a turn.

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen, colours,
    condition::{Condition, Conditions},
    goals, place,
    script::{moved, pick, screw, smallest, tool_down, yaw},
    shapes::{GREY, Spot, Stuff, Wall, boxed, cylinder},
};
use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

const JARS: usize = 2;
/// Inner radius, wall, height of a jar [m].
const RADIUS_M: f64 = 0.030;
const WALL_M: f64 = 0.005;
const HIGH_M: f64 = 0.075;
/// Half thickness of the lid; its plug below and its knob above [m].
const LID_M: f64 = 0.004;
const PLUG_M: f64 = 0.008;
const KNOB_M: f64 = 0.022;
const PART: Stuff = Stuff { mass_kg: 0.01, ..GREY };

pub struct Jar {
    jars: Vec<Spot>,
    lid: Spot,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Jar {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        let at = place(rng, JARS + 1, [0.10, 0.38, -0.25, 0.25], 0.15, |tries| SimError::Placement {
            task: "close_jar".into(),
            seed,
            object: "a jar",
            tries,
        })?;
        let jars = at[..JARS].iter().map(|p| Spot::new(*p, 0.0)).collect();
        let lid = Spot::new(at[JARS], rng.random_range(-0.7..0.7));
        let first = chosen(rng, None, JARS);
        let colours = colours(rng, JARS, first, variation);
        let goals = goals(JARS, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Ok(Self { jars, lid, colours, goals })
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("close the {colour} jar"),
        1 => format!("put the lid on the {colour} jar"),
        2 => format!("screw the lid onto the {colour} jar"),
        _ => format!("take the lid and shut the {colour} jar with it"),
    }
}

impl Task for Jar {
    fn bodies(&self, sizes: Sizes) -> String {
        let mut xml = String::new();
        for (i, (jar, colour)) in self.jars.iter().zip(&self.colours).enumerate() {
            let rgba = COLOURS[*colour].rgba();
            let glass = Stuff { rgba: &rgba, mass_kg: 0.3 };
            let wall = Wall { radii: [RADIUS_M; 2], thickness: WALL_M, z: 0.0, height: HIGH_M, sides: 12 };
            xml += &jar.fixed(
                &format!("jar{i}"),
                &(wall.geoms(&glass) + &cylinder(RADIUS_M, 0.003, [0.0, 0.0, 0.003], &glass)),
            );
        }
        let steel = Stuff { rgba: "0.70 0.71 0.74 1", mass_kg: 0.02 };
        let lid = cylinder(0.037, LID_M, [0.0; 3], &steel)
            + &cylinder(RADIUS_M - 0.005, 0.5 * PLUG_M, [0.0, 0.0, -LID_M - 0.5 * PLUG_M], &PART)
            + &boxed([0.013, 0.011, 0.5 * KNOB_M], [0.0, 0.0, LID_M + 0.5 * KNOB_M], &PART);
        xml + &self.lid.free("lid", (LID_M + PLUG_M) * sizes.thing, &lid)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [jar] = goal.targets[..] else { return Ok(Vec::new()) };
        let lid = world.body_pose("lid")?;
        let held = smallest(yaw(&lid), std::f64::consts::PI);
        let Sizes { thing, furniture } = world.sizes();
        let grasp_high = (LID_M + 0.6 * KNOB_M) * thing;
        let closed = HIGH_M * furniture + LID_M * thing;
        let grasp = moved(&tool_down(lid.translation.vector, held), 0.0, 0.0, grasp_high);
        let on = |z: f64, yaw: f64| tool_down(self.jars[jar].point(0.0, 0.0, closed + grasp_high + z), yaw);
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.12);
        script.extend(screw([0.06, 0.001, 0.09], on));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let Sizes { thing, furniture } = world.sizes();
        let closed = |i: usize| {
            // In the measure of the jar.
            let z = HIGH_M + LID_M * thing / furniture;
            let near = 0.010;
            let (low, high) = ([-near, -near, z - 0.005], [near, near, z + 0.005]);
            Condition::left_inside(world, "lid", &format!("jar{i}"), low, high)
        };
        Conditions::judge(JARS, closed)
    }
}
