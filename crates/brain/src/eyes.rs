//! What the executor looks at in a tick: the newest look, and the arm as it is now.

use nalgebra::{Isometry3, Vector3};
use neuraxis_executor::Sights;
use neuraxis_plan::{Body, ObjectId, Senses};

use crate::{Look, room::hand_fits};

/// The arm's part.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct BodySense {
    /// `X_WT`, from the joints.
    pub world_from_tool: Isometry3<f64>,
    /// Velocity of the tool in the world [m/s].
    pub velocity_in_world_m_s: Vector3<f64>,
    /// Force on the tool from outside, in the world [N].
    pub force_in_world_n: Option<Vector3<f64>>,
    /// Distance of the fingers [m].
    pub grip_width_m: f64,
}

/// Both together.
#[derive(Copy, Clone, Debug)]
pub struct Eyes<'a> {
    /// The scene.
    pub look: &'a Look,
    /// The arm.
    pub body: BodySense,
}

impl Senses for Eyes<'_> {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        match body {
            Body::Tool => Some(self.body.world_from_tool),
            Body::Object(object) => self.look.place(object).map(|place| place.world_from_thing),
        }
    }

    fn velocity_in_world(&self, body: Body) -> Option<Vector3<f64>> {
        match body {
            Body::Tool => Some(self.body.velocity_in_world_m_s),
            Body::Object(object) => self.look.place(object).map(|place| place.velocity_in_world_m_s),
        }
    }

    fn force_in_world(&self) -> Option<Vector3<f64>> {
        self.body.force_in_world_n
    }

    fn grip_width_m(&self) -> Option<f64> {
        Some(self.body.grip_width_m)
    }
}

impl Sights for Eyes<'_> {
    fn world_from_seat(&self, block: ObjectId, place: ObjectId) -> Option<Isometry3<f64>> {
        let mut seat = (*self.look.seats.get(place.index())?)?;
        seat.translation.vector.z += self.look.place(block)?.half_height_m;
        Some(seat)
    }

    fn opening_m(&self, drawer: ObjectId) -> Option<f64> {
        self.look.place(drawer)?.opening_m
    }

    fn crossing_z_in_world(&self) -> Option<f64> {
        self.look.crossing_z_in_world
    }

    fn handle_distance_m(&self) -> Option<f64> {
        self.look.handle_distance_m(&self.body.world_from_tool.translation.vector)
    }

    fn hand_fits(&self, world_from_tool: &Isometry3<f64>) -> bool {
        hand_fits(world_from_tool, 0.0, self.look.high.iter().flatten())
    }
}
