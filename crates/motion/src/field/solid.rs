//! Solids of a simulator, and whether a cell may touch one.

use nalgebra::{Isometry3, Point3, Vector3};

use crate::MotionError;

/// A convex shape about its own origin; whatever has an axis has it along z, as MuJoCo has them.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Shape {
    /// Half of each edge [m].
    Box {
        /// [m]
        half_m: [f64; 3],
    },
    /// Flat ends.
    Cylinder {
        /// [m]
        radius_m: f64,
        /// [m]
        half_height_m: f64,
    },
    /// Round ends beyond the half length.
    Capsule {
        /// [m]
        radius_m: f64,
        /// Of the segment inside [m].
        half_length_m: f64,
    },
    /// A sphere.
    Ball {
        /// [m]
        radius_m: f64,
    },
    /// Half of each axis [m].
    Ellipsoid {
        /// [m]
        half_m: [f64; 3],
    },
}

/// A shape at its place in the world.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Solid {
    /// What it is.
    pub shape: Shape,
    /// `X_WS`.
    pub world_from_solid: Isometry3<f64>,
}

/// A plane with the solid wholly behind it: unit normal in the world, and how far a point is in front [m].
type Plane = (Vector3<f64>, f64);

impl Solid {
    /// Refuses sizes and poses that are no numbers.
    pub(super) fn validate(&self) -> Result<(), MotionError> {
        let half = self.shape.half_m();
        let position = self.world_from_solid.translation.vector;
        let sizes = half.iter().find(|v| !(v.is_finite() && **v > 0.0)).map(|v| ("size", *v, "finite, positive"));
        let turn = self.world_from_solid.rotation.coords;
        let poses = position.iter().chain(turn.iter()).find(|v| !v.is_finite()).map(|v| ("pose", *v, "finite"));
        match sizes.or(poses) {
            Some((key, value, allowed)) => Err(MotionError::Solid { key, value, allowed }),
            None => Ok(()),
        }
    }

    /// Corners of a box of the world that holds the solid [m].
    pub(super) fn bounds(&self) -> (Vector3<f64>, Vector3<f64>) {
        let rotation = self.world_from_solid.rotation.to_rotation_matrix();
        let half = rotation.matrix().abs() * self.shape.half_m();
        let middle = self.world_from_solid.translation.vector;
        (middle - half, middle + half)
    }

    /// True if a cube of the grid may touch the solid: never false for one that does.
    ///
    /// Both are convex: they are apart if the cube lies wholly in front of the plane at the solid's nearest point.
    pub(super) fn may_touch(&self, middle: &Vector3<f64>, half_cell_m: f64) -> bool {
        let point = self.world_from_solid.inverse() * Point3::from(*middle);
        self.shape.plane_before(&point.coords).is_none_or(|(normal_in_solid, gap_m)| {
            let normal = self.world_from_solid.rotation * normal_in_solid;
            gap_m <= half_cell_m * normal.abs().sum()
        })
    }
}

impl Shape {
    /// Half edges of a box that holds the shape [m]; NaN if a size is.
    fn half_m(&self) -> Vector3<f64> {
        match *self {
            Shape::Box { half_m } | Shape::Ellipsoid { half_m } => Vector3::from(half_m),
            Shape::Cylinder { radius_m, half_height_m } => Vector3::new(radius_m, radius_m, half_height_m),
            // Half lengths below zero must not hide behind the radius.
            Shape::Capsule { radius_m, half_length_m } if half_length_m >= 0.0 => {
                Vector3::new(radius_m, radius_m, half_length_m + radius_m)
            }
            Shape::Capsule { .. } => Vector3::from_element(f64::NAN),
            Shape::Ball { radius_m } => Vector3::from_element(radius_m),
        }
    }

    /// A plane between a point in the solid's frame and the shape, in that frame; `None` if the point lies inside.
    fn plane_before(&self, point: &Vector3<f64>) -> Option<Plane> {
        let on_axis = |half_length: f64| Vector3::new(0.0, 0.0, point.z.clamp(-half_length, half_length));
        let (away, radius_m) = match *self {
            Shape::Box { half_m } => {
                let half = Vector3::from(half_m);
                (point - point.zip_map(&half, |p, h| p.clamp(-h, h)), 0.0)
            }
            Shape::Cylinder { radius_m, half_height_m } => {
                let across = Vector3::new(point.x, point.y, 0.0);
                let beyond = (1.0 - radius_m / across.norm().max(radius_m)) * across;
                (beyond + Vector3::new(0.0, 0.0, point.z) - on_axis(half_height_m), 0.0)
            }
            Shape::Capsule { radius_m, half_length_m } => (point - on_axis(half_length_m), radius_m),
            Shape::Ball { radius_m } => (*point, radius_m),
            Shape::Ellipsoid { half_m } => {
                let half = Vector3::from(half_m);
                let normal = outward(point, &half)?;
                let gap_m = normal.dot(point) - normal.component_mul(&half).norm();
                return (gap_m > 0.0).then_some((normal, gap_m));
            }
        };
        let metres = away.norm();
        (metres > radius_m).then(|| (away / metres, metres - radius_m))
    }
}

/// Unit normal of an ellipsoid at its point nearest to one outside, or about there; `None` in the middle.
///
/// With half axes a and a point p the normal is along p / (a² + t), where t is the root of |a p / (a² + t)| = 1
/// (Eberly 2013, "Distance from a point to an ellipse, an ellipsoid, or a hyperellipsoid", section 4). The squared
/// norm falls and is convex in t, so that Newton's steps from t = 0 never pass the root. A step too few only makes the
/// plane less near; it stays a plane with the whole ellipsoid behind it.
fn outward(point: &Vector3<f64>, half: &Vector3<f64>) -> Option<Vector3<f64>> {
    const STEPS: usize = 12;
    let squares = half.component_mul(half);
    let mut t = 0.0;
    for _ in 0..STEPS {
        let scaled = point.component_mul(half).component_div(&squares.add_scalar(t));
        let excess = scaled.norm_squared() - 1.0;
        let slope = -2.0 * scaled.component_mul(&scaled).component_div(&squares.add_scalar(t)).sum();
        if excess <= 0.0 || slope == 0.0 {
            break;
        }
        t -= excess / slope;
    }
    point.component_div(&squares.add_scalar(t)).try_normalize(0.0)
}
