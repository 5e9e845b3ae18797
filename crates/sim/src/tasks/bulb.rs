//! light_bulb_in: screw the bulb from the holder of the named colour into the lamp.

use neuraxis_core::KeyFrame;
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen, colours,
    condition::{Condition, Conditions},
    goals, place,
    script::{moved, pick, screw, tool_down},
    shapes::{DARK, GREY, Spot, Stuff, WHITE, Wall, boxed, cylinder},
};
use crate::{SimError, colour::COLOURS, perturb::Sizes, plant::WorldData};

const BULBS: usize = 2;
/// Radius of the glass, of the base below it, and the base's height; the origin is the glass's middle [m].
const GLASS_M: f64 = 0.023;
const BASE_M: f64 = 0.012;
const BASE_HIGH_M: f64 = 0.030;
/// Inner radius of holders and socket, and how deep they are [m].
const SOCKET_M: f64 = 0.016;
const DEEP_M: f64 = 0.022;
/// The lamp's socket begins at this height [m].
const LAMP_M: f64 = 0.06;
/// From a standing bulb's foot to its origin [m].
const FOOT_M: f64 = 0.020 + BASE_HIGH_M;

pub struct Bulb {
    holders: Vec<Spot>,
    lamp: Spot,
    colours: Vec<usize>,
    goals: Vec<Goal>,
}

impl Bulb {
    pub fn sample(seed: u64, variation: Option<usize>, rng: &mut Pcg64) -> Result<Self, SimError> {
        let at = place(rng, BULBS + 1, [0.10, 0.38, -0.25, 0.25], 0.15, |tries| SimError::Placement {
            task: "light_bulb_in".into(),
            seed,
            object: "a bulb",
            tries,
        })?;
        let spots: Vec<Spot> = at.iter().map(|p| Spot::new(*p, 0.0)).collect();
        let first = chosen(rng, None, BULBS);
        let colours = colours(rng, BULBS, first, variation);
        let goals = goals(BULBS, first, |i| sentence(COLOURS[colours[i]].name, rng));
        Ok(Self { holders: spots[..BULBS].to_vec(), lamp: spots[BULBS], colours, goals })
    }
}

fn sentence(colour: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("screw the bulb from the {colour} holder into the lamp"),
        1 => format!("put the light bulb that is in the {colour} base into the lamp"),
        2 => format!("take the bulb out of the {colour} holder and screw it in"),
        _ => format!("light the lamp with the bulb in the {colour} holder"),
    }
}

impl Task for Bulb {
    fn bodies(&self, sizes: Sizes) -> String {
        let socket = |z: f64| Wall { radii: [SOCKET_M; 2], thickness: 0.005, z, height: DEEP_M, sides: 10 };
        let mut xml = String::new();
        let glass = Stuff { rgba: "0.98 0.96 0.85 1", mass_kg: 0.02 };
        let Stuff { rgba, mass_kg } = &glass;
        let bulb = format!(r#"<geom type="sphere" size="{GLASS_M}" mass="{mass_kg}" rgba="{rgba}"/>"#)
            + &cylinder(BASE_M, 0.5 * BASE_HIGH_M, [0.0, 0.0, 0.5 * BASE_HIGH_M - FOOT_M], &GREY);
        for (i, (holder, colour)) in self.holders.iter().zip(&self.colours).enumerate() {
            let rgba = COLOURS[*colour].rgba();
            let paint = Stuff { rgba: &rgba, mass_kg: 0.1 };
            let foot = boxed([0.034, 0.034, 0.004], [0.0, 0.0, 0.004], &paint);
            xml += &holder.fixed(&format!("holder{i}"), &(foot + &socket(0.008).geoms(&paint)));
            xml += &holder.free(&format!("bulb{i}"), 0.008 * sizes.furniture + FOOT_M * sizes.thing, &bulb);
        }
        let lamp = cylinder(0.045, 0.006, [0.0, 0.0, 0.006], &DARK)
            + &cylinder(0.012, 0.5 * LAMP_M, [0.0, 0.0, 0.5 * LAMP_M], &DARK)
            + &cylinder(SOCKET_M + 0.005, 0.003, [0.0, 0.0, LAMP_M - 0.003], &WHITE)
            + &socket(LAMP_M).geoms(&WHITE);
        xml + &self.lamp.fixed("lamp", &lamp)
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [bulb] = goal.targets[..] else { return Ok(Vec::new()) };
        let at = world.body_pose(&format!("bulb{bulb}"))?.translation.vector;
        let grasp = tool_down(at, 0.0);
        let Sizes { thing, furniture } = world.sizes();
        let stands = LAMP_M * furniture + FOOT_M * thing;
        let over = |z: f64, yaw: f64| tool_down(self.lamp.point(0.0, 0.0, stands + z), yaw);
        let mut script = pick(moved(&grasp, 0.0, 0.0, 0.09), grasp, 0.12);
        script.extend(screw([0.07, 0.002, 0.09], over));
        Ok(script)
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let Sizes { thing, furniture } = world.sizes();
        let lit = |i: usize| {
            // In the measure of the lamp.
            let (bulb, z, near) = (format!("bulb{i}"), LAMP_M + FOOT_M * thing / furniture, 0.012);
            Condition::left_inside(world, &bulb, "lamp", [-near, -near, z - 0.008], [near, near, z + 0.008])
        };
        Conditions::judge(BULBS, lit)
    }
}
