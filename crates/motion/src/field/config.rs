//! The box of the world that the planner knows.

use serde::{Deserialize, Serialize};

use crate::MotionError;

/// Most cells of a grid: 500 MB would be more than a robot spares.
const MOST_CELLS: f64 = 1e8;

/// Where distances are known, and how finely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FieldConfig {
    /// Lower corner in the world, finite [m].
    pub lower_m: [f64; 3],
    /// Upper corner in the world, at least two cells above the lower one; the grid ends on a whole cell [m].
    pub upper_m: [f64; 3],
    /// Edge of a cell, 0.002 to 0.2 [m].
    pub cell_m: f64,
}

impl Default for FieldConfig {
    fn default() -> Self {
        Self { lower_m: [-0.80, -0.85, 0.50], upper_m: [0.80, 0.85, 1.80], cell_m: 0.02 }
    }
}

impl FieldConfig {
    /// Refuses boxes that no grid fits.
    pub fn validate(&self) -> Result<(), MotionError> {
        self.size().map(|_| ())
    }

    /// Cells along x, y, z.
    pub(super) fn size(&self) -> Result<[usize; 3], MotionError> {
        let fail = |key, value, allowed| Err(MotionError::Config { key, value, allowed });
        if !(0.002..=0.2).contains(&self.cell_m) {
            return fail("planner.field.cell_m", self.cell_m, "0.002 to 0.2");
        }
        let mut size = [0; 3];
        let mut cells = 1.0;
        for ((n, lower), upper) in size.iter_mut().zip(self.lower_m).zip(self.upper_m) {
            if !lower.is_finite() {
                return fail("planner.field.lower_m", lower, "finite");
            }
            let along = ((upper - lower) / self.cell_m - 1e-9).ceil();
            if !(along.is_finite() && along >= 2.0) {
                return fail("planner.field.upper_m", upper, "finite, two cells or more above lower_m");
            }
            cells *= along;
            *n = along as usize;
        }
        if cells > MOST_CELLS {
            return fail("planner.field.cell_m", self.cell_m, "so large that the box has at most 1e8 cells");
        }
        Ok(size)
    }
}
