//! The smallest upright box around a set of points.

use nalgebra::{Vector2, Vector3};

/// A box with vertical edges in the world frame.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct OrientedBox {
    /// `p_W`, its middle [m].
    pub centre_in_world: Vector3<f64>,
    /// Half its length along its own x, y and z [m].
    pub half_m: Vector3<f64>,
    /// Turn of its x axis from the world's about z, within 45 degrees of zero [rad]: a box looks the same from all
    /// four sides.
    pub yaw_rad: f64,
}

/// A box around points, and how much of its ground plan they fill.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The box.
    pub bounds: OrientedBox,
    /// Area of the convex hull of the ground plan over that of the rectangle [-]: 1 for a box, 0.79 for a disc.
    pub fill: f64,
}

impl OrientedBox {
    /// Height of its lower side in the world [m].
    pub fn bottom_m(&self) -> f64 {
        self.centre_in_world.z - self.half_m.z
    }

    /// Height of its upper side in the world [m].
    pub fn top_m(&self) -> f64 {
        self.centre_in_world.z + self.half_m.z
    }

    /// Its longer and its shorter horizontal side [m].
    pub fn sides_m(&self) -> [f64; 2] {
        let [a, b] = [2.0 * self.half_m.x, 2.0 * self.half_m.y];
        [a.max(b), a.min(b)]
    }

    /// Its height [m].
    pub fn height_m(&self) -> f64 {
        2.0 * self.half_m.z
    }

    /// The same ground plan between two heights in the world [m].
    #[must_use]
    pub fn between(&self, bottom_m: f64, top_m: f64) -> Self {
        let mut copy = *self;
        copy.centre_in_world.z = 0.5 * (bottom_m + top_m);
        copy.half_m.z = 0.5 * (top_m - bottom_m);
        copy
    }

    /// A point of the world in the box's own frame [m].
    pub fn inside(&self, p: &Vector3<f64>) -> Vector3<f64> {
        let (d, (sin, cos)) = (p - self.centre_in_world, self.yaw_rad.sin_cos());
        Vector3::new(cos * d.x + sin * d.y, -sin * d.x + cos * d.y, d.z)
    }

    /// How far inside the ground plan a place is: the distance to the nearest side [m], negative outside.
    pub fn depth_m(&self, p: &Vector3<f64>) -> f64 {
        let own = self.inside(p);
        let [x, y] = [self.half_m.x - own.x.abs(), self.half_m.y - own.y.abs()];
        if x < 0.0 && y < 0.0 { -x.hypot(y) } else { x.min(y) }
    }

    /// Distance from a point of the world to the box; zero inside [m].
    pub fn distance_m(&self, p: &Vector3<f64>) -> f64 {
        self.inside(p).abs().zip_map(&self.half_m, |own, half| (own - half).max(0.0)).norm()
    }

    /// True if it lies within another one that is larger by `slack_m` on each side.
    pub fn is_within(&self, other: &Self, slack_m: f64) -> bool {
        let corner = |sx: f64, sy: f64, sz: f64| {
            let (sin, cos) = self.yaw_rad.sin_cos();
            let [x, y] = [sx * self.half_m.x, sy * self.half_m.y];
            self.centre_in_world + Vector3::new(cos * x - sin * y, sin * x + cos * y, sz * self.half_m.z)
        };
        let signs = [-1.0, 1.0];
        let corners = signs.into_iter().flat_map(|x| signs.map(|y| (x, y)));
        corners.flat_map(|(x, y)| signs.map(|z| corner(x, y, z))).all(|p| {
            let own = other.inside(&p).abs();
            (0..3).all(|k| own[k] <= other.half_m[k] + slack_m)
        })
    }
}

/// The upright box of least ground plan around points of the world [m]; `None` without points.
///
/// One side of the rectangle of least area lies along an edge of the convex hull (Freeman and Shapira 1975).
pub fn fit(points: &[Vector3<f64>]) -> Option<Fitted> {
    let low = points.iter().map(|p| p.z).min_by(f64::total_cmp)?;
    let high = points.iter().map(|p| p.z).max_by(f64::total_cmp)?;
    let hull = hull(points.iter().map(|p| p.xy()).collect());
    let edges = hull.iter().zip(hull.iter().cycle().skip(1));
    let angles = edges.map(|(a, b)| (b - a).y.atan2((b - a).x));
    let rectangles = angles.map(|angle| rectangle(&hull, quarter(angle)));
    let (yaw_rad, middle, half) = rectangles.min_by(|a, b| (a.2.x * a.2.y).total_cmp(&(b.2.x * b.2.y)))?;
    let hull_area = 0.5 * hull.iter().zip(hull.iter().cycle().skip(1)).map(|(a, b)| a.perp(b)).sum::<f64>();
    let box_area = 4.0 * half.x * half.y;
    let bounds = OrientedBox {
        centre_in_world: Vector3::new(middle.x, middle.y, 0.5 * (low + high)),
        half_m: Vector3::new(half.x, half.y, 0.5 * (high - low)),
        yaw_rad,
    };
    Some(Fitted { bounds, fill: if box_area > 1e-9 { hull_area / box_area } else { 1.0 } })
}

/// The angle within an eighth of a turn of zero that means the same to a rectangle [rad].
fn quarter(angle_rad: f64) -> f64 {
    let quarter = std::f64::consts::FRAC_PI_2;
    angle_rad - (angle_rad / quarter).round() * quarter
}

/// Yaw, middle and half sides of the rectangle with this yaw around a hull.
fn rectangle(hull: &[Vector2<f64>], yaw_rad: f64) -> (f64, Vector2<f64>, Vector2<f64>) {
    let (sin, cos) = yaw_rad.sin_cos();
    let mut low = Vector2::repeat(f64::INFINITY);
    let mut high = -low;
    for p in hull {
        let turned = Vector2::new(cos * p.x + sin * p.y, -sin * p.x + cos * p.y);
        low = low.inf(&turned);
        high = high.sup(&turned);
    }
    let middle = 0.5 * (low + high);
    let back = Vector2::new(cos * middle.x - sin * middle.y, sin * middle.x + cos * middle.y);
    (yaw_rad, back, 0.5 * (high - low))
}

/// Convex hull, counter-clockwise (Andrew 1979, monotone chain).
fn hull(mut points: Vec<Vector2<f64>>) -> Vec<Vector2<f64>> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let half = |points: &mut dyn Iterator<Item = &Vector2<f64>>| {
        let mut chain: Vec<Vector2<f64>> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..]
                && (b - a).perp(&(p - a)) <= 0.0
            {
                chain.pop();
            }
            chain.push(*p);
        }
        chain.pop();
        chain
    };
    let mut lower = half(&mut points.iter());
    lower.extend(half(&mut points.iter().rev()));
    lower
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use rand::{Rng, SeedableRng};

    use super::*;

    fn around(n: usize, at: impl Fn(f64) -> [f64; 3]) -> Vec<Vector3<f64>> {
        (0..n).map(|i| Vector3::from(at(i as f64 / n as f64))).collect()
    }

    #[test]
    fn a_turned_brick_is_measured() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(2);
        for yaw in [-0.7, -0.3, 0.0, 0.4, 0.75] {
            let (sin, cos) = f64::sin_cos(yaw);
            let points: Vec<_> = (0..4000)
                .map(|_| {
                    let [x, y] = [rng.random_range(-0.05..0.05), rng.random_range(-0.02..0.02)];
                    Vector3::new(0.3 + cos * x - sin * y, 0.1 + sin * x + cos * y, rng.random_range(0.75..0.79))
                })
                .collect();
            let Fitted { bounds, fill } = fit(&points).unwrap();
            assert!((bounds.centre_in_world - Vector3::new(0.3, 0.1, 0.77)).norm() < 0.002);
            assert!((bounds.half_m - Vector3::new(0.05, 0.02, 0.02)).norm() < 0.002, "{bounds:?}");
            assert!((bounds.yaw_rad - yaw).abs() < 0.03, "{} for {yaw}", bounds.yaw_rad);
            assert!(fill > 0.93, "{fill}");
            assert!((bounds.depth_m(&Vector3::new(0.3, 0.1, 0.0)) - 0.02).abs() < 0.002);
            assert!(bounds.distance_m(&bounds.centre_in_world) == 0.0);
        }
    }

    #[test]
    fn a_disc_fills_less_than_a_square() {
        let disc = fit(&around(100, |t| [0.03 * (2.0 * PI * t).cos(), 0.03 * (2.0 * PI * t).sin(), t])).unwrap();
        assert!((disc.fill - PI / 4.0).abs() < 0.02, "{}", disc.fill);
    }

    #[test]
    fn few_points_have_a_box_too() {
        assert_eq!(fit(&[]), None);
        let one = fit(&[Vector3::new(1.0, 2.0, 3.0)]).unwrap().bounds;
        assert_eq!((one.centre_in_world, one.half_m), (Vector3::new(1.0, 2.0, 3.0), Vector3::zeros()));
        let line = fit(&around(9, |t| [t, t, 0.0])).unwrap();
        assert!(line.bounds.half_m.iter().all(|v| v.is_finite()) && line.fill == 1.0);
    }

    #[test]
    fn what_lies_within_is_told_from_what_sticks_out() {
        let big =
            OrientedBox { centre_in_world: Vector3::zeros(), half_m: Vector3::new(0.05, 0.05, 0.05), yaw_rad: 0.3 };
        let small = OrientedBox { half_m: Vector3::repeat(0.03), yaw_rad: -0.2, ..big };
        assert!(small.is_within(&big, 0.0) && !big.is_within(&small, 0.01));
        let moved = OrientedBox { centre_in_world: Vector3::new(0.03, 0.0, 0.0), ..small };
        assert!(!moved.is_within(&big, 0.0) && moved.is_within(&big, 0.03));
    }
}
