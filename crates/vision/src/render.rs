//! A z-buffer with screen-space splats for the three orthographic views (after RVT-2, arXiv 2406.08545).

mod channels;
mod config;
mod into_cube;

pub use self::channels::CHANNELS;
pub(crate) use self::channels::{Hit, shade};
pub use self::config::{RenderConfig, SPLAT_RADIUS_IN_CUBE};
use self::into_cube::IntoCube;
use crate::{CubeFrame, OrthoView};

/// Keeps the buffers between frames.
#[derive(Clone, Debug)]
pub struct Renderer {
    config: RenderConfig,
    /// Per view and pixel the nearest point: depth in 1/1000 of the cube's unit above its index. Each view has
    /// an empty border as wide as a splat reaches, so that splatting needs no look at the edges.
    nearest: Vec<u32>,
    /// (view, side, side), like `nearest` after splatting.
    splatted: Vec<u32>,
    points: Vec<[f32; 3]>,
    cube_from_world: IntoCube,
    /// Width of the border [px].
    reach: usize,
    /// Places in `nearest` of the pixels around one, relative to the upper left corner of their square.
    window: Vec<usize>,
}

const EMPTY: u32 = u32::MAX;
/// Bits of the point's index; the depth, at most 2000, takes the other eleven.
const INDEX_BITS: u32 = 21;
/// More points than this cannot be told apart; [`fuse_into`](crate::fuse_into) makes no more.
pub const MOST_POINTS: usize = (1 << INDEX_BITS) - 1;

impl Renderer {
    /// For one image size.
    pub fn new(config: RenderConfig) -> Self {
        let reach = config.splat_px.ceil() as usize;
        let mut window = Vec::new();
        for row in 0..=2 * reach {
            for column in 0..=2 * reach {
                let distance = (row.abs_diff(reach) as f32).hypot(column.abs_diff(reach) as f32);
                if distance == 0.0 || distance < config.splat_px {
                    window.push(row * (config.side + 2 * reach) + column);
                }
            }
        }
        Self {
            config,
            nearest: Vec::new(),
            splatted: Vec::new(),
            points: Vec::new(),
            cube_from_world: IntoCube::default(),
            reach,
            window,
        }
    }

    /// Draws world points, seen in `frame`, into `out`: for each view `stride` planes of side * side, the first
    /// [`CHANNELS`] of which are written.
    ///
    /// Zoom and augmentation are part of `frame`: the same cloud is drawn coarse, zoomed or turned without a copy,
    /// and labels go through the same [`CubeFrame::cube_from_world`]. Points outside the cube are not drawn; in a
    /// foveated cube is everything, but a view does not draw what was in front of the cube before it bent. Of two
    /// points within 1/1000 of the cube's unit in depth the one that comes first wins. Allocates only on first use.
    ///
    /// # Panics
    /// Unless `rgb` has as many entries as `xyz_in_world` and at most [`MOST_POINTS`], `stride` is at least [`CHANNELS`] and `out` holds
    /// 3 * stride * side * side values.
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
        assert_eq!(xyz_in_world.len(), rgb.len(), "points and colours");
        assert!(rgb.len() <= MOST_POINTS, "{} points, {MOST_POINTS} at most", rgb.len());
        assert!(stride >= CHANNELS, "a stride of {stride} planes for {CHANNELS} channels");
        assert_eq!(out.len(), 3 * stride * area, "values of the output");
        self.project(xyz_in_world, frame);
        self.splat();
        for (v, planes) in out.chunks_exact_mut(stride * area).enumerate() {
            self.shade(v, rgb, &mut planes[..CHANNELS * area]);
        }
    }

    /// How to draw.
    pub fn config(&self) -> RenderConfig {
        self.config
    }

    /// All points of the last frame, in its cube, in the order given; also those outside it.
    pub fn points_in_cube(&self) -> &[[f32; 3]] {
        &self.points
    }

    /// A world point [m] in the cube of the last frame, to the last bit as the points drawn.
    pub fn cube_from_world(&self, p: &[f32; 3]) -> [f32; 3] {
        self.cube_from_world.apply(p)
    }

    /// Index of the point that a view (in the order of [`OrthoView::ALL`]) of the last frame shows at a pixel, splats
    /// included; `None` where it is empty or outside the image.
    pub fn shown(&self, view: usize, column: usize, row: usize) -> Option<usize> {
        let side = self.config.side;
        if view >= OrthoView::ALL.len() || column >= side || row >= side {
            return None;
        }
        let packed = *self.splatted.get((view * side + row) * side + column)?;
        (packed != EMPTY).then_some(packed as usize & MOST_POINTS)
    }

    /// Writes the ten channels of one view from the nearest points.
    fn shade(&self, v: usize, rgb: &[[u8; 3]], planes: &mut [f32]) {
        let side = self.config.side;
        let splatted = &self.splatted[v * side * side..][..side * side];
        shade(planes, side, v as f32 - 1.0, |pixel| {
            let packed = splatted[pixel];
            (packed != EMPTY).then(|| {
                let index = packed as usize & MOST_POINTS;
                let point = self.points[index];
                Hit { point, rgb: rgb[index], depth: OrthoView::ALL[v].project(point)[2] }
            })
        });
    }

    /// Transforms all points and keeps the nearest per pixel of each view.
    fn project(&mut self, xyz_in_world: &[[f32; 3]], frame: &CubeFrame) {
        let side = self.config.side;
        let width = side + 2 * self.reach;
        let corner = self.reach * width + self.reach;
        self.nearest.clear();
        self.nearest.resize(3 * width * width, EMPTY);
        self.points.clear();
        self.cube_from_world = IntoCube::new(frame);
        // In a foveated cube is everything.
        let near_depth = 1.0 - self.cube_from_world.near();
        for (index, w) in xyz_in_world.iter().enumerate() {
            let p = self.cube_from_world.apply(w);
            self.points.push(p);
            // Written so that NaN is outside.
            if !p.iter().all(|x| x.abs() < 1.0) {
                continue;
            }
            for (v, view) in OrthoView::ALL.into_iter().enumerate() {
                let depth = view.project(p)[2];
                if depth <= near_depth {
                    continue;
                }
                let [column, row] = view.pixel(p, side);
                let (column, row) = (column as usize, row as usize);
                // The largest f32 below 1 rounds up to the side.
                if column >= side || row >= side {
                    continue;
                }
                let depth = (depth * 1000.0) as u32;
                let slot = &mut self.nearest[v * width * width + corner + row * width + column];
                *slot = (*slot).min(depth << INDEX_BITS | index as u32);
            }
        }
    }

    /// Gives each pixel of each view the nearest point of those within the splat radius.
    fn splat(&mut self) {
        let side = self.config.side;
        let width = side + 2 * self.reach;
        self.splatted.clear();
        self.splatted.resize(3 * side * side, EMPTY);
        let views = self.nearest.chunks_exact(width * width).zip(self.splatted.chunks_exact_mut(side * side));
        for (own, splatted) in views {
            // Whole rows at a time: the minimum of two rows is vectorised.
            for (row, out) in splatted.chunks_exact_mut(side).enumerate() {
                for start in &self.window {
                    for (best, other) in out.iter_mut().zip(&own[row * width + start..][..side]) {
                        *best = (*best).min(*other);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

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
    fn a_splat_at_the_edge_stays_on_its_side() {
        // Leftmost pixel of a row of the top view: nothing may appear at the right end of the row above or below.
        let out = draw(&[[-0.999, 0.0, 0.0]], &[[255; 3]], 3.0);
        let area = 224 * 224;
        let lit: Vec<usize> = (0..area).filter(|i| out[3 * area + i] > 0.0).collect();
        assert!(lit.iter().all(|i| i % 224 <= 2 && (i / 224).abs_diff(112) <= 2), "{lit:?}");
        // Closer than 3 px are all of the five by five around it (the corners by 2.83); three columns are inside.
        assert_eq!(lit.len(), 15);
    }

    #[test]
    fn points_outside_the_cube_are_not_drawn() {
        let out = draw(&[[1.2, 0.0, 0.0], [0.0, f32::NAN, 0.0]], &[[255; 3]; 2], 1.344);
        let area = 224 * 224;
        for view in out.chunks_exact(CHANNELS * area) {
            assert!(view[..6 * area].iter().all(|x| *x == 0.0));
            assert!(view[6 * area..7 * area].iter().all(|x| *x == -1.0));
        }
    }

    #[test]
    fn every_pixel_has_its_view_row_and_column() {
        let out = draw(&[], &[], 1.344);
        let area = 224 * 224;
        for (v, view) in out.chunks_exact(CHANNELS * area).enumerate() {
            for (pixel, (row, column)) in [(0, (-1.0, -1.0)), (223, (-1.0, 1.0)), (area - 1, (1.0, 1.0))] {
                assert_eq!(view[7 * area + pixel], [-1.0, 0.0, 1.0][v]);
                assert_eq!((view[8 * area + pixel], view[9 * area + pixel]), (row, column));
            }
        }
    }

    #[test]
    fn a_foveated_view_shows_what_lies_far_beside_and_behind_but_nothing_in_front() {
        let flat = CubeFrame::from_bounds(&[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
        // A hand above the cube, a plate below it, a plate beside it; each seen from the top.
        let points = [[0.0, 0.0, 1.1], [0.0, 0.0, -4.0], [3.0, 0.0, 0.0]];
        let mut renderer = Renderer::new(RenderConfig { side: 100, splat_px: 0.0 });
        let mut out = vec![0.0; 3 * CHANNELS * 100 * 100];
        let mut seen = |frame: &CubeFrame| {
            renderer.render_into(&points, &[[9; 3]; 3], frame, CHANNELS, &mut out);
            let mut shown: Vec<usize> = (0..100 * 100).filter_map(|i| renderer.shown(0, i % 100, i / 100)).collect();
            shown.sort_unstable();
            let beside = renderer.cube_from_world(&points[2]);
            let column = OrthoView::Top.pixel(beside, 100)[0];
            (shown, column, renderer.points_in_cube().to_vec())
        };
        assert_eq!(seen(&flat).0, [0_usize; 0]);
        let (shown, column, bent) = seen(&flat.foveated(0.6));
        assert_eq!(shown, [1, 2]);
        // 0.6 + 0.4 * 2.4 / (0.4 + 2.4) to the right.
        assert!((column - 50.0 * 1.942_857).abs() < 1e-3, "{column}");
        for (bent, world) in bent.iter().zip(points) {
            let same = flat.foveated(0.6).cube_from_world(&Vector3::from(world.map(f64::from)));
            assert!((0..3).all(|a| (f64::from(bent[a]) - same[a]).abs() < 1e-6));
        }
    }

    #[test]
    fn an_augmented_and_zoomed_scene_is_drawn_where_its_labels_say() {
        let side = 64;
        let mut random = crate::random::Lcg(5);
        let mut renderer = Renderer::new(RenderConfig { side, splat_px: 0.0 });
        let mut out = vec![0.0; 3 * CHANNELS * side * side];
        let bounds = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];
        for _ in 0..200 {
            let world = Vector3::new(0.2, 0.0, 1.1) + Vector3::from_fn(|_, _| random.within(0.25));
            let shift = Vector3::from_fn(|_, _| random.within(0.05));
            let moved = CubeFrame::from_bounds(&bounds).moved(random.within(0.8), shift);
            let near = moved.cube_from_world(&world) + Vector3::from_fn(|_, _| random.within(0.2));
            for frame in [moved, moved.zoomed(&near, 4.0)] {
                let label = frame.cube_from_world(&world);
                let label = [label.x as f32, label.y as f32, label.z as f32];
                renderer.render_into(
                    &[[world.x as f32, world.y as f32, world.z as f32]],
                    &[[9; 3]],
                    &frame,
                    CHANNELS,
                    &mut out,
                );
                for (planes, view) in out.chunks_exact(CHANNELS * side * side).zip(OrthoView::ALL) {
                    let lit: Vec<usize> = (0..side * side).filter(|i| planes[3 * side * side + i] > 0.0).collect();
                    let centre = [lit[0] % side, lit[0] / side].map(|i| i as f32 + 0.5);
                    let pixel = view.pixel(label, side);
                    assert_eq!(lit.len(), 1);
                    assert!((0..2).all(|a| (pixel[a] - centre[a]).abs() < 0.501), "{pixel:?} {centre:?}");
                    assert!((0..3).all(|a| (planes[a * side * side + lit[0]] - label[a]).abs() < 1e-5));
                }
            }
        }
    }

    #[test]
    fn depth_is_relative_to_the_mean_of_what_is_seen() {
        let out = draw(&[[-0.5, 0.0, 0.4], [0.5, 0.0, -0.2]], &[[9; 3]; 2], 1.0);
        let area = 224 * 224;
        let seen: Vec<f32> = out[6 * area..7 * area].iter().copied().filter(|d| *d != -1.0).collect();
        assert_eq!(seen.len(), 2);
        assert!((seen[0] + 0.3).abs() < 1e-6 && (seen[1] - 0.3).abs() < 1e-6, "{seen:?}");
    }
}
