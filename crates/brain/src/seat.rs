//! Where there is room for a thing.

use std::f64::consts::{FRAC_PI_2, PI};

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use neuraxis_scene::{Colour, OrientedBox, SeenFront, Table, Track};

use crate::{Furniture, room};

/// Inside a drawer a block is put as far from the others as this, if there is room, and not nearer than that [m].
const FAR_M: f64 = 0.075;
const NEAR_M: f64 = 0.04;
/// The tool is about this far above what a thing that it puts down comes to lie on [m].
const HELD_M: f64 = 0.02;
/// Between the hand and what stands beside a place on the table, by preference [m].
const SPARE_M: [f64; 2] = [0.08, 0.0];
/// What is farther above or below a place than this takes no room there [m].
const LOW_M: f64 = 0.2;
/// Steps between the places that are looked at [m].
const STEP_M: f64 = 0.015;

/// A drawer as its front is seen.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Front {
    /// Middle of the closed front's upper edge, at the height of the handle, in the world [m].
    pub(crate) edge_in_world: Vector3<f64>,
    /// Where it faces, of length 1, level.
    pub(crate) facing: Vector3<f64>,
    /// How far it is open [m].
    pub(crate) out_m: f64,
}

impl Front {
    /// As it was seen last.
    pub(crate) fn of(seen: &SeenFront) -> Self {
        let [edge, facing] = [seen.fronts.edge_in_world, seen.fronts.facing];
        Self {
            edge_in_world: Vector3::new(edge.x, edge.y, seen.z_m),
            facing: Vector3::new(facing.x, facing.y, 0.0),
            out_m: seen.out_m,
        }
    }

    /// `X_WH`: in the middle of the handle, x out of the cabinet, z up.
    pub(crate) fn handle(&self, furniture: &Furniture) -> Isometry3<f64> {
        self.at(self.out_m + furniture.handle_out_m, 0.0, 0.0)
    }

    /// Points inside, where a thing's lower side comes to lie: the middle first, then to both sides.
    fn seats<'a>(&'a self, furniture: &'a Furniture) -> impl Iterator<Item = Isometry3<f64>> + 'a {
        let steps = (furniture.across_m / STEP_M) as i32;
        let across = (0..=steps).flat_map(|i| [i, -i]).map(|i| f64::from(i) * STEP_M);
        across.map(move |y| self.at(self.out_m - furniture.inside_m, y, -furniture.floor_m))
    }

    fn at(&self, out_m: f64, across_m: f64, up_m: f64) -> Isometry3<f64> {
        let yaw = self.facing.y.atan2(self.facing.x);
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw);
        let own = Vector3::new(out_m, across_m, up_m);
        Isometry3::from_parts((self.edge_in_world + turn * own).into(), turn)
    }
}

/// Middle of a box's upper side, turned as the box is.
pub(crate) fn on_top(bounds: &OrientedBox) -> Isometry3<f64> {
    let middle = bounds.centre_in_world;
    upright(Vector3::new(middle.x, middle.y, bounds.top_m()), bounds.yaw_rad)
}

/// A box's middle, turned as it is.
pub(crate) fn middle(bounds: &OrientedBox) -> Isometry3<f64> {
    upright(bounds.centre_in_world, bounds.yaw_rad)
}

/// The place in an open drawer that is farthest from what is in it; the middle one of those that are far enough.
pub(crate) fn in_drawer(front: &Front, furniture: &Furniture, tracks: &[Track]) -> Option<Isometry3<f64>> {
    let room = |seat: &Isometry3<f64>| {
        let at = seat.translation.vector;
        // What has no hue in there is a part of the furniture.
        let is_thing = |track: &&Track| track.held.is_none() && track.thing.colour.is_some_and(Colour::has_hue);
        let others = tracks.iter().filter(is_thing);
        let inside = others.map(|track| track.thing.bounds.centre_in_world).filter(|p| (p.z - at.z).abs() < 0.08);
        inside.map(|p| (p - at).xy().norm()).fold(FAR_M, f64::min)
    };
    // The first of those that are as good.
    let best = front.seats(furniture).fold(None, |best: Option<(f64, Isometry3<f64>)>, seat| {
        let own = room(&seat);
        if best.is_none_or(|(most, _)| own > most + 1e-9) { Some((own, seat)) } else { best }
    });
    best.filter(|(room, _)| *room >= NEAR_M).map(|(_, seat)| seat)
}

/// A free spot on the table; the one chosen before, while it is free.
pub(crate) fn on_table(
    table: &Table,
    furniture: &Furniture,
    tracks: &[Track],
    before: Option<usize>,
) -> Option<(usize, Isometry3<f64>)> {
    let spot = |i: usize| {
        let [x, y] = *furniture.spots_m.get(i)?;
        Some(upright(Vector3::new(x, y, table.z_at(x, y)), 0.0))
    };
    let high = room::high(tracks, Some(table));
    let is_good = |i: usize, room_m: f64, spare_m: f64| {
        spot(i).is_some_and(|seat| is_free(&seat, tracks, &high, room_m, spare_m))
    };
    // Far from what stands there, if it can be.
    let chosen = SPARE_M.into_iter().find_map(|spare_m| {
        // What has been chosen may be a little less free: it is not given up for noise.
        let keeps = before.filter(|i| is_good(*i, 0.8 * furniture.room_m, 0.8 * spare_m));
        keeps.or_else(|| (0..furniture.spots_m.len()).find(|i| is_good(*i, furniture.room_m, spare_m)))
    })?;
    Some((chosen, spot(chosen)?))
}

/// No thing that is not held is nearer than `room_m`, within [`LOW_M`] above, and the hand gets there one way or the other
/// with `spare_m` to what is high.
fn is_free(seat: &Isometry3<f64>, tracks: &[Track], high: &[Option<OrientedBox>], room_m: f64, spare_m: f64) -> bool {
    let at = seat.translation.vector;
    let fits = [0.0, FRAC_PI_2].into_iter().any(|yaw| {
        let turn = UnitQuaternion::from_euler_angles(PI, 0.0, yaw);
        let tool = Isometry3::from_parts((at + HELD_M * Vector3::z()).into(), turn);
        room::hand_fits(&tool, spare_m, high.iter().flatten())
    });
    let mut others = tracks.iter().filter(|track| track.held.is_none() && track.thing.fronts.is_none());
    fits && others.all(|track| {
        let own = track.thing.bounds.centre_in_world;
        (own - at).xy().norm() > room_m || (own.z - at.z).abs() > LOW_M
    })
}

fn upright(position_in_world: Vector3<f64>, yaw_rad: f64) -> Isometry3<f64> {
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
    Isometry3::from_parts(Translation3::from(position_in_world), turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawer_s_places_move_with_it() {
        let furniture = Furniture::default();
        // The cabinet looks towards the world's -x, its closed front at x = 0.48.
        let front = |out_m| Front {
            edge_in_world: Vector3::new(0.48, 0.01, 1.05),
            facing: Vector3::new(-1.0, 0.0, 0.0),
            out_m,
        };
        let handle = front(0.18).handle(&furniture);
        assert!((handle.translation.vector - Vector3::new(0.48 - 0.225, 0.01, 1.05)).norm() < 1e-9);
        assert!((handle * Vector3::x() - Vector3::new(-1.0, 0.0, 0.0)).norm() < 1e-9);
        let seat = in_drawer(&front(0.18), &furniture, &[]).unwrap();
        assert!((seat.translation.vector - Vector3::new(0.36, 0.01, 1.009)).norm() < 1e-9);
    }
}
