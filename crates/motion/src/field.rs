//! How far the nearest obstacle is, anywhere in a box of the world.

mod config;
mod solid;
mod transform;

use std::ops::Range;

use nalgebra::Vector3;

pub use config::FieldConfig;
pub use solid::{Shape, Solid};

use crate::MotionError;
use transform::Line;

/// Distance to the nearest obstacle on a regular grid; marked, finished and cleared again and again.
///
/// Marks take effect with [`DistanceField::finish`]. Between two marks on the grid's cells the distance is exact; a
/// cell stands for whatever touches it, so that a distance is up to 1.4 cells too short, and, beside a lone point in
/// the corner of its cell, up to 0.65 cells too long. Space outside the box counts as free.
#[derive(Clone, Debug)]
pub struct DistanceField {
    config: FieldConfig,
    /// Cells along x, y, z; at least two each.
    size: [usize; 3],
    /// One per cell, x runs fastest.
    occupied: Vec<bool>,
    /// From each cell's middle to the face of the nearest occupied cell [m]; same order.
    distance_m: Vec<f32>,
    /// Nothing was marked before the last `finish`.
    is_empty: bool,
    line: Line,
}

impl DistanceField {
    /// An empty field; all memory it will ever need.
    pub fn new(config: &FieldConfig) -> Result<Self, MotionError> {
        let size = config.size()?;
        let [x, y, z] = size;
        Ok(Self {
            config: config.clone(),
            size,
            occupied: vec![false; x * y * z],
            distance_m: vec![f32::INFINITY; x * y * z],
            is_empty: true,
            line: Line::new(x.max(y).max(z)),
        })
    }

    /// Edge of a cell [m].
    pub fn cell_m(&self) -> f64 {
        self.config.cell_m
    }

    /// Takes all marks away. No allocation.
    pub fn clear(&mut self) {
        self.occupied.fill(false);
    }

    /// Marks the cells of a cloud's points, in the world [m]; holes (not finite) and points outside are passed over.
    /// No allocation.
    pub fn mark_points(&mut self, points_in_world: &[[f32; 3]]) {
        for point in points_in_world {
            let at = self.in_cells(&Vector3::from(*point).cast());
            let inside = at.iter().zip(self.size).all(|(v, n)| *v >= 0.0 && *v < n as f64);
            if inside {
                let index = self.index([at.x as usize, at.y as usize, at.z as usize]);
                if let Some(cell) = self.occupied.get_mut(index) {
                    *cell = true;
                }
            }
        }
    }

    /// Marks every cell that may touch a solid, however thin it is. No allocation.
    pub fn mark_solid(&mut self, solid: &Solid) -> Result<(), MotionError> {
        solid.validate()?;
        let (lower, upper) = solid.bounds();
        let half_cell_m = 0.5 * self.config.cell_m;
        self.set(&lower, &upper, true, |middle| solid.may_touch(middle, half_cell_m));
        Ok(())
    }

    /// Takes away the marks of cells whose middle lies in a ball, in the world [m]. No allocation.
    pub fn erase_ball(&mut self, middle_in_world: &Vector3<f64>, radius_m: f64) {
        let half = Vector3::from_element(radius_m);
        self.set(&(middle_in_world - half), &(middle_in_world + half), false, |middle| {
            (middle - middle_in_world).norm_squared() <= radius_m * radius_m
        });
    }

    /// Computes the distances from the marks, in time linear in the number of cells. No allocation.
    pub fn finish(&mut self) {
        self.is_empty = !self.occupied.contains(&true);
        if self.is_empty {
            return;
        }
        for (distance, occupied) in self.distance_m.iter_mut().zip(&self.occupied) {
            *distance = if *occupied { 0.0 } else { f32::INFINITY };
        }
        let [x, y, z] = self.size;
        for line in 0..y * z {
            self.transform(line * x, 1, x);
        }
        for line in 0..x * z {
            self.transform(line / x * x * y + line % x, x, y);
        }
        for line in 0..x * y {
            self.transform(line, x * y, z);
        }
        let cell_m = self.config.cell_m as f32;
        for distance in &mut self.distance_m {
            *distance = (distance.sqrt() - 0.5) * cell_m;
        }
    }

    /// Distance to the nearest obstacle [m]: at least minus half a cell, which it is inside; infinite outside the box
    /// and where nothing is marked; NaN for a point that is not finite. Linear between the middles of cells. No
    /// allocation.
    pub fn distance_m(&self, point_in_world: &Vector3<f64>) -> f64 {
        let at = self.in_cells(point_in_world);
        if !at.iter().all(|v| v.is_finite()) {
            return f64::NAN;
        }
        if self.is_empty || !at.iter().zip(self.size).all(|(v, n)| *v >= 0.0 && *v <= n as f64) {
            return f64::INFINITY;
        }
        let mut low = [0; 3];
        let mut share = [0.0; 3];
        for (((low, share), v), n) in low.iter_mut().zip(&mut share).zip(at.iter()).zip(self.size) {
            let from_middle = (v - 0.5).clamp(0.0, (n - 1) as f64);
            *low = (from_middle as usize).min(n - 2);
            *share = from_middle - *low as f64;
        }
        let first = self.index(low);
        let [x, y, _] = self.size;
        let along = |from: usize, to: usize, share: f64| {
            let value = |index: usize| self.distance_m.get(index).map_or(f64::NAN, |v| f64::from(*v));
            value(from) * (1.0 - share) + value(to) * share
        };
        let [sx, sy, sz] = share;
        let row = |from: usize| along(from, from + 1, sx);
        let plane = |from: usize| row(from) * (1.0 - sy) + row(from + x) * sy;
        plane(first) * (1.0 - sz) + plane(first + x * y) * sz
    }

    /// A point in units of cells from the lower corner.
    fn in_cells(&self, point_in_world: &Vector3<f64>) -> Vector3<f64> {
        (point_in_world - Vector3::from(self.config.lower_m)) / self.config.cell_m
    }

    fn index(&self, [i, j, k]: [usize; 3]) -> usize {
        let [x, y, _] = self.size;
        i + x * (j + y * k)
    }

    /// Sets the cells near a box of the world whose middle passes a test.
    fn set(&mut self, lower: &Vector3<f64>, upper: &Vector3<f64>, value: bool, test: impl Fn(&Vector3<f64>) -> bool) {
        let [xs, ys, zs] = self.range(lower, upper);
        let corner = Vector3::from(self.config.lower_m);
        for k in zs {
            for j in ys.clone() {
                for i in xs.clone() {
                    let middle = corner + (Vector3::new(i as f64, j as f64, k as f64).add_scalar(0.5)) * self.cell_m();
                    let index = self.index([i, j, k]);
                    if test(&middle)
                        && let Some(cell) = self.occupied.get_mut(index)
                    {
                        *cell = value;
                    }
                }
            }
        }
    }

    /// Cells that meet a box of the world, and one more on each side.
    fn range(&self, lower: &Vector3<f64>, upper: &Vector3<f64>) -> [Range<usize>; 3] {
        let (lower, upper) = (self.in_cells(lower), self.in_cells(upper));
        // The conversion cuts off what is negative, too large or NaN.
        let axis = |low: f64, high: f64, n: usize| ((low - 1.0) as usize)..((high + 2.0) as usize).min(n);
        let [x, y, z] = self.size;
        [axis(lower.x, upper.x, x), axis(lower.y, upper.y, y), axis(lower.z, upper.z, z)]
    }

    /// One line of squared distances [cells²]: its first cell, the step to the next one, how many.
    fn transform(&mut self, first: usize, step: usize, count: usize) {
        self.line.values.clear();
        self.line.values.extend(self.distance_m.iter().skip(first).step_by(step).take(count));
        self.line.transform();
        let cells = self.distance_m.iter_mut().skip(first).step_by(step);
        for (cell, value) in cells.zip(&self.line.values) {
            *cell = *value;
        }
    }
}

#[cfg(test)]
mod tests;
