//! Clouds of exact shapes: surfaces as cameras above see them, on a grid of 5 mm, with noise of a given size.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, Pose};
use neuraxis_scene::Hand;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

pub const TABLE_M: f64 = 0.75;
pub const RED: [u8; 3] = [216, 13, 13];
pub const GREEN: [u8; 3] = [13, 153, 26];
pub const BLUE: [u8; 3] = [13, 38, 216];
pub const WHITE: [u8; 3] = [237, 237, 237];
pub const BLACK: [u8; 3] = [31, 31, 31];
const BEIGE: [u8; 3] = [202, 185, 163];
const STEP_M: f64 = 0.005;

pub struct Scene {
    pub xyz: Vec<[f32; 3]>,
    pub rgb: Vec<[u8; 3]>,
    rng: Pcg64,
    noise_m: f64,
}

impl Scene {
    /// A table, seen on a grid of 10 mm.
    pub fn new(noise_m: f64) -> Self {
        let mut scene = Self { xyz: Vec::new(), rgb: Vec::new(), rng: Pcg64::seed_from_u64(7), noise_m };
        for [x, y] in grid([0.0, -0.4], [0.6, 0.4], 2.0 * STEP_M) {
            scene.point(Vector3::new(x, y, TABLE_M), BEIGE);
        }
        scene
    }

    fn point(&mut self, p: Vector3<f64>, rgb: [u8; 3]) {
        let noise = self.noise_m;
        let mut jitter = || if noise > 0.0 { self.rng.random_range(-noise..noise) } else { 0.0 };
        self.xyz.push([(p.x + jitter()) as f32, (p.y + jitter()) as f32, (p.z + jitter()) as f32]);
        self.rgb.push(rgb);
    }

    /// Upper side and four sides, those in the shade; the table below is hidden.
    pub fn brick(mut self, [x, y]: [f64; 2], bottom_m: f64, sides: [f64; 3], yaw: f64, rgb: [u8; 3]) -> Self {
        let (sin, cos) = yaw.sin_cos();
        let [a, b] = [0.5 * sides[0], 0.5 * sides[1]];
        let world = |u: f64, v: f64, z: f64| Vector3::new(x + cos * u - sin * v, y + sin * u + cos * v, bottom_m + z);
        if bottom_m < TABLE_M + 0.01 {
            self.hide(|p| {
                let d = p - Vector3::new(x, y, 0.0);
                (cos * d.x + sin * d.y).abs() < a && (-sin * d.x + cos * d.y).abs() < b
            });
        }
        for [u, v] in grid([-a, -b], [a, b], STEP_M) {
            self.point(world(u, v, sides[2]), rgb);
        }
        let shade = rgb.map(|c| c / 2);
        for [u, z] in grid([-a, 0.0], [a, sides[2]], STEP_M) {
            self.point(world(u, -b, z), shade);
            self.point(world(u, b, z), shade);
        }
        for [v, z] in grid([-b, 0.0], [b, sides[2]], STEP_M) {
            self.point(world(-a, v, z), shade);
            self.point(world(a, v, z), shade);
        }
        self
    }

    pub fn cube(self, at: [f64; 2], side: f64, yaw: f64, rgb: [u8; 3]) -> Self {
        self.brick(at, TABLE_M, [side; 3], yaw, rgb)
    }

    /// Painted on the table.
    pub fn plate(mut self, [x, y]: [f64; 2], side: f64, rgb: [u8; 3]) -> Self {
        let half = 0.5 * side;
        self.hide(|p| (p.x - x).abs() < half && (p.y - y).abs() < half);
        for [u, v] in grid([-half, -half], [half, half], 2.0 * STEP_M) {
            self.point(Vector3::new(x + u, y + v, TABLE_M + 0.0016), rgb);
        }
        self
    }

    /// An upright cylinder between two heights; hollow: without upper side, its inner wall is seen.
    pub fn round(mut self, [x, y]: [f64; 2], radius: f64, heights_m: [f64; 2], hollow: bool, rgb: [u8; 3]) -> Self {
        for i in 0..60 {
            let (sin, cos) = (f64::from(i) * std::f64::consts::TAU / 60.0).sin_cos();
            let steps = ((heights_m[1] - heights_m[0]) / STEP_M) as usize;
            for z in (0..=steps).map(|k| heights_m[0] + STEP_M * k as f64) {
                self.point(Vector3::new(x + radius * cos, y + radius * sin, z), rgb.map(|c| c / 3 * 2));
            }
        }
        let lid = if hollow { heights_m[0] + 0.004 } else { heights_m[1] };
        for [u, v] in grid([-radius, -radius], [radius, radius], STEP_M) {
            if u.hypot(v) < radius {
                self.point(Vector3::new(x + u, y + v, lid), rgb);
            }
        }
        self
    }

    /// As in the tasks: a white foot, and a cap that is black once pressed.
    pub fn button(self, at: [f64; 2], cap: [u8; 3]) -> Self {
        self.round(at, 0.038, [TABLE_M, TABLE_M + 0.025], false, WHITE).round(
            at,
            0.029,
            [TABLE_M + 0.026, TABLE_M + 0.045],
            false,
            cap,
        )
    }

    /// Points where no reading is good.
    pub fn with_nan(mut self, count: usize) -> Self {
        self.xyz.extend((0..count).map(|i| [[f32::NAN, 0.2, 0.8], [0.2, f32::INFINITY, 0.8]][i % 2]));
        self.rgb.extend((0..count).map(|_| RED));
        self
    }

    /// Removes points.
    pub fn hide(&mut self, hidden: impl Fn(&Vector3<f64>) -> bool) {
        let keep: Vec<bool> = self.xyz.iter().map(|p| !hidden(&Vector3::from(p.map(f64::from)))).collect();
        let mut keeps = keep.iter();
        self.xyz.retain(|_| keeps.next() == Some(&true));
        let mut keeps = keep.iter();
        self.rgb.retain(|_| keeps.next() == Some(&true));
    }

    /// A hand that points down: its fingers, its body, and what it hides below.
    pub fn hand(mut self, hand: &Hand) -> Self {
        let at = hand.tool_in_world();
        let white = [225, 225, 230];
        for side in [-1.0, 1.0] {
            let y = at.y + side * (0.5 * hand.width_m + 0.011);
            self = self.brick([at.x, y], at.z - 0.009, [0.018, 0.012, 0.06], 0.0, white);
        }
        self.brick([at.x, at.y], at.z + 0.045, [0.06, 0.20, 0.06], 0.0, white)
    }
}

fn grid(low: [f64; 2], high: [f64; 2], step: f64) -> impl Iterator<Item = [f64; 2]> {
    let count = |k: usize| ((high[k] - low[k]) / step).round().max(1.0) as usize;
    let [nx, ny] = [count(0), count(1)];
    let at = move |k: usize, i: usize, n: usize| low[k] + (high[k] - low[k]) * i as f64 / n as f64;
    (0..=nx).flat_map(move |i| (0..=ny).map(move |j| [at(0, i, nx), at(1, j, ny)]))
}

/// Pointing down, fingers along y.
pub fn hand([x, y, z]: [f64; 3], gripper: Gripper, width_m: f64) -> Hand {
    let down = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    Hand { world_from_tool: Pose::from_parts(Vector3::new(x, y, z), down), gripper, width_m }
}
