//! open_drawer: pull the named drawer of a cabinet open.

use std::ops::Range;

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{Gripper, KeyFrame};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{
    Goal, Judge, Task, chosen, each, goals,
    script::{keyframe, moved, tool_down, tool_forward, yaw},
    shapes::Spot,
};
use crate::{SimError, perturb::Sizes, plant::WorldData};

pub(super) const NAMES: [&str; 3] = ["bottom", "middle", "top"];
/// Heights of the handles above the table [m].
pub(super) const HANDLE_Z_M: [f64; 3] = [0.19, 0.30, 0.41];
/// Handle in front of the cabinet's front [m].
const HANDLE_OUT_M: f64 = 0.045;
const OPEN_M: f64 = 0.15;
const PULL_M: f64 = 0.18;
pub(super) const BEFORE_M: f64 = 0.09;
/// Pulled almost all the way, so that there is room for the hand [m].
pub(super) const WIDE_M: f64 = 0.195;
/// Inside of a drawer in its frame [m].
pub(super) const INSIDE_M: [[f64; 3]; 2] = [[0.0, -0.12, -0.05], [0.20, 0.12, 0.05]];
/// The tool points down into the cabinet by this much [rad].
const TILT_RAD: f64 = 0.7;

pub struct Drawer {
    /// Middle of the cabinet's front on the table; x points into the cabinet.
    cabinet: Spot,
    shade: f64,
    goals: Vec<Goal>,
}

impl Drawer {
    pub fn sample(variation: Option<usize>, rng: &mut Pcg64) -> Self {
        Self::sample_at(0.42..0.47, -0.12..0.12, variation, rng)
    }

    /// With the middle of the front within these bounds [m].
    pub(super) fn sample_at(x: Range<f64>, y: Range<f64>, variation: Option<usize>, rng: &mut Pcg64) -> Self {
        let at = [rng.random_range(x), rng.random_range(y)];
        let cabinet = Spot::new(at, rng.random_range(-1.0..1.0) * 10f64.to_radians());
        let shade = rng.random_range(0.35..0.6);
        let first = chosen(rng, variation, 3);
        let goals = goals(3, first, |i| sentence(NAMES[i], rng));
        Self { cabinet, shade, goals }
    }

    /// Tool at a handle that has been pulled out this far [m].
    pub(super) fn handle(&self, drawer: usize, out: f64) -> Isometry3<f64> {
        self.cabinet.pose() * handle(drawer, out)
    }

    /// Take a handle and pull the drawer out this far [m].
    pub(super) fn pull(&self, drawer: usize, out: f64) -> Vec<KeyFrame> {
        vec![
            keyframe(self.handle(drawer, BEFORE_M), Gripper::Open, false),
            keyframe(self.handle(drawer, 0.0), Gripper::Closed, true),
            keyframe(self.handle(drawer, out), Gripper::Closed, true),
        ]
    }

    /// Where the cabinet stands.
    pub(super) fn spot(&self) -> &Spot {
        &self.cabinet
    }
}

/// Tool at a handle that has been pulled out this far [m], in the cabinet's frame: z into the cabinet, fingers to the
/// sides of the handle.
pub(super) fn handle(drawer: usize, out: f64) -> Isometry3<f64> {
    // Level at these heights the FR3's joint 6 would be at its limit.
    tool_forward(Vector3::new(-HANDLE_OUT_M - out, 0.0, HANDLE_Z_M[drawer]), 0.0, TILT_RAD)
}

/// Where the tool draws back to from a handle that it has left pulled out this far [m].
pub(super) fn away(cabinet: &Isometry3<f64>, drawer: usize, out: f64) -> Isometry3<f64> {
    moved(&(cabinet * handle(drawer, out + 0.05)), 0.0, 0.0, 0.09)
}

/// The tool pointing down, well clear of that drawer, which a hand that swings by would move.
pub(super) fn clear(cabinet: &Isometry3<f64>, drawer: usize, out: f64) -> Isometry3<f64> {
    let at = away(cabinet, drawer, out).translation.vector + cabinet * Vector3::new(-0.06, 0.0, 0.06);
    tool_down(at, yaw(cabinet))
}

fn sentence(name: &str, rng: &mut Pcg64) -> String {
    match rng.random_range(0..4) {
        0 => format!("open the {name} drawer"),
        1 => format!("pull the {name} drawer open"),
        2 => format!("grab the {name} handle and pull the drawer out"),
        _ => format!("slide the {name} drawer out"),
    }
}

impl Task for Drawer {
    fn bodies(&self, sizes: Sizes) -> String {
        let wood = format!("{} {} {} 1", 0.9 * self.shade, 0.65 * self.shade, 0.45 * self.shade);
        // The drawers hang where they hang, whatever the size: the top stays above what lies in them.
        let top_z = 0.475 / sizes.furniture;
        let mut xml = format!(
            r#"<geom type="box" size="0.10 0.13 0.05" pos="0.115 0 0.05" rgba="{wood}"/>
              <geom type="box" size="0.005 0.13 0.235" pos="0.21 0 0.235" rgba="{wood}"/>
              <geom type="box" size="0.10 0.005 0.185" pos="0.11 0.130 0.285" rgba="{wood}"/>
              <geom type="box" size="0.10 0.005 0.185" pos="0.11 -0.130 0.285" rgba="{wood}"/>
              <geom type="box" size="0.105 0.135 0.005" pos="0.11 0 {top_z}" rgba="{wood}"/>"#
        );
        for (i, z) in HANDLE_Z_M.iter().enumerate() {
            let out = -HANDLE_OUT_M;
            xml += &format!(
                r#"<body name="drawer{i}" pos="0 0 {z}">
                  <joint name="slide{i}" type="slide" axis="-1 0 0" range="0 0.2" damping="4" frictionloss="1.0"/>
                  <geom type="box" size="0.006 0.122 0.050" pos="0.006 0 0" mass="0.3" rgba="0.82 0.74 0.60 1"/>
                  <geom type="box" size="0.085 0.115 0.004" pos="0.095 0 -0.045" mass="0.1" rgba="0.82 0.74 0.60 1"/>
                  <geom type="capsule" size="0.008" fromto="{out} 0 -0.032 {out} 0 0.032" mass="0.05" rgba="0.15 0.15 0.17 1" friction="1.4 0.05 0.001"/>
                  <geom type="capsule" size="0.005" fromto="{out} 0 -0.032 0 0 -0.032" mass="0.01" rgba="0.15 0.15 0.17 1"/>
                  <geom type="capsule" size="0.005" fromto="{out} 0 0.032 0 0 0.032" mass="0.01" rgba="0.15 0.15 0.17 1"/>
                  <site name="handle{i}" pos="{out} 0 0" size="0.001" rgba="0 0 0 0"/>
                </body>"#
            );
        }
        self.cabinet.fixed("cabinet", &xml)
    }

    /// Drawers slide inside the cabinet without touching it.
    fn sections(&self) -> String {
        let mut xml = String::from("<contact>");
        for i in 0..3 {
            xml += &format!(r#"<exclude body1="cabinet" body2="drawer{i}"/>"#);
            for j in 0..i {
                xml += &format!(r#"<exclude body1="drawer{j}" body2="drawer{i}"/>"#);
            }
        }
        xml + "</contact>"
    }

    fn goals(&self) -> &[Goal] {
        &self.goals
    }

    fn keyframes(&self, goal: &Goal, _world: &WorldData) -> Result<Vec<KeyFrame>, SimError> {
        let [drawer] = goal.targets[..] else { return Ok(Vec::new()) };
        Ok(self.pull(drawer, PULL_M))
    }

    fn judge(&self, world: &WorldData) -> Result<Box<dyn Judge>, SimError> {
        let slide = each(|i| world.qpos_index(&format!("slide{i}")))?;
        Ok(Box::new(DrawerJudge { slide, open_m: [0.0; 3] }))
    }
}

struct DrawerJudge {
    slide: [usize; 3],
    open_m: [f64; 3],
}

impl Judge for DrawerJudge {
    fn step(&mut self, world: &mut WorldData, _gripper_width_m: f64) {
        self.open_m = self.slide.map(|i| world.qpos()[i]);
    }

    fn success(&self, goal: &Goal) -> bool {
        goal.targets.iter().all(|d| self.open_m[*d] > OPEN_M)
    }

    fn failed(&self, goal: &Goal) -> bool {
        (0..3).any(|i| !goal.targets.contains(&i) && self.open_m[i] > OPEN_M)
    }
}
