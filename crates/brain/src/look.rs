//! One look at the scene as the loop reads it: where things are, and which facts hold. Of fixed size.

use nalgebra::{Isometry3, Vector3};
use neuraxis_executor::Observed;
use neuraxis_plan::{MOST_OBJECTS, ObjectId};
use neuraxis_scene::OrientedBox;

/// Where a thing is, in the frames that [`neuraxis_executor::Sights`] describes.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Place {
    /// `X_WB`.
    pub world_from_thing: Isometry3<f64>,
    /// Half its height; 0 for drawers [m].
    pub half_height_m: f64,
    /// How it moves, from one look to the next [m/s].
    pub velocity_in_world_m_s: Vector3<f64>,
    /// How far it is open, of drawers [m].
    pub opening_m: Option<f64>,
}

/// What one look has shown.
#[derive(Copy, Clone, Debug)]
pub struct Look {
    /// Facts, and the capture stamp of the cloud.
    pub observed: Observed,
    pub(crate) places: [Option<Place>; MOST_OBJECTS],
    /// `X_WS` of a surface's point on which something can be put: on the thing, in it, or on the table.
    pub(crate) seats: [Option<Isometry3<f64>>; MOST_OBJECTS],
    pub(crate) crossing_z_in_world: Option<f64>,
    /// Something reaches up so far from the table that ways must lead around it.
    pub stands_high: bool,
    /// What the hand can get into beside what it takes; furniture is not among it.
    pub(crate) high: [Option<OrientedBox>; MOST_HIGH],
}

/// Things that the hand is kept clear of.
pub(crate) const MOST_HIGH: usize = 16;

impl Default for Look {
    /// Nothing is seen.
    fn default() -> Self {
        Self {
            observed: Observed::default(),
            places: [None; MOST_OBJECTS],
            seats: [None; MOST_OBJECTS],
            crossing_z_in_world: None,
            stands_high: false,
            high: [None; MOST_HIGH],
        }
    }
}

impl Look {
    /// Distance from a point of the world to the nearest handle of a drawer [m].
    pub fn handle_distance_m(&self, at: &Vector3<f64>) -> Option<f64> {
        let drawers = self.places.iter().flatten().filter(|place| place.opening_m.is_some());
        drawers.map(|place| (place.world_from_thing.translation.vector - at).norm()).min_by(f64::total_cmp)
    }

    /// `X_WS`: where something can be put on or in a thing.
    pub fn seat(&self, object: ObjectId) -> Option<&Isometry3<f64>> {
        self.seats.get(object.index())?.as_ref()
    }

    /// Where a thing is.
    pub fn place(&self, object: ObjectId) -> Option<&Place> {
        self.places.get(object.index())?.as_ref()
    }
}
