//! What can be different from what a policy has seen: the factors of COLOSSEUM (Pumacay et al. 2024), and of the real
//! world. All are drawn at reset, each from the scene's seed and its own name, so that none changes what another does.
//!
//! COLOSSEUM's fourteenth factor, the tasks' own variations, is always drawn here.

use std::{fmt, str::FromStr};

use mujoco_rs::prelude::{MjSpec, SpecElement};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::{
    SimError,
    colour::COLOURS,
    model::{self, CAMERAS},
};

/// One thing that is different. MO: what the arm moves; RO: what receives it, furniture.
#[allow(missing_docs, reason = "the names are COLOSSEUM's, or say it")]
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    MoColor,
    RoColor,
    MoTexture,
    RoTexture,
    MoSize,
    RoSize,
    LightColor,
    TableColor,
    TableTexture,
    Distractor,
    BackgroundTexture,
    CameraPose,
    AllMixed,
    Friction,
    Mass,
    CameraNoise,
    Latency,
    CameraDead,
    CameraFrozen,
    CameraBlurred,
}

impl Factor {
    /// All factors, COLOSSEUM's first.
    pub const ALL: [Self; 20] = [
        Self::MoColor,
        Self::RoColor,
        Self::MoTexture,
        Self::RoTexture,
        Self::MoSize,
        Self::RoSize,
        Self::LightColor,
        Self::TableColor,
        Self::TableTexture,
        Self::Distractor,
        Self::BackgroundTexture,
        Self::CameraPose,
        Self::AllMixed,
        Self::Friction,
        Self::Mass,
        Self::CameraNoise,
        Self::Latency,
        Self::CameraDead,
        Self::CameraFrozen,
        Self::CameraBlurred,
    ];

    /// As in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::MoColor => "mo_color",
            Self::RoColor => "ro_color",
            Self::MoTexture => "mo_texture",
            Self::RoTexture => "ro_texture",
            Self::MoSize => "mo_size",
            Self::RoSize => "ro_size",
            Self::LightColor => "light_color",
            Self::TableColor => "table_color",
            Self::TableTexture => "table_texture",
            Self::Distractor => "distractor",
            Self::BackgroundTexture => "background_texture",
            Self::CameraPose => "camera_pose",
            Self::AllMixed => "all_mixed",
            Self::Friction => "friction",
            Self::Mass => "mass",
            Self::CameraNoise => "camera_noise",
            Self::Latency => "latency",
            Self::CameraDead => "camera_dead",
            Self::CameraFrozen => "camera_frozen",
            Self::CameraBlurred => "camera_blurred",
        }
    }

    /// `all_mixed` is COLOSSEUM's other twelve together.
    fn is_mixed(self) -> bool {
        self < Self::AllMixed
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Factor {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        Self::ALL
            .into_iter()
            .find(|factor| factor.name() == text)
            .ok_or_else(|| SimError::UnknownFactor { name: text.into(), known: Self::ALL.map(Self::name).join(", ") })
    }
}

/// What is different, and by how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Perturbation {
    /// Which factors; none: the world that policies are trained in.
    pub factors: Vec<Factor>,
    /// Size of things, as a share of their size.
    pub size: [f64; 2],
    /// Red, green and blue of the lamp; it is 0.35 [-].
    pub light_rgb: [f64; 2],
    /// Red, green and blue of the table [-].
    pub table_rgb: [f64; 2],
    /// Things that have nothing to do with the task.
    pub distractors: usize,
    /// The three fixed cameras are off by up to this much per axis, and calibrated there [m], [rad].
    pub camera_shift_m: f64,
    /// See `camera_shift_m`.
    pub camera_turn_rad: f64,
    /// Friction of what is moved, as a share of what it is.
    pub friction: [f64; 2],
    /// Mass of what is moved, as a share of what it is.
    pub mass: [f64; 2],
    /// Standard deviation of colours (of 1) and, at 1 m, of depth; it grows with the square of distance [-], [m].
    pub noise_rgb: f64,
    /// See `noise_rgb`.
    pub noise_depth_m: f64,
    /// Added to the time from observation to prediction [s].
    pub latency_secs: f64,
    /// The camera that is dead, frozen or blurred.
    pub faulty_camera: String,
    /// Side of the square over which a blurred camera averages, odd [px].
    pub blur_px: usize,
}

impl Default for Perturbation {
    fn default() -> Self {
        Self {
            factors: Vec::new(),
            size: [0.85, 1.0],
            light_rgb: [0.0, 0.5],
            table_rgb: [0.25, 1.0],
            distractors: 2,
            camera_shift_m: 0.1,
            camera_turn_rad: 0.05,
            friction: [0.5, 1.0],
            mass: [0.5, 2.0],
            noise_rgb: 0.03,
            noise_depth_m: 0.002,
            latency_secs: 0.1,
            faulty_camera: "front".into(),
            blur_px: 7,
        }
    }
}

/// Sizes in one scene, as shares of the usual ones [-].
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Of what is moved: every body with a joint of its own.
    pub thing: f64,
    /// Of what receives it: every other body.
    pub furniture: f64,
}

impl Perturbation {
    /// Refuses ranges that make no world.
    pub fn validate(&self) -> Result<(), SimError> {
        let refuse = |key, value: String, allowed| Err(SimError::Perturbation { key, value, allowed });
        let shares = [("size", self.size), ("friction", self.friction), ("mass", self.mass)];
        if let Some((key, range)) =
            shares.iter().find(|(_, [low, high])| !(0.05 <= *low && low <= high && *high <= 20.0))
        {
            return refuse(key, format!("{range:?}"), "[low, high] with 0.05 <= low <= high <= 20");
        }
        let colours = [("light_rgb", self.light_rgb), ("table_rgb", self.table_rgb)];
        if let Some((key, range)) =
            colours.iter().find(|(_, [low, high])| !(0.0 <= *low && low <= high && *high <= 1.0))
        {
            return refuse(key, format!("{range:?}"), "[low, high] with 0 <= low <= high <= 1");
        }
        let least = [
            ("camera_shift_m", self.camera_shift_m),
            ("camera_turn_rad", self.camera_turn_rad),
            ("noise_rgb", self.noise_rgb),
            ("noise_depth_m", self.noise_depth_m),
            ("latency_secs", self.latency_secs),
        ];
        if let Some((key, value)) = least.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return refuse(key, value.to_string(), "0 to 1");
        }
        if self.distractors > 200 {
            return refuse("distractors", self.distractors.to_string(), "at most 200");
        }
        if self.blur_px.is_multiple_of(2) || self.blur_px > 31 {
            return refuse("blur_px", self.blur_px.to_string(), "odd, at most 31");
        }
        if !CAMERAS.iter().any(|(name, _)| *name == self.faulty_camera) {
            return refuse(
                "faulty_camera",
                self.faulty_camera.clone(),
                "front, left_shoulder, right_shoulder or wrist",
            );
        }
        Ok(())
    }

    /// The factor is in force.
    pub fn has(&self, factor: Factor) -> bool {
        self.factors.contains(&factor) || (factor.is_mixed() && self.factors.contains(&Factor::AllMixed))
    }

    /// Draws of one factor in one scene; `None` if it is not in force.
    pub(crate) fn draws(&self, factor: Factor, seed: u64) -> Option<Pcg64> {
        let salt = factor.name().bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        self.has(factor).then(|| Pcg64::seed_from_u64(seed ^ salt.rotate_left(32)))
    }

    /// Sizes in one scene.
    pub(crate) fn sizes(&self, seed: u64) -> Sizes {
        let size = |factor| self.draws(factor, seed).map_or(1.0, |mut rng| between(&mut rng, self.size));
        Sizes { thing: size(Factor::MoSize), furniture: size(Factor::RoSize) }
    }

    /// Extra time from observation to prediction [s].
    pub fn extra_latency_secs(&self) -> f64 {
        if self.has(Factor::Latency) { self.latency_secs } else { 0.0 }
    }

    /// Changes a scene before it is compiled; `base` is the robot's first body. Bodies with a joint of their own are
    /// moved; others receive.
    pub(crate) fn apply(&self, spec: &mut MjSpec, seed: u64, base: &str) {
        let mut things = model::scene_bodies(spec, base);
        things.retain(|thing| !thing.name.starts_with("distractor"));
        let sizes = self.sizes(seed);
        for (moved, color, texture, size) in [
            (true, Factor::MoColor, Factor::MoTexture, sizes.thing),
            (false, Factor::RoColor, Factor::RoTexture, sizes.furniture),
        ] {
            let mut color = self.draws(color, seed);
            let texture = self.draws(texture, seed).map(|mut rng| texture_name(&mut rng));
            let friction =
                self.draws(Factor::Friction, seed).filter(|_| moved).map(|mut rng| between(&mut rng, self.friction));
            let mass = self.draws(Factor::Mass, seed).filter(|_| moved).map(|mut rng| between(&mut rng, self.mass));
            for thing in things.iter().filter(|thing| thing.has_joint == moved) {
                let Some(body) = spec.body_mut(&thing.name) else { continue };
                // The post stands where it is put, and a cover hides a button of any size.
                let size = if thing.name == "post" || thing.name.starts_with("cover") { 1.0 } else { size };
                for geom in body.geom_iter_mut(false) {
                    if let Some(rng) = &mut color {
                        let drawn: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.05..0.95));
                        if !is_named(geom.rgba()) {
                            geom.rgba_mut()[..3].copy_from_slice(&drawn);
                        }
                    }
                    if let Some(texture) = &texture {
                        geom.set_material(texture);
                    }
                    geom.size_mut().iter_mut().for_each(|v| *v *= size);
                    geom.pos_mut().iter_mut().for_each(|v| *v *= size);
                    if let Some(friction) = friction {
                        geom.friction_mut()[0] *= friction;
                        // Above the fingers' pads, which otherwise decide how it is held.
                        geom.set_priority(2);
                    }
                    if let Some(mass) = mass {
                        geom.set_mass(geom.mass() * mass);
                    }
                }
            }
        }
        self.light_and_room(spec, seed);
    }

    fn light_and_room(&self, spec: &mut MjSpec, seed: u64) {
        if let Some(mut rng) = self.draws(Factor::LightColor, seed) {
            for light in spec.light_iter_mut() {
                let drawn: [f32; 3] = std::array::from_fn(|_| between(&mut rng, self.light_rgb) as f32);
                *light.diffuse_mut() = drawn;
            }
        }
        let table_color = self.draws(Factor::TableColor, seed);
        let table_texture = self.draws(Factor::TableTexture, seed);
        let background = self.draws(Factor::BackgroundTexture, seed);
        for geom in spec.geom_iter_mut() {
            match geom.name() {
                "table" => {
                    if let Some(mut rng) = table_color.clone() {
                        let drawn: [f32; 3] = std::array::from_fn(|_| between(&mut rng, self.table_rgb) as f32);
                        geom.rgba_mut()[..3].copy_from_slice(&drawn);
                    }
                    if let Some(mut rng) = table_texture.clone() {
                        geom.set_material(texture_name(&mut rng));
                    }
                }
                "floor" => {
                    if let Some(mut rng) = background.clone() {
                        geom.set_material(texture_name(&mut rng));
                    }
                }
                _ => {}
            }
        }
        if let Some(mut rng) = self.draws(Factor::CameraPose, seed) {
            for camera in spec.camera_iter_mut().filter(|camera| camera.name() != "wrist") {
                let mut off = |most: f64| if most > 0.0 { rng.random_range(-most..most) } else { 0.0 };
                camera.pos_mut().iter_mut().for_each(|v| *v += off(self.camera_shift_m));
                // A camera is given by the axes x and y of its image; turned a little, they stay nearly at right angles.
                let turn = std::array::from_fn::<f64, 6, _>(|_| off(self.camera_turn_rad));
                let mut axes = camera.alt().xyaxes;
                axes.iter_mut().zip(turn).for_each(|(v, t)| *v += t);
                camera.alt_mut().set_xy_axis(&axes);
            }
        }
    }

    /// Places things that have nothing to do with the task; circles (x, y, radius) are taken.
    pub(crate) fn distractors(&self, task: &str, seed: u64, taken: &[[f64; 3]]) -> Result<String, SimError> {
        const TRIES: usize = 2000;
        let Some(mut rng) = self.draws(Factor::Distractor, seed) else { return Ok(String::new()) };
        let mut circles = taken.to_vec();
        let mut xml = String::new();
        for i in 0..self.distractors {
            let half: [f64; 3] = std::array::from_fn(|_| rng.random_range(0.015..0.03));
            let radius = half[0].hypot(half[1]) + 0.01;
            let place = (0..TRIES).find_map(|_| {
                let [x, y] = [rng.random_range(0.0..0.5), rng.random_range(-0.5..0.5)];
                circles.iter().all(|[a, b, r]| (x - a).hypot(y - b) > r + radius).then_some([x, y])
            });
            let [x, y] =
                place.ok_or(SimError::Placement { task: task.into(), seed, object: "a distractor", tries: TRIES })?;
            circles.push([x, y, radius]);
            let shape = ["box", "cylinder", "ellipsoid"][rng.random_range(0..3)];
            let [r, g, b] = std::array::from_fn(|_| rng.random_range(0.05..0.95));
            let ([a, c, d], z) = (half, crate::model::TABLE_Z_M + if shape == "cylinder" { half[1] } else { half[2] });
            xml += &format!(
                r#"<body name="distractor{i}" pos="{x} {y} {z}"><freejoint/><geom type="{shape}" size="{a} {c} {d}" mass="0.06" rgba="{r} {g} {b} 1"/></body>"#
            );
        }
        Ok(xml)
    }
}

/// Textures for [`Factor::MoTexture`] and its like; they are tinted by the colour of what wears them.
pub(crate) const ASSETS: &str = r#"<asset>
  <texture name="texture0" type="2d" builtin="checker" rgb1="1 1 1" rgb2="0.55 0.55 0.55" width="64" height="64"/>
  <texture name="texture1" type="2d" builtin="gradient" rgb1="1 1 1" rgb2="0.35 0.35 0.35" width="64" height="64"/>
  <texture name="texture2" type="2d" builtin="flat" mark="random" random="0.15" rgb1="0.9 0.9 0.9" markrgb="0.3 0.3 0.3" width="64" height="64"/>
  <texture name="texture3" type="2d" builtin="flat" mark="edge" rgb1="0.95 0.95 0.95" markrgb="0.2 0.2 0.2" width="64" height="64"/>
  <material name="texture0" texture="texture0" texrepeat="4 4" rgba="1 1 1 1"/>
  <material name="texture1" texture="texture1" texrepeat="3 3" rgba="1 1 1 1"/>
  <material name="texture2" texture="texture2" texrepeat="3 3" rgba="1 1 1 1"/>
  <material name="texture3" texture="texture3" texrepeat="8 8" rgba="1 1 1 1"/>
</asset>"#;

fn texture_name(rng: &mut Pcg64) -> &'static str {
    ["texture0", "texture1", "texture2", "texture3"][rng.random_range(0..4)]
}

fn between(rng: &mut Pcg64, [low, high]: [f64; 2]) -> f64 {
    if low < high { rng.random_range(low..high) } else { low }
}

/// Instructions name this colour: it means something and stays what it is.
fn is_named(rgba: &[f32; 4]) -> bool {
    COLOURS.iter().any(|colour| colour.rgb.iter().zip(rgba).all(|(a, b)| (*a as f32 - b).abs() < 1e-3))
}
