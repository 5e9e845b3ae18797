//! Distances against brute force.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

fn small() -> DistanceField {
    let config = FieldConfig { lower_m: [-0.3, -0.2, 0.1], upper_m: [0.3, 0.3, 0.5], cell_m: 0.02 };
    DistanceField::new(&config).unwrap()
}

fn anywhere(rng: &mut Pcg64) -> Vector3<f64> {
    Vector3::new(rng.random_range(-0.29..0.29), rng.random_range(-0.19..0.29), rng.random_range(0.11..0.49))
}

fn random_solid(rng: &mut Pcg64, kind: usize) -> Solid {
    let mut size = || rng.random_range(0.0015..0.08);
    let (a, b, c) = (size(), size(), size());
    let shape = match kind % 5 {
        // Plates are thinner than a cell.
        0 => Shape::Box { half_m: [a, b, 0.0015] },
        1 => Shape::Cylinder { radius_m: a, half_height_m: b },
        2 => Shape::Capsule { radius_m: a, half_length_m: b },
        3 => Shape::Ball { radius_m: a },
        _ => Shape::Ellipsoid { half_m: [a, b, c] },
    };
    let turn = Vector3::from_fn(|_, _| rng.random_range(-3.0..3.0));
    let place = Translation3::from(anywhere(rng));
    Solid { shape, world_from_solid: Isometry3::from_parts(place, UnitQuaternion::from_scaled_axis(turn)) }
}

/// A point inside a shape about its origin.
fn inside(shape: &Shape, rng: &mut Pcg64) -> Vector3<f64> {
    loop {
        let unit = Vector3::from_fn(|_, _| rng.random_range(-1.0f64..1.0));
        let p = unit.component_mul(&match *shape {
            Shape::Box { half_m } | Shape::Ellipsoid { half_m } => Vector3::from(half_m),
            Shape::Cylinder { radius_m, half_height_m } => Vector3::new(radius_m, radius_m, half_height_m),
            Shape::Capsule { radius_m, half_length_m } => Vector3::new(radius_m, radius_m, half_length_m + radius_m),
            Shape::Ball { radius_m } => Vector3::repeat(radius_m),
        });
        let is_inside = match *shape {
            Shape::Box { .. } => true,
            Shape::Cylinder { .. } => unit.xy().norm() <= 1.0,
            Shape::Capsule { radius_m, half_length_m } => {
                let z = p.z.clamp(-half_length_m, half_length_m);
                (p - Vector3::new(0.0, 0.0, z)).norm() <= radius_m
            }
            Shape::Ball { .. } | Shape::Ellipsoid { .. } => unit.norm() <= 1.0,
        };
        if is_inside {
            return p;
        }
    }
}

#[test]
fn distances_between_cells_are_exact() {
    let mut field = small();
    let mut rng = Pcg64::seed_from_u64(1);
    let middle = |i: usize, j: usize, k: usize| Vector3::new(i as f64, j as f64, k as f64).add_scalar(0.5) * 0.02;
    let corner = Vector3::new(-0.3, -0.2, 0.1);
    for count in [1, 3, 40] {
        let cells: Vec<_> = (0..count)
            .map(|_| corner + middle(rng.random_range(0..30), rng.random_range(0..25), rng.random_range(0..20)))
            .collect();
        field.clear();
        let points: Vec<[f32; 3]> = cells.iter().map(|c| c.cast::<f32>().into()).collect();
        field.mark_points(&points);
        field.finish();
        for (i, j, k) in (0..30 * 25 * 20).map(|n| (n % 30, n / 30 % 25, n / 750)) {
            let at = corner + middle(i, j, k);
            let least = cells.iter().map(|c| (c - at).norm()).fold(f64::MAX, f64::min) - 0.01;
            let given = field.distance_m(&at);
            assert!((given - least).abs() < 1e-6, "{count} marks, cell {i} {j} {k}: {given}, not {least}");
        }
    }
}

#[test]
fn points_and_solids_are_as_far_as_they_are_to_within_a_cell_or_so() {
    let mut field = small();
    let mut rng = Pcg64::seed_from_u64(2);
    for round in 0..25 {
        field.clear();
        let solid = random_solid(&mut rng, round);
        // Dense points inside the solid stand for it.
        let within: Vec<_> = (0..4000)
            .map(|_| (solid.world_from_solid * nalgebra::Point3::from(inside(&solid.shape, &mut rng))).coords)
            .collect();
        field.mark_solid(&solid).unwrap();
        let lone = anywhere(&mut rng);
        field.mark_points(&[lone.cast::<f32>().into(), [f32::NAN; 3], [9.0; 3]]);
        field.finish();
        for point in within.iter().filter(|p| field.distance_m(p).is_finite()) {
            // No point of a solid is left out: its cell is marked.
            assert!(field.distance_m(point) <= 0.013, "{solid:?} at {point}: {}", field.distance_m(point));
        }
        for _ in 0..200 {
            let at = anywhere(&mut rng);
            let least = within.iter().chain([&lone]).map(|p| (p - at).norm()).fold(f64::MAX, f64::min);
            let error = (field.distance_m(&at) - least) / 0.02;
            // The cloud of points is up to half a cell sparse.
            assert!((-1.9..0.65).contains(&error) || least < 0.02, "{solid:?} at {at}: {error} cells");
        }
    }
}

#[test]
fn erased_outside_and_empty_space_is_free_and_nan_is_not() {
    let mut field = small();
    let at = Vector3::new(0.05, 0.05, 0.3);
    field.finish();
    assert_eq!(field.distance_m(&at), f64::INFINITY);
    field.mark_points(&[at.cast::<f32>().into()]);
    field.finish();
    assert!(field.distance_m(&at) < 0.013);
    assert_eq!(field.distance_m(&Vector3::new(0.0, 0.0, 0.6)), f64::INFINITY);
    assert!(field.distance_m(&Vector3::new(f64::NAN, 0.0, 0.3)).is_nan());
    field.erase_ball(&at, 0.02);
    field.finish();
    assert_eq!(field.distance_m(&at), f64::INFINITY);
}

#[test]
fn sizes_and_boxes_that_make_no_sense_are_refused_by_name() {
    let ball = Solid { shape: Shape::Ball { radius_m: f64::NAN }, world_from_solid: Isometry3::identity() };
    let text = small().mark_solid(&ball).unwrap_err().to_string();
    assert_eq!(text, "solid: size = NaN, allowed: finite, positive");
    let flat = FieldConfig { upper_m: [0.8, -0.85, 1.8], ..FieldConfig::default() };
    let text = flat.validate().unwrap_err().to_string();
    assert!(text.contains("planner.field.upper_m = -0.85"), "{text}");
    let fine = FieldConfig { cell_m: 0.0, ..FieldConfig::default() };
    assert!(fine.validate().unwrap_err().to_string().contains("0.002 to 0.2"));
}
