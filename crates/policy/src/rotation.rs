//! Orientation as three binned angles that have no singularity where grippers work.
//!
//! `R_WT = Rz(a) Rx(b) Ry(c) R_down`, with `R_down` turning the tool's z axis to -z_W. The middle angle `b` is the
//! sideways tilt, so that both a tool pointing down (b = c = 0) and one pointing forward (c = ±90°) are regular.
//! (RVT-2 uses 'xyz' Euler angles of the tool itself, which are singular for a tool that points forward.)

use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};

/// Angles (a, b, c) [rad] in (-π, π] of an orientation of the tool in the world.
pub fn angles_from_rotation(world_from_tool: &UnitQuaternion<f64>) -> [f64; 3] {
    let m = world_from_tool.to_rotation_matrix() * down().inverse();
    let m = m.matrix();
    let b = m[(2, 1)].clamp(-1.0, 1.0).asin();
    let a = (-m[(0, 1)]).atan2(m[(1, 1)]);
    let c = (-m[(2, 0)]).atan2(m[(2, 2)]);
    [a, b, c]
}

/// Inverse of [`angles_from_rotation`].
pub fn rotation_from_angles([a, b, c]: [f64; 3]) -> UnitQuaternion<f64> {
    let axis = |axis, angle| Rotation3::from_axis_angle(&axis, angle);
    let m = axis(Vector3::z_axis(), a) * axis(Vector3::x_axis(), b) * axis(Vector3::y_axis(), c) * down();
    UnitQuaternion::from_rotation_matrix(&m)
}

/// Index of the bin that holds an angle [rad]: bin 0 is centred on -π.
pub fn bin_of_angle(angle: f64, bins: i64) -> i64 {
    let turn = (angle + std::f64::consts::PI) / std::f64::consts::TAU;
    ((turn * bins as f64).round() as i64).rem_euclid(bins)
}

/// Angle [rad] of a bin index; fractions lie between bins.
pub fn angle_of_bin(bin: f64, bins: i64) -> f64 {
    bin / bins as f64 * std::f64::consts::TAU - std::f64::consts::PI
}

/// The bin of highest score, moved towards its neighbours by the centre of mass of their probabilities.
pub fn refined_bin(scores: &[f32]) -> f64 {
    let n = scores.len();
    let Some((best, top)) = scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return 0.0;
    };
    let weight =
        |offset: isize| f64::from((scores[(best as isize + offset).rem_euclid(n as isize) as usize] - top).exp());
    let (left, right) = (weight(-1), weight(1));
    best as f64 + (right - left) / (1.0 + left + right)
}

fn down() -> Rotation3<f64> {
    Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_round_trip_down_and_forward() {
        for c in [0.0, -std::f64::consts::FRAC_PI_2, 0.4] {
            for a in [-3.0, -0.5, 0.0, 1.2, 2.9] {
                for b in [-0.6, 0.0, 0.3] {
                    let q = rotation_from_angles([a, b, c]);
                    let back = rotation_from_angles(angles_from_rotation(&q));
                    assert!(q.angle_to(&back) < 1e-9);
                    assert!((angles_from_rotation(&q)[0] - a).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn tool_points_down_at_zero_and_forward_at_minus_ninety() {
        let z = |angles| rotation_from_angles(angles) * Vector3::z();
        assert!((z([0.0, 0.0, 0.0]) + Vector3::z()).norm() < 1e-12);
        assert!((z([0.0, 0.0, -std::f64::consts::FRAC_PI_2]) - Vector3::x()).norm() < 1e-12);
    }

    #[test]
    fn bins_round_trip_within_half_a_bin() {
        for i in -100..100 {
            let angle = i as f64 * 0.0314;
            let back = angle_of_bin(bin_of_angle(angle, 72) as f64, 72);
            let error =
                (angle - back + 3.0 * std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
            assert!(error.abs() <= 2.5f64.to_radians() + 1e-9, "{angle} {back}");
        }
    }

    #[test]
    fn refined_bin_leans_towards_the_heavier_neighbour() {
        let mut scores = vec![-20.0; 72];
        scores[0] = 2.0;
        scores[71] = 1.9;
        let bin = refined_bin(&scores);
        assert!(bin < -0.4 && bin > -0.5, "{bin}");
    }
}
