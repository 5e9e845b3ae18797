//! Whether the hand has room beside what stands on the table.

use std::f64::consts::FRAC_PI_2;

use nalgebra::{Isometry3, Point3, Vector3};
use neuraxis_scene::{OrientedBox, Shape, Table, Track};

use crate::{Furniture, look::MOST_HIGH, seat::Front};

/// What reaches higher than this above the table can be beside the hand [m].
const HIGH_M: f64 = 0.06;
/// The hand as balls around points of the tool's frame: `p_T` and radius [m]. Its fingers are left out: they are to touch.
const HAND_M: [([f64; 3], f64); 13] = [
    ([0.0, -0.070, -0.077], 0.042),
    ([0.0, -0.035, -0.077], 0.042),
    ([0.0, 0.000, -0.077], 0.042),
    ([0.0, 0.035, -0.077], 0.042),
    ([0.0, 0.070, -0.077], 0.042),
    ([0.0, -0.070, -0.120], 0.042),
    ([0.0, -0.035, -0.120], 0.042),
    ([0.0, 0.000, -0.120], 0.042),
    ([0.0, 0.035, -0.120], 0.042),
    ([0.0, 0.070, -0.120], 0.042),
    ([0.0, 0.0, -0.170], 0.065),
    ([0.0, 0.0, -0.220], 0.065),
    ([0.0, 0.0, -0.270], 0.065),
];

/// What is so high that the hand can get into it, furniture and what is held left out.
/// A post may be seen as a tower of cubes: each of those that reach high counts. A lone block in a drawer does not.
pub(crate) fn high(tracks: &[Track], table: Option<&Table>) -> [Option<OrientedBox>; MOST_HIGH] {
    let mut high = [None; MOST_HIGH];
    let beside = tracks.iter().filter(|track| {
        let (top_m, at) = (track.thing.bounds.top_m(), track.thing.bounds.centre_in_world);
        let is_high = track.thing.bounds.height_m() > HIGH_M;
        let is_of_tower = track.thing.part_of > 1;
        let reaches_high = table.is_some_and(|table| top_m - table.z_at(at.x, at.y) > HIGH_M);
        track.held.is_none() && track.thing.shape != Shape::Cabinet && (is_high || is_of_tower && reaches_high)
    });
    for (slot, track) in high.iter_mut().zip(beside) {
        *slot = Some(track.thing.bounds);
    }
    high
}

/// A drawer out by less than this is closed [m].
const CLOSED_M: f64 = 0.03;
/// Half of a handle; half the depth of a cabinet, as far as it matters; half the height of a front [m].
const HANDLE_M: [f64; 3] = [0.012, 0.012, 0.04];
const DEPTH_M: f64 = 0.04;
const FRONT_M: f64 = 0.05;

/// Adds what is above an open drawer of a cabinet, whose upper side is at `top_m`, or the handle of one that is closed.
pub(crate) fn with_drawer(
    high: &mut [Option<OrientedBox>; MOST_HIGH],
    front: &Front,
    furniture: &Furniture,
    half_width_m: f64,
    top_m: f64,
) {
    let Some(slot) = high.iter_mut().find(|slot| slot.is_none()) else { return };
    let (edge, facing) = (front.edge_in_world, front.facing);
    let (middle, half_m) = if front.out_m < CLOSED_M {
        (front.handle(furniture).translation.vector, HANDLE_M)
    } else {
        let half_high_m = 0.5 * (top_m - edge.z - FRONT_M).max(0.0);
        let up = (FRONT_M + half_high_m) * Vector3::z();
        (edge - DEPTH_M * facing + up, [DEPTH_M, half_width_m, half_high_m])
    };
    // A box looks the same from all four sides.
    let yaw_rad = facing.y.atan2(facing.x);
    let quarters = (yaw_rad / FRAC_PI_2).round();
    let [x, y, z] = half_m;
    let half_m = if quarters as i32 % 2 == 0 { Vector3::new(x, y, z) } else { Vector3::new(y, x, z) };
    *slot = Some(OrientedBox { centre_in_world: middle, half_m, yaw_rad: yaw_rad - quarters * FRAC_PI_2 });
}

/// No ball of the hand is in a box, or nearer to it than `spare_m`. What the fingertips are in holds what they are to take:
/// an open drawer is seen as a box.
pub(crate) fn hand_fits<'a>(
    world_from_tool: &Isometry3<f64>,
    spare_m: f64,
    mut boxes: impl Iterator<Item = &'a OrientedBox>,
) -> bool {
    let tips = world_from_tool.translation.vector;
    boxes.all(|own| {
        if own.distance_m(&tips) <= 0.0 {
            return true;
        }
        let is_clear = |at: &[f64; 3], radius_m: f64| {
            own.distance_m(&(world_from_tool * Point3::from(*at)).coords) > radius_m + spare_m
        };
        HAND_M.iter().all(|(at, radius_m)| is_clear(at, *radius_m))
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::UnitQuaternion;

    use super::*;

    /// Pointing down over a place of a table at z = 0.75, the fingers side by side along y, turned.
    fn down(x: f64, y: f64, yaw: f64) -> Isometry3<f64> {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw)
            * UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        Isometry3::from_parts(Vector3::new(x, y, 0.77).into(), turn)
    }

    #[test]
    fn beside_a_post_the_hand_fits_with_its_narrow_side_only() {
        let post = OrientedBox {
            centre_in_world: Vector3::new(0.20, 0.17, 0.89),
            half_m: Vector3::new(0.03, 0.03, 0.14),
            yaw_rad: 0.0,
        };
        let fits = |tool: Isometry3<f64>| hand_fits(&tool, 0.0, [post].iter());
        assert!(!fits(down(0.20, 0.29, 0.0)) && fits(down(0.20, 0.29, FRAC_PI_2)));
        assert!(fits(down(0.20, -0.29, 0.0)));
        // Above it there is room, and beside what is lower than the hand.
        let above = nalgebra::Translation3::new(0.0, 0.0, 0.35) * down(0.20, 0.17, 0.0);
        assert!(fits(above));
        let low = post.between(0.75, 0.79);
        assert!(hand_fits(&down(0.20, 0.21, 0.0), 0.0, [low].iter()));
    }

    #[test]
    fn a_drawer_is_no_obstacle_to_who_takes_something_out_of_it() {
        let drawer = OrientedBox {
            centre_in_world: Vector3::new(0.20, 0.0, 0.80),
            half_m: Vector3::new(0.115, 0.122, 0.05),
            yaw_rad: 0.0,
        };
        let fits = |x: f64| hand_fits(&down(x, 0.0, 0.0), 0.0, [drawer].iter());
        assert!(fits(0.25) && !fits(0.34), "in it, and beside it");
    }

    #[test]
    fn under_a_handle_the_hand_fits_aslant_only() {
        // The cabinet looks towards the world's -x; its middle drawer is open, the top one closed.
        let front = |z: f64, out_m: f64| Front {
            edge_in_world: Vector3::new(0.47, 0.0, z),
            facing: Vector3::new(-1.0, 0.0, 0.0),
            out_m,
        };
        let (furniture, mut high) = (Furniture::default(), [None; MOST_HIGH]);
        with_drawer(&mut high, &front(1.05, 0.195), &furniture, 0.13, 1.23);
        with_drawer(&mut high, &front(1.16, 0.0), &furniture, 0.13, 1.23);
        assert_eq!(high.iter().flatten().count(), 2);
        let fits = |x: f64, lean: f64| {
            let lean = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), lean);
            let tool = nalgebra::Translation3::new(0.0, 0.0, 0.26) * down(x, 0.01, 0.0) * lean;
            hand_fits(&tool, 0.0, high.iter().flatten())
        };
        assert!(!fits(0.43, 0.0), "under the handle");
        assert!(fits(0.33, 0.0), "far before it");
        // Leaning one way it points into the cabinet, leaning the other way its back does.
        assert!(fits(0.422, -0.6) != fits(0.422, 0.6));
    }
}
