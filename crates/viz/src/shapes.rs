//! Frames, points and words in the scene, in Rerun's types.

use nalgebra::{Isometry3, Point3, Vector3};
use rerun::{Arrows3D, Points3D, Transform3D, datatypes::Quaternion};

const AXES: [[u8; 3]; 3] = [[235, 80, 80], [90, 205, 90], [90, 130, 250]];

pub(crate) fn array(v: &Vector3<f64>) -> [f32; 3] {
    [v.x as f32, v.y as f32, v.z as f32]
}

pub(crate) fn transform(iso: &Isometry3<f64>) -> Transform3D {
    let q = iso.rotation.quaternion();
    Transform3D::from_translation_rotation(
        array(&iso.translation.vector),
        Quaternion::from_xyzw([q.i as f32, q.j as f32, q.k as f32, q.w as f32]),
    )
}

/// A frame as three arrows in world.
pub(crate) fn axes(iso: &Isometry3<f64>, length_m: f64, radius_m: f32) -> Arrows3D {
    let origin = array(&(iso * Point3::origin()).coords);
    let vectors = [Vector3::x(), Vector3::y(), Vector3::z()].map(|axis| array(&(iso.rotation * axis * length_m)));
    Arrows3D::from_vectors(vectors).with_origins([origin; 3]).with_colors(AXES).with_radii([radius_m])
}

/// Words at a frame, readable on any colour.
pub(crate) fn label(iso: &Isometry3<f64>, words: &str, color: [u8; 3]) -> Points3D {
    Points3D::new([array(&iso.translation.vector)])
        .with_colors([color])
        .with_radii([0.002])
        .with_labels([words])
        .with_show_labels(true)
}
