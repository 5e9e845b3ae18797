//! Four plates of different colours around the middle of their frame, a quarter of a turn apart.

use std::f64::consts::FRAC_PI_2;

use super::{
    Judge,
    condition::{Condition, Conditions},
    shapes::plate,
};
use crate::{SimError, colour::COLOURS, plant::WorldData};

/// Sizes of the plates, which are targets 0 to 3 and stand in a body named `plates`.
pub(super) struct Plates {
    /// From the middle of the frame to the middle of a plate [m].
    pub(super) away_m: f64,
    /// Half the side of a plate [m].
    pub(super) half_m: f64,
}

impl Plates {
    /// Middle of a plate.
    fn middle(&self, i: usize) -> [f64; 2] {
        let angle = FRAC_PI_2 * i as f64;
        [self.away_m * angle.cos(), self.away_m * angle.sin()]
    }

    pub(super) fn geoms(&self, colours: &[usize]) -> String {
        let painted = colours.iter().enumerate();
        painted.map(|(i, colour)| plate([self.half_m; 2], self.middle(i), &COLOURS[*colour].rgba())).collect()
    }

    /// The body's middle lies on the plate, this far from its edges, and lower than this [m].
    pub(super) fn judge(
        &self,
        world: &WorldData,
        body: &str,
        edge_m: f64,
        high_m: f64,
    ) -> Result<Box<dyn Judge>, SimError> {
        let near = self.half_m - edge_m;
        Conditions::judge(4, |i| {
            let [x, y] = self.middle(i);
            let (low, high) = ([x - near, y - near, 0.0], [x + near, y + near, high_m]);
            Ok(vec![Condition::inside(world, body, "plates", low, high)?])
        })
    }
}
