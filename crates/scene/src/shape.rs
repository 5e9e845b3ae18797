//! From measures to the name of a shape.

use nalgebra::Vector3;

use crate::{Shape, bounding::Fitted};

/// A ground plan that is filled less than this is round: a disc fills 0.79, a square 1, and coarse pixels cut corners.
const ROUND: f64 = 0.88;
/// The longer side of something round or square over the shorter is at most this.
const EVEN: f64 = 1.30;
/// Sides of cubes [m].
pub(crate) const CUBE_M: [f64; 2] = [0.024, 0.075];
/// Pixels miss this much of a side [m].
pub(crate) const MISSED_M: f64 = 0.001;

/// Names a shape. `points`: in the world [m]; `flat`: it lies in the table's plane.
pub(crate) fn name(fitted: &Fitted, points: &[Vector3<f64>], flat: bool) -> Shape {
    let ([long, short], high) = (fitted.bounds.sides_m(), fitted.bounds.height_m());
    let (even, round) = (long < EVEN * short, fitted.fill < ROUND);
    if flat {
        let plate = short > 0.04 && long < 0.25 && long < 1.6 * short;
        return if plate { Shape::Plate } else { Shape::Unknown };
    }
    if high > 0.25 && long > 0.15 {
        return Shape::Cabinet;
    }
    if long > 0.12 && long > 4.0 * short && short < 0.05 {
        return Shape::Stick;
    }
    if high > 2.2 * long && long < 0.06 {
        return Shape::Peg;
    }
    if even && long > 0.04 && long < 0.13 && (0.03..0.13).contains(&high) && is_hollow(fitted, points) {
        return if taper(fitted, points) < 0.87 { Shape::Cup } else { Shape::Jar };
    }
    let side = 0.5 * (long + short) + MISSED_M;
    if even && fitted.fill > 0.80 && side > CUBE_M[0] && side < CUBE_M[1] && (high - side).abs() < 0.22 * side {
        return Shape::Cube;
    }
    match (round, even) {
        (true, true) if long < 0.15 => Shape::Cylinder,
        (false, _) if long < 0.25 && high < 0.25 => Shape::Brick,
        _ => Shape::Unknown,
    }
}

/// A round foot with a smaller cap, low: a button that is pale and dark all over, as a pressed one is.
pub(crate) fn is_covered_button(fitted: &Fitted, points: &[Vector3<f64>]) -> bool {
    let ([long, short], high) = (fitted.bounds.sides_m(), fitted.bounds.height_m());
    let size = (0.060..0.095).contains(&long) && long < 1.2 * short && (0.028..0.060).contains(&high);
    size && fitted.fill < 0.92 && !is_hollow(fitted, points) && {
        // Its upper third is clearly narrower than its foot.
        let up = fitted.bounds.bottom_m() + 0.7 * high;
        let reach = |above: bool| {
            let radii = points.iter().filter(|p| (p.z > up) == above).map(|p| radius(fitted, p));
            radii.fold(0.0, f64::max)
        };
        reach(true) < 0.92 * reach(false)
    }
}

/// Distance from the box's upright middle line [m].
fn radius(fitted: &Fitted, p: &Vector3<f64>) -> f64 {
    (p - fitted.bounds.centre_in_world).xy().norm()
}

/// A rim is seen high up, and nothing between: a look into something.
fn is_hollow(fitted: &Fitted, points: &[Vector3<f64>]) -> bool {
    let bounds = &fitted.bounds;
    let half = 0.5 * (bounds.half_m.x + bounds.half_m.y);
    let high = bounds.bottom_m() + 0.70 * bounds.height_m();
    let count = |keep: &dyn Fn(f64) -> bool| points.iter().filter(|p| p.z > high && keep(radius(fitted, p))).count();
    let (middle, rim) = (count(&|r| r < 0.55 * half), count(&|r| r > 0.75 * half));
    rim >= 10 && 20 * middle <= rim
}

/// Radius low down over radius of the whole [-].
fn taper(fitted: &Fitted, points: &[Vector3<f64>]) -> f64 {
    let bounds = &fitted.bounds;
    let low = bounds.bottom_m() + 0.35 * bounds.height_m();
    let widest = points.iter().filter(|p| p.z < low).map(|p| radius(fitted, p)).fold(0.0, f64::max);
    widest / (0.5 * (bounds.half_m.x + bounds.half_m.y)).max(1e-6)
}
