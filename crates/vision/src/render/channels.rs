//! The ten channels of a view, from what each pixel shows.

/// Channels per view: x y z of the nearest point, red green blue in [0, 1], depth (mean-subtracted over hit pixels,
/// -1 where empty), view index, row and column, each over [-1, 1].
///
/// x y z are coordinates of the cube as they are; RVT divides them by the cloud's largest, which makes a point's
/// input depend on points far away from it.
pub const CHANNELS: usize = 10;

/// What a pixel shows.
pub(crate) struct Hit {
    /// In the cube.
    pub point: [f32; 3],
    /// Its colour.
    pub rgb: [u8; 3],
    /// From the camera [cube's unit].
    pub depth: f32,
}

/// Writes the [`CHANNELS`] planes of one view; `hit`: what each pixel shows.
pub(crate) fn shade(planes: &mut [f32], side: usize, view_index: f32, hit: impl Fn(usize) -> Option<Hit>) {
    let area = side * side;
    let grid = |i: usize| -1.0 + 2.0 * i as f32 / (side - 1) as f32;
    planes[..6 * area].fill(0.0);
    planes[6 * area..7 * area].fill(f32::NAN);
    let (mut sum, mut hits) = (0.0, 0u32);
    for pixel in 0..area {
        let Some(Hit { point, rgb, depth }) = hit(pixel) else { continue };
        for c in 0..3 {
            planes[c * area + pixel] = point[c];
            planes[(3 + c) * area + pixel] = f32::from(rgb[c]) / 255.0;
        }
        planes[6 * area + pixel] = depth;
        sum += depth;
        hits += 1;
    }
    let mean = sum / hits.max(1) as f32;
    for depth in &mut planes[6 * area..7 * area] {
        *depth = if depth.is_nan() { -1.0 } else { *depth - mean };
    }
    planes[7 * area..8 * area].fill(view_index);
    for row in 0..side {
        planes[8 * area + row * side..][..side].fill(grid(row));
    }
    let (first, others) = planes[9 * area..].split_at_mut(side);
    first.iter_mut().enumerate().for_each(|(column, x)| *x = grid(column));
    others.chunks_exact_mut(side).for_each(|row| row.copy_from_slice(first));
}
