//! Orientation as three binned angles that have no singularity where grippers work.
//!
//! `R_WT = Rz(a) Rx(b) Ry(c) R_down`, with `R_down` turning the tool's z axis to -z_W. The middle angle `b` is the
//! sideways tilt, so that both a tool pointing down (b = c = 0) and one pointing forward (c = ±90°) are regular.
//! (RVT-2 uses 'xyz' Euler angles of the tool itself, which are singular for a tool that points forward.)
//!
//! Or as six numbers (Zhou et al. 2019, section 4.2): the first two columns of the tool's matrix before they are made
//! orthonormal. That map is continuous, so nothing jumps between neighbouring orientations.

use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use tch::{Kind, Tensor};

use crate::{Result, Unusable};

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

/// The six numbers of a tool that points down: columns x and -y.
pub const SIX_D_DOWN: [f32; 6] = [1.0, 0.0, 0.0, 0.0, -1.0, 0.0];
/// A column shorter than this, or this near to the other's line, has no direction.
const LEAST_LENGTH: f64 = 1e-6;

/// The first two columns of an orientation's matrix.
pub fn six_d_from_rotation(rotation: &UnitQuaternion<f64>) -> [f64; 6] {
    let m = rotation.to_rotation_matrix();
    let m = m.matrix();
    [m[(0, 0)], m[(1, 0)], m[(2, 0)], m[(0, 1)], m[(1, 1)], m[(2, 1)]]
}

/// Gram-Schmidt: `x = a / |a|`, `y = (b - (x.b) x) / |..|`, `z = x × y`. Any two columns that span a plane will do.
///
/// # Errors
/// Numbers that are not finite, and columns that are zero or parallel.
pub fn rotation_from_six_d(six: [f64; 6]) -> std::result::Result<UnitQuaternion<f64>, Unusable> {
    if !six.iter().all(|x| x.is_finite()) {
        return Err(Unusable::NotFinite("the orientation"));
    }
    // Scaled first, so that squares neither overflow nor vanish.
    let unit = |v: Vector3<f64>| {
        let scale = v.amax();
        (scale > 0.0).then(|| (v / scale).normalize())
    };
    let [x, b] = [unit(Vector3::new(six[0], six[1], six[2])), unit(Vector3::new(six[3], six[4], six[5]))];
    let (Some(x), Some(b)) = (x, b) else { return Err(Unusable::Degenerate(six)) };
    let y = b - x * x.dot(&b);
    if y.norm() < LEAST_LENGTH {
        return Err(Unusable::Degenerate(six));
    }
    let y = y.normalize();
    // Once more: the first pass leaves rounding of the size of 1 / |y|.
    let y = (y - x * x.dot(&y)).normalize();
    let matrix = Matrix3::from_columns(&[x, y, x.cross(&y)]);
    Ok(UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(matrix)))
}

/// The matrix of an orientation, rows first, as targets keep it.
pub fn row_major(rotation: &UnitQuaternion<f64>) -> [f32; 9] {
    let m = rotation.to_rotation_matrix();
    let m = m.matrix();
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|i| m[(i / 3, i % 3)] as f32)
}

/// [`rotation_from_six_d`] in tensors: (b, 6) -> (b, 3, 3). Degenerate rows give finite numbers, but no rotation.
pub fn matrices_from_six_d(six: &Tensor) -> Result<Tensor> {
    let unit = |v: Tensor| -> Result<Tensor> {
        let square = v.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)?;
        Ok(v.f_div(&square.f_clamp_min(LEAST_LENGTH * LEAST_LENGTH)?.f_sqrt()?)?)
    };
    let six = six.f_to_kind(Kind::Float)?;
    let x = unit(six.f_narrow(1, 0, 3)?)?;
    let b = six.f_narrow(1, 3, 3)?;
    let along = x.f_mul(&b)?.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)?;
    let y = unit(b.f_sub(&x.f_mul(&along)?)?)?;
    let z = x.f_linalg_cross(&y, 1)?;
    Ok(Tensor::f_stack(&[x, y, z], 2)?)
}

/// Mean of `1 - cos(angle)` between (b, 6) predictions and (b, 3, 3) true matrices; `cos = (tr(RᵀR*) - 1) / 2`.
/// 0 for equal orientations, 2 for opposite ones; unlike the angle itself it is smooth at both.
pub fn six_d_loss(six: &Tensor, truth: &Tensor) -> Result<Tensor> {
    let trace = matrices_from_six_d(six)?.f_mul(&truth.f_to_kind(Kind::Float)?)?;
    let trace = trace.f_sum_dim_intlist([1i64, 2].as_slice(), false, None::<Kind>)?;
    Ok(trace.f_mul_scalar(-0.5)?.f_add_scalar(1.5)?.f_mean(Kind::Float)?)
}

fn down() -> Rotation3<f64> {
    Rotation3::from_matrix_unchecked(Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

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

    fn random_rotation(rng: &mut Pcg64) -> UnitQuaternion<f64> {
        UnitQuaternion::from_scaled_axis(Vector3::from_fn(|_, _| rng.random_range(-3.0..3.0)))
    }

    #[test]
    fn six_numbers_round_trip_and_their_scale_and_shear_do_not_matter() {
        let mut rng = Pcg64::seed_from_u64(21);
        for _ in 0..1000 {
            let q = random_rotation(&mut rng);
            let six = six_d_from_rotation(&q);
            assert!(rotation_from_six_d(six).unwrap().angle_to(&q) < 1e-7);
            let (s, t, u) = (rng.random_range(0.01..9.0), rng.random_range(0.01..9.0), rng.random_range(-5.0..5.0));
            let other = [0, 1, 2, 3, 4, 5].map(|i| if i < 3 { s * six[i] } else { t * six[i] + u * six[i - 3] });
            assert!(rotation_from_six_d(other).unwrap().angle_to(&q) < 1e-6);
        }
        let down = rotation_from_six_d(SIX_D_DOWN.map(f64::from)).unwrap();
        assert!(down.angle_to(&rotation_from_angles([0.0; 3])) < 1e-9);
    }

    #[test]
    fn any_finite_six_numbers_give_an_orthonormal_matrix_or_an_error() {
        let mut rng = Pcg64::seed_from_u64(22);
        let mut refused = 0;
        for i in 0..20_000 {
            // Magnitudes over the whole range of f64, and columns ever closer to parallel.
            let mut six = [0.0; 6].map(|_: f64| rng.random_range(-1.0..1.0) * 10f64.powi(rng.random_range(-300..300)));
            if i % 3 == 0 {
                let (t, near) = (rng.random_range(-2.0..2.0), 10f64.powi(-(i % 17)));
                let a = [0, 1, 2].map(|_| rng.random_range(-1.0..1.0));
                six = [0, 1, 2, 3, 4, 5]
                    .map(|j| if j < 3 { a[j] } else { t * a[j - 3] + near * rng.random_range(-1.0..1.0) });
            }
            match rotation_from_six_d(six) {
                Ok(q) => {
                    let m = q.to_rotation_matrix();
                    let m = m.matrix();
                    assert!((m.transpose() * m - Matrix3::identity()).amax() < 1e-9, "{six:?}");
                    assert!((m.determinant() - 1.0).abs() < 1e-9, "{six:?}");
                    // x along the first column, the second on y's side of the plane of x and y.
                    let column = |i: usize| {
                        let v = Vector3::new(six[i], six[i + 1], six[i + 2]);
                        (v / v.amax()).normalize()
                    };
                    assert!((m.column(0) - column(0)).amax() < 1e-9, "{six:?}");
                    assert!(m.column(1).dot(&column(3)) > 0.0 && m.column(2).dot(&column(3)).abs() < 1e-9, "{six:?}");
                }
                Err(Unusable::Degenerate(given)) => {
                    assert_eq!(given, six);
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn degenerate_and_non_finite_columns_are_refused_in_words() {
        let text = rotation_from_six_d([0.0; 6]).unwrap_err().to_string();
        assert!(text.contains("span no plane"), "{text}");
        assert!(rotation_from_six_d([1.0, 2.0, 3.0, -2.0, -4.0, -6.0]).is_err());
        let text = rotation_from_six_d([1.0, f64::NAN, 0.0, 0.0, 1.0, 0.0]).unwrap_err().to_string();
        assert_eq!(text, "the orientation is not finite");
    }

    #[test]
    fn tensors_agree_with_quaternions_and_the_loss_is_one_minus_cosine() {
        let mut rng = Pcg64::seed_from_u64(23);
        for _ in 0..100 {
            let (p, q) = (random_rotation(&mut rng), random_rotation(&mut rng));
            let six = six_d_from_rotation(&p).map(|x| 2.5 * x as f32);
            let six = Tensor::from_slice(&six).view([1, 6]);
            let matrix = matrices_from_six_d(&six).unwrap();
            let m = p.to_rotation_matrix();
            let expected = |i: i64, j: i64| m.matrix()[(i as usize, j as usize)];
            for (i, j) in (0..9).map(|k| (k / 3, k % 3)) {
                assert!((matrix.double_value(&[0, i, j]) - expected(i, j)).abs() < 1e-5);
            }
            let truth: Vec<f32> = row_major(&q).to_vec();
            let loss = f64::try_from(six_d_loss(&six, &Tensor::from_slice(&truth).view([1, 3, 3])).unwrap()).unwrap();
            assert!((loss - (1.0 - p.angle_to(&q).cos())).abs() < 1e-5);
        }
    }

    #[test]
    fn the_loss_has_a_finite_gradient_even_where_there_is_no_rotation() {
        let truth = Tensor::eye(3, (Kind::Float, tch::Device::Cpu)).unsqueeze(0).repeat([3, 1, 1]);
        let rows = [0.0f32, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 2.0, 4.0, 0.0, 1.0, 0.0, 0.0, 0.3, 1.0, 0.2];
        let six = Tensor::from_slice(&rows).view([3, 6]).set_requires_grad(true);
        six_d_loss(&six, &truth).unwrap().backward();
        let gradient = Vec::<f32>::try_from(six.grad().view([-1])).unwrap();
        assert!(gradient.iter().all(|x| x.is_finite()), "{gradient:?}");
        assert!(gradient[12..].iter().any(|x| x.abs() > 1e-3), "{gradient:?}");
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
