//! How far the drawers of a cabinet are open: the distance of their fronts from the cabinet's own front edge, measured
//! height by height in the cabinet's points. Nothing is known about drawers beforehand.

use nalgebra::{Vector2, Vector3};
use neuraxis_core::upper_median;

use crate::{SceneConfig, bounding};

/// The upper board reaches this far down from the highest point [m].
const BOARD_M: f64 = 0.015;
/// Height of a row [m].
const ROW_M: f64 = 0.02;
/// A front fills this much of depth; a row's front is where most of its points are [m].
const FRONT_M: f64 = 0.015;
/// Fewest points of a front in a row.
const LEAST: usize = 6;
/// The cabinet's sides are this thick at most, and no fronts [m].
const SIDE_M: f64 = 0.02;
/// How far a front can be from the edge, inwards and outwards [m].
const REACH_M: [f64; 2] = [-0.012, 0.35];

/// The side of a cabinet that faces the arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Fronts {
    /// Middle of the upper front edge in the world, x and y [m].
    pub edge_in_world: Vector2<f64>,
    /// Where the front faces, in the world, of length 1.
    pub facing: Vector2<f64>,
    /// Half the cabinet's width [m].
    pub half_width_m: f64,
    /// What is in front of the edge, row by row, from below.
    pub rows: Vec<Row>,
}

/// One height of a front.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Row {
    /// Middle of the row above the world's origin [m].
    pub z_m: f64,
    /// Distance from the edge, positive outwards [m].
    pub out_m: f64,
    /// Points that it was measured by.
    pub points: usize,
}

impl Fronts {
    /// Measures a cabinet's points, in the world [m]. `None` if its upper board is not seen.
    pub(crate) fn of(points: &[Vector3<f64>], config: &SceneConfig) -> Option<Self> {
        let top = points.iter().map(|p| p.z).max_by(f64::total_cmp)?;
        let board: Vec<Vector3<f64>> = points.iter().filter(|p| p.z > top - BOARD_M).copied().collect();
        let board = bounding::fit(&board)?.bounds;
        if board.sides_m()[1] < 0.08 {
            return None;
        }
        // The front is the board's side that faces the arm's foot.
        let middle = board.centre_in_world.xy();
        let foot = Vector2::from(config.foot_in_world_m) - middle;
        let (sin, cos) = board.yaw_rad.sin_cos();
        let (x, y) = (Vector2::new(cos, sin), Vector2::new(-sin, cos));
        let along_x = foot.dot(&x).abs() > foot.dot(&y).abs();
        let (axis, half_depth, half_width_m) =
            if along_x { (x, board.half_m.x, board.half_m.y) } else { (y, board.half_m.y, board.half_m.x) };
        let facing = axis * foot.dot(&axis).signum();
        let mut fronts = Self { edge_in_world: middle + facing * half_depth, facing, half_width_m, rows: Vec::new() };

        let mut rows: Vec<(usize, f64)> = Vec::new();
        for p in points.iter().filter(|p| p.z < top - BOARD_M) {
            let [out, across] = fronts.own(p);
            if out > REACH_M[0] && out < REACH_M[1] && across.abs() < half_width_m - SIDE_M {
                rows.push((((top - p.z) / ROW_M) as usize, out));
            }
        }
        rows.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)));
        fronts.rows = rows
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|row| {
                let (out_m, points) = densest(row)?;
                Some(Row { z_m: top - (row.first()?.0 as f64 + 0.5) * ROW_M, out_m, points })
            })
            .collect();
        Some(fronts)
    }

    /// A place of the world: how far in front of the edge, and how far to the side of its middle [m].
    pub fn own(&self, p: &Vector3<f64>) -> [f64; 2] {
        let d = p.xy() - self.edge_in_world;
        [d.dot(&self.facing), self.facing.perp(&d)]
    }

    /// How far out the front at a height of the world is [m]: the median of the rows within `half_m` of it; `None` with
    /// fewer than two rows.
    pub fn out_m(&self, z_m: f64, half_m: f64) -> Option<f64> {
        let near = self.rows.iter().filter(|row| (row.z_m - z_m).abs() < half_m);
        let mut outs: Vec<f64> = near.map(|row| row.out_m).collect();
        if outs.len() < 2 { None } else { upper_median(&mut outs) }
    }
}

/// Where most points of a row are, of those that lie within [`FRONT_M`] of each other; sorted by distance.
fn densest(row: &[(usize, f64)]) -> Option<(f64, usize)> {
    let window = |i: usize| row[i..].iter().take_while(|(_, out)| *out < row[i].1 + FRONT_M).count();
    // The outermost of equally dense places.
    let (i, count) = (0..row.len()).map(|i| (i, window(i))).max_by_key(|(_, count)| *count)?;
    (count >= LEAST).then(|| (row[i + count / 2].1, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A board 0.48 m above the table, its front edge at x = 0.45; three fronts below it, each out by so much.
    fn cabinet(outs: [f64; 3]) -> Vec<Vector3<f64>> {
        let steps = |from: f64, to: f64| (0..=((to - from) / 0.008) as usize).map(move |i| from + 0.008 * i as f64);
        let mut points: Vec<_> =
            steps(0.45, 0.66).flat_map(|x| steps(-0.13, 0.13).map(move |y| Vector3::new(x, y, 1.23))).collect();
        for (z, out) in [0.94, 1.05, 1.16].into_iter().zip(outs) {
            let front = steps(z - 0.05, z + 0.05).flat_map(|z| steps(-0.12, 0.12).map(move |y| (y, z)));
            points.extend(front.map(|(y, z)| Vector3::new(0.45 - out, y, z)));
            // The handle stands out.
            points.extend(steps(z - 0.03, z + 0.03).map(|z| Vector3::new(0.45 - out - 0.045, 0.0, z)));
        }
        points
    }

    #[test]
    fn every_front_is_measured_by_itself() {
        let fronts = Fronts::of(&cabinet([0.0, 0.18, 0.05]), &SceneConfig::default()).unwrap();
        assert!((fronts.facing - Vector2::new(-1.0, 0.0)).norm() < 1e-6);
        for (z, out) in [(0.94, 0.0), (1.05, 0.18), (1.16, 0.05)] {
            assert!((fronts.out_m(z, 0.035).unwrap() - out).abs() < 0.004, "{:?} at {z}", fronts.out_m(z, 0.035));
        }
        assert_eq!(fronts.out_m(0.85, 0.02), None, "nothing there");
    }

    #[test]
    fn the_cabinet_s_own_sides_are_no_closed_drawer() {
        // The middle drawer is out, and hidden; the edges of the cabinet's sides show beside the hole.
        let mut points: Vec<_> = cabinet([0.0; 3]).into_iter().filter(|p| (p.z - 1.05).abs() > 0.052).collect();
        let edges = (0..60).map(|i| 0.76 + 0.008 * f64::from(i));
        points.extend(edges.flat_map(|z| [-0.128, 0.128].map(|y| Vector3::new(0.455, y, z))));
        let fronts = Fronts::of(&points, &SceneConfig::default()).unwrap();
        assert_eq!(fronts.out_m(1.05, 0.035), None);
        assert!(fronts.out_m(1.16, 0.035).unwrap().abs() < 0.004);
    }

    #[test]
    fn what_is_hidden_has_no_distance() {
        let config = SceneConfig::default();
        let seen: Vec<_> = cabinet([0.0, 0.0, 0.18]).into_iter().filter(|p| p.z > 1.1).collect();
        let fronts = Fronts::of(&seen, &config).unwrap();
        assert!(fronts.out_m(1.16, 0.035).is_some() && fronts.out_m(0.94, 0.035).is_none());
        assert_eq!(Fronts::of(&[], &config), None);
    }
}
