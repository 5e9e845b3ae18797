//! The table: the plane that most points near its configured height lie in.

use nalgebra::{Matrix3, Vector3};
use neuraxis_core::upper_median;

use crate::{SceneConfig, SightError};

/// Fewer points than this are no table.
const LEAST: usize = 100;
/// More points than this make the fit no better: every n-th is taken.
const ENOUGH: usize = 4000;
/// Rounds of the fit, each with weights from the one before.
const ROUNDS: usize = 6;
/// Bounds of a residual's scale [m]: clean depth would leave no tolerance, a bad camera too much.
const SCALE_M: [f64; 2] = [0.0005, 0.004];

/// The plane z = z_0 + slope . (x, y) in the world, and how far its points lie from it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Table {
    /// Height above the world's origin [m].
    pub z0_m: f64,
    /// Rise along x and y [-].
    pub slope: [f64; 2],
    /// Robust standard deviation of its points [m].
    pub sigma_m: f64,
    /// Points nearer to the plane than this belong to it, or to something painted on it [m].
    pub band_m: f64,
}

impl Table {
    /// Fits the plane by iteratively reweighted least squares with Tukey's biweight (Holland and Welsch 1977): what
    /// stands on the table, or is missing from it, has no weight.
    ///
    /// # Errors
    /// With fewer than 100 finite points around the configured height.
    pub fn fit(xyz_in_world: &[[f32; 3]], config: &SceneConfig) -> Result<Self, SightError> {
        let [x0, y0, _, x1, y1, _] = config.bounds_m;
        let near = |p: &Vector3<f64>| {
            (p.z - config.table_z_m).abs() <= config.table_search_m && p.x > x0 && p.x < x1 && p.y > y0 && p.y < y1
        };
        // NaN fails every comparison.
        let all: Vec<Vector3<f64>> =
            xyz_in_world.iter().map(|p| Vector3::from(p.map(f64::from))).filter(near).collect();
        if all.len() < LEAST {
            return Err(SightError::NoTable {
                points: all.len(),
                within_m: config.table_search_m,
                table_z_m: config.table_z_m,
                least: LEAST,
            });
        }
        let points: Vec<Vector3<f64>> = all.iter().step_by(all.len().div_ceil(ENOUGH)).copied().collect();
        let mut plane = Vector3::new(middle(points.iter().map(|p| p.z)), 0.0, 0.0);
        let mut scale = SCALE_M[1];
        for _ in 0..ROUNDS {
            let residual = |p: &Vector3<f64>| p.z - plane.dot(&Vector3::new(1.0, p.x, p.y));
            scale = (1.4826 * middle(points.iter().map(|p| residual(p).abs()))).clamp(SCALE_M[0], SCALE_M[1]);
            let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
            for p in &points {
                // Tukey's constant for 95 % efficiency.
                let u = residual(p) / (4.685 * scale);
                let weight = if u.abs() < 1.0 { (1.0 - u * u).powi(2) } else { 0.0 };
                let row = Vector3::new(1.0, p.x, p.y);
                normal += weight * row * row.transpose();
                right += weight * p.z * row;
            }
            // A table seen as one line gives no plane: what was found before stays.
            let Some(next) = normal.cholesky().map(|c| c.solve(&right)).filter(|x| x.iter().all(|v| v.is_finite()))
            else {
                break;
            };
            plane = next;
        }
        let band_m = config.table_band_m.max(3.0 * scale);
        Ok(Self { z0_m: plane.x, slope: [plane.y, plane.z], sigma_m: scale, band_m })
    }

    /// Height of the table's surface at a place of the world [m].
    pub fn z_at(&self, x: f64, y: f64) -> f64 {
        self.z0_m + self.slope[0] * x + self.slope[1] * y
    }
}

/// The middle; 0 of nothing.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    upper_median(&mut values.collect::<Vec<_>>()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    fn tilted(noise_m: f32, clutter: usize) -> Vec<[f32; 3]> {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(5);
        let mut points: Vec<[f32; 3]> = (0..3000)
            .map(|_| {
                let [x, y] = [rng.random_range(0.0..0.6f32), rng.random_range(-0.4..0.4f32)];
                [x, y, 0.752 + 0.01 * x - 0.02 * y + noise_m * rng.random_range(-1.0..1.0f32)]
            })
            .collect();
        // Things of every height below the search's limit, all on one side.
        points.extend(
            (0..clutter).map(|_| {
                [rng.random_range(0.4..0.6f32), rng.random_range(0.1..0.4f32), rng.random_range(0.755..0.78f32)]
            }),
        );
        points
    }

    #[test]
    fn clutter_does_not_tilt_the_plane() {
        for (noise_m, clutter) in [(0.0, 0), (0.002, 0), (0.002, 800)] {
            let table = Table::fit(&tilted(noise_m, clutter), &SceneConfig::default()).unwrap();
            for [x, y] in [[0.1, -0.3], [0.5, 0.3]] {
                let error_m = (table.z_at(x, y) - (0.752 + 0.01 * x - 0.02 * y)).abs();
                assert!(error_m < 0.001, "{error_m} m with {clutter} points of clutter");
            }
            assert!(table.band_m >= 0.005 && table.band_m <= 0.012);
        }
    }

    #[test]
    fn nothing_to_fit_is_an_error_and_never_a_plane() {
        let config = SceneConfig::default();
        let text = Table::fit(&[], &config).unwrap_err().to_string();
        assert_eq!(text, "0 points within 0.03 m of the table's height 0.75 m, at least 100 are needed");
        assert!(Table::fit(&[[f32::NAN; 3]; 500], &config).is_err());
        let high: Vec<_> = tilted(0.0, 0).into_iter().map(|[x, y, z]| [x, y, z + 0.2]).collect();
        assert!(Table::fit(&high, &config).is_err());
        // One line of points: finite, whatever plane.
        let line: Vec<[f32; 3]> = (0..500).map(|i| [0.001 * i as f32, 0.0, 0.75]).collect();
        assert!((Table::fit(&line, &config).unwrap().z_at(0.1, 0.0) - 0.75).abs() < 1e-3);
    }
}
