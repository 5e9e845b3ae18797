//! Geometry that scenes are made of, as MJCF: lengths in metres, half sizes as MuJoCo has them.

use std::fmt::Write;

use nalgebra::{Isometry3, UnitQuaternion, Vector3};

use crate::model::{BASE_X_M, TABLE_Z_M};

/// Where a thing stands on the table: x, y [m], yaw [rad].
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) yaw: f64,
}

impl Spot {
    pub(super) fn new([x, y]: [f64; 2], yaw: f64) -> Self {
        Self { x, y, yaw }
    }

    /// World from the thing's own frame, its origin on the table.
    pub(super) fn pose(&self) -> Isometry3<f64> {
        let yaw = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.yaw);
        Isometry3::from_parts(Vector3::new(self.x, self.y, TABLE_Z_M).into(), yaw)
    }

    /// A point of the thing in the world.
    pub(super) fn point(&self, x: f64, y: f64, z: f64) -> Vector3<f64> {
        (self.pose() * nalgebra::Point3::new(x, y, z)).coords
    }

    /// What does not move: furniture.
    pub(super) fn fixed(&self, name: &str, content: &str) -> String {
        let Self { x, y, yaw } = self;
        format!(r#"<body name="{name}" pos="{x} {y} {TABLE_Z_M}" euler="0 0 {yaw}">{content}</body>"#)
    }

    /// What can be picked up; its frame's origin starts `z_m` above the table.
    pub(super) fn free(&self, name: &str, z_m: f64, content: &str) -> String {
        let (Self { x, y, yaw }, z) = (self, TABLE_Z_M + z_m);
        format!(r#"<body name="{name}" pos="{x} {y} {z}" euler="0 0 {yaw}"><freejoint/>{content}</body>"#)
    }
}

/// Direction from the foot of the arm to a point of the table [rad].
pub(super) fn from_base([x, y]: [f64; 2]) -> f64 {
    y.atan2(x - BASE_X_M)
}

/// How a piece of geometry looks and weighs.
#[derive(Clone, Debug)]
pub(super) struct Stuff<'a> {
    pub(super) rgba: &'a str,
    /// Mass of this piece [kg].
    pub(super) mass_kg: f64,
}

/// Colours of things that no instruction names.
pub(super) const WHITE: Stuff = Stuff { rgba: "0.93 0.93 0.93 1", mass_kg: 0.05 };
pub(super) const GREY: Stuff = Stuff { rgba: "0.45 0.46 0.50 1", mass_kg: 0.05 };
pub(super) const DARK: Stuff = Stuff { rgba: "0.15 0.15 0.17 1", mass_kg: 0.02 };
pub(super) const WOOD: Stuff = Stuff { rgba: "0.50 0.36 0.25 1", mass_kg: 0.05 };

pub(super) fn boxed(half: [f64; 3], at: [f64; 3], stuff: &Stuff) -> String {
    turned_box(half, at, 0.0, stuff)
}

/// Turned about its own z axis [rad].
pub(super) fn turned_box([a, b, c]: [f64; 3], [x, y, z]: [f64; 3], yaw: f64, stuff: &Stuff) -> String {
    let Stuff { rgba, mass_kg } = stuff;
    format!(
        r#"<geom type="box" size="{a} {b} {c}" pos="{x} {y} {z}" euler="0 0 {yaw}" mass="{mass_kg}" rgba="{rgba}"/>"#
    )
}

/// Upright.
pub(super) fn cylinder(radius: f64, half_height: f64, [x, y, z]: [f64; 3], stuff: &Stuff) -> String {
    let Stuff { rgba, mass_kg } = stuff;
    format!(r#"<geom type="cylinder" size="{radius} {half_height}" pos="{x} {y} {z}" mass="{mass_kg}" rgba="{rgba}"/>"#)
}

/// What is painted on the table and cannot be touched.
pub(super) fn plate(half: [f64; 2], [x, y]: [f64; 2], rgba: &str) -> String {
    let [a, b] = half;
    format!(
        r#"<geom type="box" size="{a} {b} 0.0008" pos="{x} {y} 0.0008" contype="0" conaffinity="0" rgba="{rgba}"/>"#
    )
}

/// The wall of a round vessel: `sides` upright plates around z, from `z` up, leaning outwards; smooth, so that nothing is
/// wedged in it.
pub(super) struct Wall {
    /// Inner radius at the bottom and at the top [m].
    pub(super) radii: [f64; 2],
    pub(super) thickness: f64,
    /// Bottom and height [m].
    pub(super) z: f64,
    pub(super) height: f64,
    pub(super) sides: usize,
}

impl Wall {
    pub(super) fn geoms(&self, stuff: &Stuff) -> String {
        let Stuff { rgba, mass_kg } = stuff;
        let (step, [bottom, top]) = (std::f64::consts::TAU / self.sides as f64, self.radii);
        let lean = ((top - bottom) / self.height).atan();
        let radius = 0.5 * (bottom + top + self.thickness);
        // Neighbours meet at the top, where the wall is widest.
        let half_width = (top + self.thickness) * (0.5 * step).tan();
        let (a, c, z) = (0.5 * self.thickness, 0.5 * self.height / lean.cos(), self.z + 0.5 * self.height);
        let mut xml = String::new();
        for i in 0..self.sides {
            let angle = i as f64 * step;
            let (x, y) = (radius * angle.cos(), radius * angle.sin());
            let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), angle)
                * UnitQuaternion::from_axis_angle(&Vector3::y_axis(), lean);
            let q = turn.into_inner();
            let mass = mass_kg / self.sides as f64;
            let _ = write!(
                xml,
                r#"<geom type="box" size="{a} {half_width} {c}" pos="{x} {y} {z}" quat="{} {} {} {}" mass="{mass}" rgba="{rgba}" friction="0.3 0.01 0.001"/>"#,
                q.w, q.i, q.j, q.k
            );
        }
        xml
    }
}
