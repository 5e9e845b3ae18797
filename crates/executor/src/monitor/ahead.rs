//! The proactive half of a test: the same test on where things will be.

use nalgebra::{Isometry3, Vector3};
use neuraxis_plan::{Body, Senses};

/// What is sensed, a little later if everything moves on as it does: `x + v tau` (Code-as-Monitor's proactive monitor,
/// arXiv 2412.04455). Bodies whose velocity is not sensed stay where they are.
pub struct Ahead<'a> {
    senses: &'a dyn Senses,
    secs: f64,
}

impl<'a> Ahead<'a> {
    /// So far ahead [s].
    pub fn new(senses: &'a dyn Senses, secs: f64) -> Self {
        Self { senses, secs }
    }
}

impl Senses for Ahead<'_> {
    fn world_from_body(&self, body: Body) -> Option<Isometry3<f64>> {
        let mut world_from_body = self.senses.world_from_body(body)?;
        if let Some(velocity) = self.senses.velocity_in_world(body) {
            world_from_body.translation.vector += self.secs * velocity;
        }
        Some(world_from_body)
    }

    fn velocity_in_world(&self, body: Body) -> Option<Vector3<f64>> {
        self.senses.velocity_in_world(body)
    }

    fn force_in_world(&self) -> Option<Vector3<f64>> {
        self.senses.force_in_world()
    }

    fn grip_width_m(&self) -> Option<f64> {
        self.senses.grip_width_m()
    }
}
