//! Where a camera is, from a mark that the arm carries around, or looks at from many sides.
//!
//! A camera in the world sees a mark that is fixed to the tool: `X_WC c = X_WT m`. A camera on the tool sees a mark that is
//! fixed in the world: `X_TC c = X_TW m`. Both are one problem: `X c_i = A_i m` with `A_i` known from kinematics, `c_i` seen,
//! the camera's pose `X` and the mark's place `m` unknown. Least squares in the nine unknowns, by Gauss and Newton
//! after a closed-form start (Umeyama 1991, in turns with the mean of m).

use nalgebra::{Isometry3, Matrix3, Rotation3, SMatrix, SVector, Translation3, UnitQuaternion, Vector3};

/// Fewer sightings than this are refused.
pub const LEAST_SIGHTINGS: usize = 6;
/// Turns in the closed-form start, and steps after it.
const STARTS: usize = 60;
const STEPS: usize = 30;
/// The least of the nine unknowns must be known this well, the best of them 1: below, the poses are too much alike.
const LEAST_CONDITION: f64 = 2e-4;

/// One look at the mark.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Sighting {
    /// `X_WT` for a camera in the world, `X_TW` for one on the tool.
    pub carrier: Isometry3<f64>,
    /// The mark in the camera's frame [m].
    pub mark_in_camera: Vector3<f64>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct HandEye {
    /// `X_WC` or `X_TC`.
    pub camera: Isometry3<f64>,
    /// The mark on the tool, or in the world [m].
    pub mark: Vector3<f64>,
    /// How far each sighting is off [m].
    pub residuals_m: Vec<f64>,
}

impl HandEye {
    /// Root mean square of the residuals [m].
    pub fn rms_m(&self) -> f64 {
        (self.residuals_m.iter().map(|r| r * r).sum::<f64>() / self.residuals_m.len() as f64).sqrt()
    }

    /// The largest [m].
    pub fn worst_m(&self) -> f64 {
        self.residuals_m.iter().copied().fold(0.0, f64::max)
    }
}

/// Finds camera and mark; the error says what is missing.
pub fn hand_eye(sightings: &[Sighting]) -> Result<HandEye, String> {
    if sightings.len() < LEAST_SIGHTINGS {
        return Err(format!("{} sightings of the mark, needed are {LEAST_SIGHTINGS}", sightings.len()));
    }
    let (mut camera, mut mark) = start(sightings);
    let mut information = SMatrix::<f64, 9, 9>::zeros();
    for _ in 0..STEPS {
        information.fill(0.0);
        let mut right = SVector::<f64, 9>::zeros();
        for Sighting { carrier, mark_in_camera } in sightings {
            let seen = camera * nalgebra::Point3::from(*mark_in_camera);
            let off = seen.coords - (carrier * nalgebra::Point3::from(mark)).coords;
            // Turn about the origin of the left frame, shift, and the mark.
            let mut by = SMatrix::<f64, 3, 9>::zeros();
            by.fixed_view_mut::<3, 3>(0, 0).copy_from(&-seen.coords.cross_matrix());
            by.fixed_view_mut::<3, 3>(0, 3).copy_from(&Matrix3::identity());
            by.fixed_view_mut::<3, 3>(0, 6).copy_from(&-carrier.rotation.to_rotation_matrix().matrix());
            information += by.transpose() * by;
            right -= by.transpose() * off;
        }
        let Some(step) = information.cholesky().map(|c| c.solve(&right)) else { break };
        let turn = UnitQuaternion::from_scaled_axis(step.fixed_rows::<3>(0).into_owned());
        let shift = Translation3::from(step.fixed_rows::<3>(3).into_owned());
        camera = shift * turn * camera;
        mark += step.fixed_rows::<3>(6);
        if step.norm() < 1e-12 {
            break;
        }
    }
    let known = information.symmetric_eigenvalues();
    // NaN is refused as well.
    let is_known = known.min() > LEAST_CONDITION * known.max();
    if !is_known {
        return Err("the poses are too much alike: turn the tool about two axes, by 20 degrees and more".into());
    }
    let residual = |s: &Sighting| {
        (camera * nalgebra::Point3::from(s.mark_in_camera) - s.carrier * nalgebra::Point3::from(mark)).norm()
    };
    Ok(HandEye { camera, mark, residuals_m: sightings.iter().map(residual).collect() })
}

/// Camera given the mark, then the mark given the camera, in turns.
fn start(sightings: &[Sighting]) -> (Isometry3<f64>, Vector3<f64>) {
    let (mut camera, mut mark) = (Isometry3::identity(), Vector3::zeros());
    let seen: Vec<_> = sightings.iter().map(|s| s.mark_in_camera).collect();
    for _ in 0..STARTS {
        let there: Vec<_> = sightings.iter().map(|s| (s.carrier * nalgebra::Point3::from(mark)).coords).collect();
        camera = align(&seen, &there);
        let back = |s: &Sighting| s.carrier.inverse() * camera * nalgebra::Point3::from(s.mark_in_camera);
        mark = sightings.iter().map(|s| back(s).coords).sum::<Vector3<f64>>() / sightings.len() as f64;
    }
    (camera, mark)
}

/// The rigid motion that brings `from` to `to`, least squares.
fn align(from: &[Vector3<f64>], to: &[Vector3<f64>]) -> Isometry3<f64> {
    let mean = |points: &[Vector3<f64>]| points.iter().sum::<Vector3<f64>>() / points.len() as f64;
    let (from_mean, to_mean) = (mean(from), mean(to));
    let spread: Matrix3<f64> = from.iter().zip(to).map(|(a, b)| (b - to_mean) * (a - from_mean).transpose()).sum();
    let svd = spread.svd(true, true);
    let (Some(u), Some(v_t)) = (svd.u, svd.v_t) else { return Isometry3::identity() };
    let mirror = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, (u * v_t).determinant().signum()));
    let turn = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(u * mirror * v_t));
    Isometry3::from_parts(Translation3::from(to_mean - turn * from_mean), turn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Lcg;

    fn isometry(random: &mut Lcg, metres: f64, radians: f64) -> Isometry3<f64> {
        let mut vector = |reach: f64| Vector3::from_fn(|_, _| random.within(reach));
        let (shift, turn) = (vector(metres), vector(radians));
        Isometry3::new(shift, turn)
    }

    /// Sightings of a mark from `count` poses, each seen with an error of up to `noise_m`.
    fn sightings(
        seed: u64,
        count: usize,
        turn_rad: f64,
        noise_m: f64,
    ) -> (Isometry3<f64>, Vector3<f64>, Vec<Sighting>) {
        let mut random = Lcg(seed);
        let camera = isometry(&mut random, 1.5, 2.0);
        let mark = Vector3::from_fn(|_, _| random.within(0.1));
        let seen = (0..count).map(|_| {
            let carrier = isometry(&mut random, 0.3, turn_rad);
            let there = carrier * nalgebra::Point3::from(mark);
            let noise = Vector3::from_fn(|_, _| random.within(noise_m));
            Sighting { carrier, mark_in_camera: (camera.inverse() * there).coords + noise }
        });
        let seen = seen.collect();
        (camera, mark, seen)
    }

    #[test]
    fn without_noise_camera_and_mark_are_found_exactly() {
        for seed in 1..20 {
            let (camera, mark, seen) = sightings(seed, 8, 0.5, 0.0);
            let found = hand_eye(&seen).unwrap();
            let off = camera.inverse() * found.camera;
            assert!(off.translation.vector.norm() < 1e-6 && off.rotation.angle() < 1e-6, "seed {seed}: {off}");
            assert!((found.mark - mark).norm() < 1e-6 && found.worst_m() < 1e-6, "seed {seed}");
        }
    }

    #[test]
    fn noise_of_two_millimetres_costs_millimetres() {
        for seed in 1..20 {
            let (camera, _, seen) = sightings(seed, 16, 0.6, 0.002);
            let found = hand_eye(&seen).unwrap();
            // What counts is where a point of the workspace comes to lie.
            let point = nalgebra::Point3::from(seen[0].mark_in_camera);
            let off = (camera * point - found.camera * point).norm();
            assert!(off < 0.004, "seed {seed}: {off}");
            assert!(found.rms_m() < 0.0025, "seed {seed}: {}", found.rms_m());
        }
    }

    #[test]
    fn too_few_or_too_similar_poses_are_refused() {
        let (_, _, seen) = sightings(1, 5, 0.5, 0.0);
        assert!(hand_eye(&seen).unwrap_err().contains("5 sightings"));
        // Never turned: the mark may be anywhere on the tool.
        let (_, _, seen) = sightings(1, 12, 0.0, 0.001);
        assert!(hand_eye(&seen).unwrap_err().contains("too much alike"));
    }
}
