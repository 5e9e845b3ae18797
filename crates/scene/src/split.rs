//! Towers and rows of equal cubes: touching things of one colour make one cluster; its sides tell how many they are.

use nalgebra::Vector3;

use crate::{
    Shape, Thing,
    shape::{CUBE_M, MISSED_M},
};

/// Most cubes in a tower or row that are told apart.
const MOST: usize = 6;
/// The longer measure over the number of cubes differs from the shorter by at most this part.
const NEAR: f64 = 0.16;

/// Takes a tower or a row of equal cubes apart; everything else is returned as it is. Two cubes of one colour and one
/// brick of the same size look alike: cubes are what the answer is then.
pub(crate) fn take_apart(thing: Thing) -> Vec<Thing> {
    if thing.colour.is_none() || !matches!(thing.shape, Shape::Brick | Shape::Peg | Shape::Stick | Shape::Unknown) {
        return vec![thing];
    }
    let ([long, short], high) = (thing.bounds.sides_m(), thing.bounds.height_m());
    let [long, short] = [long + MISSED_M, short + MISSED_M];
    let fits = |side: f64| side > CUBE_M[0] && side < CUBE_M[1];
    let count = |whole: f64, side: f64| {
        let n = (whole / side).round();
        ((2.0..=MOST as f64).contains(&n) && (whole / n - side).abs() < NEAR * side).then_some(n as usize)
    };
    let even = |a: f64, b: f64| (a - b).abs() < 0.22 * b;
    if even(long, short) && fits(short) {
        return count(high, 0.5 * (long + short)).map_or_else(|| vec![thing.clone()], |n| tower(&thing, n));
    }
    if even(high, short) && fits(short) {
        return count(long, 0.5 * (high + short)).map_or_else(|| vec![thing.clone()], |n| row(&thing, n));
    }
    vec![thing]
}

/// One on the other, the lowest first.
fn tower(thing: &Thing, n: usize) -> Vec<Thing> {
    let (bottom, step) = (thing.bounds.bottom_m(), thing.bounds.height_m() / n as f64);
    let level = |i: usize| {
        let bounds = thing.bounds.between(bottom + i as f64 * step, bottom + (i + 1) as f64 * step);
        // Only the highest shows its upper side.
        let top_seen = if i + 1 == n { thing.top_seen } else { 0.0 };
        Thing { bounds, shape: Shape::Cube, points: thing.points / n, top_seen, part_of: n, ..thing.clone() }
    };
    (0..n).map(level).collect()
}

/// Side by side along the longer side of the ground plan.
fn row(thing: &Thing, n: usize) -> Vec<Thing> {
    let along_x = thing.bounds.half_m.x > thing.bounds.half_m.y;
    let whole = if along_x { thing.bounds.half_m.x } else { thing.bounds.half_m.y };
    let half = whole / n as f64;
    let (sin, cos) = thing.bounds.yaw_rad.sin_cos();
    let axis = if along_x { Vector3::new(cos, sin, 0.0) } else { Vector3::new(-sin, cos, 0.0) };
    let place = |i: usize| {
        let mut bounds = thing.bounds;
        bounds.centre_in_world += axis * (half * (2.0 * i as f64 + 1.0) - whole);
        if along_x {
            bounds.half_m.x = half
        } else {
            bounds.half_m.y = half
        }
        Thing { bounds, shape: Shape::Cube, points: thing.points / n, part_of: n, ..thing.clone() }
    };
    (0..n).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Colour, OrientedBox};

    fn brick(sides: [f64; 3]) -> Thing {
        let bounds = OrientedBox {
            centre_in_world: Vector3::new(0.3, 0.1, 0.75 + 0.5 * sides[2]),
            half_m: Vector3::from(sides) * 0.5,
            yaw_rad: 0.3,
        };
        Thing {
            bounds,
            colour: Some(Colour::Red),
            shape: Shape::Brick,
            points: 90,
            top_seen: 1.0,
            part_of: 1,
            fronts: None,
        }
    }

    #[test]
    fn a_tower_is_as_many_cubes_as_its_height_says() {
        for n in 2..=4 {
            let cubes = take_apart(brick([0.037, 0.036, 0.04 * n as f64]));
            assert_eq!(cubes.len(), n);
            for (i, cube) in cubes.iter().enumerate() {
                assert!((cube.bounds.bottom_m() - 0.75 - 0.04 * i as f64).abs() < 1e-9);
                assert_eq!((cube.shape, cube.part_of), (Shape::Cube, n));
                assert_eq!(cube.top_seen > 0.5, i + 1 == n, "only the highest shows its upper side");
            }
        }
    }

    #[test]
    fn a_row_is_taken_apart_along_its_length() {
        let cubes = take_apart(brick([0.037, 0.078, 0.04]));
        assert_eq!(cubes.len(), 2);
        let apart = cubes[1].bounds.centre_in_world - cubes[0].bounds.centre_in_world;
        assert!((apart.norm() - 0.039).abs() < 1e-9);
        assert!((apart.y.atan2(apart.x) - (0.3 + std::f64::consts::FRAC_PI_2)).abs() < 1e-9);
    }

    #[test]
    fn other_bricks_stay_whole() {
        for sides in [[0.04, 0.04, 0.058], [0.04, 0.06, 0.02], [0.15, 0.15, 0.30], [0.018, 0.018, 0.08]] {
            assert_eq!(take_apart(brick(sides)).len(), 1, "{sides:?}");
        }
        assert_eq!(take_apart(Thing { colour: None, ..brick([0.037, 0.037, 0.08]) }).len(), 1);
    }
}
