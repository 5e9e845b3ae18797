//! Points as bytes.

use super::Bounds;

/// Of one point.
pub(super) const POINT_BYTES: usize = 9;
/// Coordinates are kept in steps of this [m]: far below a depth camera's noise and a pixel of any view.
pub(super) const STEP_M: f64 = 0.000_25;

/// The nine planes of a cloud; the index of the first point outside the bounds, if there is one.
pub(super) fn planes(xyz_in_world: &[[f32; 3]], rgb: &[[u8; 3]], bounds: &Bounds) -> Result<Vec<u8>, usize> {
    let count = rgb.len();
    let mut planes = vec![0; count * POINT_BYTES];
    for k in 0..3 {
        let (mut last, mut last_colour) = (0u16, 0u8);
        for i in 0..count {
            let step = quantise(xyz_in_world[i][k], k, bounds).ok_or(i)?;
            let [low, high] = step.wrapping_sub(last).to_le_bytes();
            planes[2 * k * count + i] = low;
            planes[(2 * k + 1) * count + i] = high;
            planes[(6 + k) * count + i] = rgb[i][k].wrapping_sub(last_colour);
            (last, last_colour) = (step, rgb[i][k]);
        }
    }
    Ok(planes)
}

/// What [`planes`] packed.
pub(super) fn unplane(planes: &[u8], bounds: &Bounds, xyz_in_world: &mut Vec<[f32; 3]>, rgb: &mut Vec<[u8; 3]>) {
    let count = planes.len() / POINT_BYTES;
    xyz_in_world.clear();
    xyz_in_world.resize(count, [0.0; 3]);
    rgb.clear();
    rgb.resize(count, [0; 3]);
    for k in 0..3 {
        let (mut step, mut colour) = (0u16, 0u8);
        for i in 0..count {
            let difference = u16::from_le_bytes([planes[2 * k * count + i], planes[(2 * k + 1) * count + i]]);
            step = step.wrapping_add(difference);
            colour = colour.wrapping_add(planes[(6 + k) * count + i]);
            xyz_in_world[i][k] = (bounds[k] + f64::from(step) * STEP_M).min(bounds[k + 3]) as f32;
            rgb[i][k] = colour;
        }
    }
}

/// Step of a coordinate, or `None` if it is outside the bounds by more than one step.
fn quantise(value_m: f32, axis: usize, bounds: &Bounds) -> Option<u16> {
    let (lower, upper) = (bounds[axis], bounds[axis + 3]);
    let (step, most) = ((f64::from(value_m) - lower) / STEP_M, (upper - lower) / STEP_M);
    (step >= -1.0 && step <= most + 1.0).then(|| step.round() as u16)
}
