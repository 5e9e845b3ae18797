//! A z-buffer with screen-space splats for the three orthographic views (section 3.2 of the design notes).

use nalgebra::Vector3;

use crate::{CubeFrame, OrthoView};

/// Channels per view: x y z of the nearest point (in the cube), red green blue in [0, 1], depth (mean-subtracted
/// over hit pixels, -1 where empty), view index, row and column, each over [-1, 1].
pub const CHANNELS: usize = 10;

/// How to draw.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct RenderConfig {
    /// Side of a view [px].
    pub side: usize,
    /// A pixel without a point of its own takes the nearest-depth neighbour closer than this [px].
    pub splat_px: f32,
}

/// Keeps the buffers between frames.
#[derive(Clone, Debug)]
pub struct Renderer {
    config: RenderConfig,
    /// Per view and pixel: quantised depth (high half) and point index (low half).
    nearest: Vec<u64>,
    splatted: Vec<u64>,
    points: Vec<[f32; 3]>,
    offsets: Vec<(isize, isize)>,
}

const EMPTY: u64 = u64::MAX;

impl Renderer {
    /// For one image size.
    pub fn new(config: RenderConfig) -> Self {
        let reach = config.splat_px.ceil() as isize;
        let mut offsets = Vec::new();
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let distance = ((dx * dx + dy * dy) as f32).sqrt();
                if (dx, dy) != (0, 0) && distance < config.splat_px {
                    offsets.push((dx, dy));
                }
            }
        }
        Self { config, nearest: Vec::new(), splatted: Vec::new(), points: Vec::new(), offsets }
    }

    /// Draws world points, seen in `frame`, into `out`: for each view `stride` planes of side * side, the first
    /// [`CHANNELS`] of which are written. `out` must hold 3 * stride * side * side values.
    pub fn render_into(
        &mut self,
        xyz_in_world: &[[f32; 3]],
        rgb: &[[u8; 3]],
        frame: &CubeFrame,
        stride: usize,
        out: &mut [f32],
    ) {
        let side = self.config.side;
        let area = side * side;
        self.project(xyz_in_world, frame);
        let grid = |i: usize| -1.0 + 2.0 * i as f32 / (side - 1) as f32;
        for (v, planes) in out.chunks_exact_mut(stride * area).take(3).enumerate() {
            self.splat(v);
            let nearest = &self.splatted;
            planes[..CHANNELS * area].fill(0.0);
            let (mut sum, mut hits) = (0.0, 0u32);
            for (pixel, &packed) in nearest.iter().enumerate() {
                if packed == EMPTY {
                    continue;
                }
                let index = (packed & 0xffff_ffff) as usize;
                let p = self.points[index];
                let depth = OrthoView::ALL[v].project(p)[2];
                for c in 0..3 {
                    planes[c * area + pixel] = p[c];
                    planes[(3 + c) * area + pixel] = f32::from(rgb[index][c]) / 255.0;
                }
                planes[6 * area + pixel] = depth;
                sum += depth;
                hits += 1;
            }
            let mean = sum / hits.max(1) as f32;
            for (pixel, &packed) in nearest.iter().enumerate() {
                let depth = &mut planes[6 * area + pixel];
                *depth = if packed == EMPTY { -1.0 } else { *depth - mean };
            }
            planes[7 * area..8 * area].fill(v as f32 - 1.0);
            for pixel in 0..area {
                planes[8 * area + pixel] = grid(pixel / side);
                planes[9 * area + pixel] = grid(pixel % side);
            }
        }
    }

    /// Transforms all points and keeps the nearest per pixel of each view.
    fn project(&mut self, xyz_in_world: &[[f32; 3]], frame: &CubeFrame) {
        let side = self.config.side;
        self.nearest.clear();
        self.nearest.resize(3 * side * side, EMPTY);
        self.points.clear();
        // The same affine map as `CubeFrame::cube_from_world`, as a matrix in f32.
        let origin = frame.cube_from_world(&Vector3::zeros());
        let columns = [Vector3::x(), Vector3::y(), Vector3::z()].map(|e| frame.cube_from_world(&e) - origin);
        let m = columns.map(|c| [c.x as f32, c.y as f32, c.z as f32]);
        let o = [origin.x as f32, origin.y as f32, origin.z as f32];
        for (index, w) in xyz_in_world.iter().enumerate() {
            let p = [0, 1, 2].map(|r| m[0][r] * w[0] + m[1][r] * w[1] + m[2][r] * w[2] + o[r]);
            self.points.push(p);
            if p.iter().any(|x| x.abs() >= 1.0) {
                continue;
            }
            for (v, view) in OrthoView::ALL.into_iter().enumerate() {
                let [column, row] = view.pixel(p, side);
                let (column, row) = (column as usize, row as usize);
                if column >= side || row >= side {
                    continue;
                }
                let depth = (view.project(p)[2] * 1000.0) as u64;
                let slot = &mut self.nearest[v * side * side + row * side + column];
                *slot = (*slot).min(depth << 32 | index as u64);
            }
        }
    }

    /// Fills pixels from neighbours within the splat radius; the nearest depth wins.
    fn splat(&mut self, view: usize) {
        let side = self.config.side as isize;
        let own = &self.nearest[view * (side * side) as usize..(view + 1) * (side * side) as usize];
        self.splatted.clear();
        self.splatted.extend_from_slice(own);
        for row in 0..side {
            for column in 0..side {
                let value = own[(row * side + column) as usize];
                if value == EMPTY {
                    continue;
                }
                for (dx, dy) in &self.offsets {
                    let (x, y) = (column + dx, row + dy);
                    if x >= 0 && y >= 0 && x < side && y < side {
                        let slot = &mut self.splatted[(y * side + x) as usize];
                        *slot = (*slot).min(value);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[[f32; 3]], rgb: &[[u8; 3]], splat_px: f32) -> Vec<f32> {
        let cube = CubeFrame::from_bounds(&[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
        let mut renderer = Renderer::new(RenderConfig { side: 224, splat_px });
        let mut out = vec![9.0; 3 * CHANNELS * 224 * 224];
        renderer.render_into(points, rgb, &cube, CHANNELS, &mut out);
        out
    }

    #[test]
    fn one_point_lights_a_plus_of_five_pixels_in_each_view() {
        // Radius 0.012 of the cube at 112 px per unit: 1.344 px.
        let p = [0.31, -0.42, 0.13];
        let out = draw(&[p], &[[255, 0, 0]], 1.344);
        let area = 224 * 224;
        for (v, view) in OrthoView::ALL.into_iter().enumerate() {
            let red = &out[(v * CHANNELS + 3) * area..(v * CHANNELS + 4) * area];
            let lit: Vec<usize> = (0..area).filter(|i| red[*i] > 0.0).collect();
            let [u, w] = view.pixel(p, 224).map(|x| x as usize);
            let centre = w * 224 + u;
            assert_eq!(lit, [centre - 224, centre - 1, centre, centre + 1, centre + 224], "{view:?}");
            let depth = &out[(v * CHANNELS + 6) * area..(v * CHANNELS + 7) * area];
            assert_eq!(depth[0], -1.0);
            assert!(depth[centre].abs() < 1e-6);
        }
    }

    #[test]
    fn the_nearer_point_wins() {
        let out = draw(&[[0.0, 0.0, 0.2], [0.0, 0.0, 0.5]], &[[255, 0, 0], [0, 255, 0]], 1.0);
        let area = 224 * 224;
        let centre = 112 * 224 + 112;
        assert_eq!((out[3 * area + centre], out[4 * area + centre]), (0.0, 1.0));
        assert_eq!(out[2 * area + centre], 0.5);
    }

    #[test]
    fn points_outside_the_cube_are_not_drawn() {
        let out = draw(&[[1.2, 0.0, 0.0]], &[[255; 3]], 1.344);
        assert!(out[3 * 224 * 224..4 * 224 * 224].iter().all(|x| *x == 0.0));
    }
}
