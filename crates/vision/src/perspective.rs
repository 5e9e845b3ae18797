//! One perspective view of the cloud, for cameras that exist only in the computer.
//!
//! The z-buffer and the ten channels are those of the orthographic views; what differs is the pinhole, and that a splat
//! is `radius * focal length / depth` pixels wide. Units are metres: the camera stands in the world like a real one.

use nalgebra::{Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{Camera, Pose, World};

use crate::{
    CHANNELS, CubeFrame, VisionError,
    render::{Hit, shade},
};

/// Points nearer to the camera than this are not seen [m].
pub const NEAR_M: f64 = 0.05;
/// No splat is wider than this [px].
const MOST_SPLAT_PX: f32 = 16.0;
/// The plane of the view index goes on after those of the three orthographic views, -1, 0 and 1.
const VIEW_INDEX: f32 = 2.0;
const EMPTY: u64 = u64::MAX;

/// A pinhole camera with a square image whose optical axis goes through its middle.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct PerspectiveView {
    world_from_camera: Pose<World, Camera>,
    hfov_rad: f64,
    side: usize,
}

/// Where a point is seen.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Seen {
    /// Column and row, continuous: pixel i covers [i, i + 1). May lie outside the image.
    pub pixel: [f64; 2],
    /// Distance along the optical axis [m], [`NEAR_M`] or more.
    pub depth_m: f64,
}

impl PerspectiveView {
    /// `X_WC` in the optical convention; `hfov_rad` above 0 and below pi; `side` 2 or more [px].
    pub fn new(world_from_camera: Pose<World, Camera>, hfov_rad: f64, side: usize) -> Result<Self, VisionError> {
        let refuse = |key, value, allowed| Err(VisionError::Config { key, value, allowed });
        if !world_from_camera.is_valid() {
            return refuse("world_from_camera", format!("{world_from_camera:?}"), "a rigid motion of finite numbers");
        }
        if !(hfov_rad > 0.0 && hfov_rad < std::f64::consts::PI) {
            return refuse("hfov_rad", hfov_rad.to_string(), "above 0, below pi");
        }
        if side < 2 {
            return refuse("side", side.to_string(), "2 or more");
        }
        Ok(Self { world_from_camera, hfov_rad, side })
    }

    /// From `eye` towards `at`, image up along the world's z. Straight up or down, image up is the world's x.
    pub fn looking(eye: Vector3<f64>, at: Vector3<f64>, hfov_rad: f64, side: usize) -> Result<Self, VisionError> {
        let forward = (at - eye).normalize();
        let right = forward.cross(&Vector3::z());
        let right = if right.norm() > 1e-6 { right.normalize() } else { -Vector3::y() };
        let axes = Rotation3::from_basis_unchecked(&[right, forward.cross(&right), forward]);
        Self::new(Pose::from_parts(eye, UnitQuaternion::from_rotation_matrix(&axes)), hfov_rad, side)
    }

    /// `X_WC`.
    pub fn world_from_camera(&self) -> Pose<World, Camera> {
        self.world_from_camera
    }

    /// Width of the view [rad].
    pub fn hfov_rad(&self) -> f64 {
        self.hfov_rad
    }

    /// Side of the image [px].
    pub fn side(&self) -> usize {
        self.side
    }

    /// Focal length [px].
    pub fn focal_px(&self) -> f64 {
        self.side as f64 / 2.0 / (self.hfov_rad / 2.0).tan()
    }

    /// The same camera with an image of another side.
    pub fn with_side(&self, side: usize) -> Result<Self, VisionError> {
        Self::new(self.world_from_camera, self.hfov_rad, side)
    }

    /// u = f x / z + s / 2, v = f y / z + s / 2; `None` behind the camera or nearer than [`NEAR_M`].
    pub fn project(&self, p_in_world: &Vector3<f64>) -> Option<Seen> {
        let p = self.world_from_camera.inverse().iso.transform_point(&(*p_in_world).into());
        let (focal, half) = (self.focal_px(), self.side as f64 / 2.0);
        (p.z >= NEAR_M).then(|| Seen { pixel: [focal * p.x / p.z + half, focal * p.y / p.z + half], depth_m: p.z })
    }

    /// The pixel of a point, if the point is in the image.
    pub fn pixel_in_image(&self, p_in_world: &Vector3<f64>) -> Option<[f64; 2]> {
        let inside = |x: &f64| (0.0..self.side as f64).contains(x);
        self.project(p_in_world).map(|seen| seen.pixel).filter(|pixel| pixel.iter().all(inside))
    }

    /// Direction in the world of what is seen at a pixel; of length one. The ray starts at the camera.
    pub fn ray_in_world(&self, [u, v]: [f64; 2]) -> Vector3<f64> {
        let (focal, half) = (self.focal_px(), self.side as f64 / 2.0);
        self.world_from_camera.rotation() * Vector3::new((u - half) / focal, (v - half) / focal, 1.0).normalize()
    }
}

/// Keeps the buffers between frames.
#[derive(Clone, Debug)]
pub struct PerspectiveRenderer {
    splat_radius_m: f32,
    side: usize,
    /// (side, side): bits of the depth above the index of the nearest point. Positive floats order like their bits.
    nearest: Vec<u64>,
}

impl PerspectiveRenderer {
    /// A pixel takes the nearest point of those whose splat, `splat_radius_m` wide in the world, reaches its centre.
    pub fn new(splat_radius_m: f32) -> Result<Self, VisionError> {
        if !(0.0..=0.1).contains(&splat_radius_m) {
            let (value, allowed) = (splat_radius_m.to_string(), "0 to 0.1");
            return Err(VisionError::Config { key: "splat_radius_m", value, allowed });
        }
        Ok(Self { splat_radius_m, side: 0, nearest: Vec::new() })
    }

    /// Finds the nearest point of each pixel. Non-finite points, and those nearer than [`NEAR_M`], are not drawn; of
    /// two at the same depth the first wins. Fewer than 2^32 points. Allocates only while the buffer grows.
    pub fn draw(&mut self, xyz_in_world: &[[f32; 3]], view: &PerspectiveView) {
        self.side = view.side;
        self.nearest.clear();
        self.nearest.resize(self.side * self.side, EMPTY);
        // The map of `PerspectiveView::project`, as a matrix in f32.
        let camera_from_world = view.world_from_camera.inverse().iso.to_matrix();
        let row = |r: usize| [0, 1, 2, 3].map(|c| camera_from_world[(r, c)] as f32);
        let rows = [row(0), row(1), row(2)];
        let (focal, half, near) = (view.focal_px() as f32, view.side as f32 / 2.0, NEAR_M as f32);
        for (index, w) in xyz_in_world.iter().enumerate() {
            let [x, y, z] = rows.map(|m| m[0] * w[0] + m[1] * w[1] + m[2] * w[2] + m[3]);
            // Written so that NaN is not seen.
            if !(z >= near && z.is_finite()) {
                continue;
            }
            let (u, v) = (focal * x / z + half, focal * y / z + half);
            if !(u >= 0.0 && v >= 0.0 && u < view.side as f32 && v < view.side as f32) {
                continue;
            }
            let packed = u64::from(z.to_bits()) << 32 | index as u64;
            self.splat(u as usize, v as usize, (self.splat_radius_m * focal / z).min(MOST_SPLAT_PX), packed);
        }
    }

    /// Offers a point to its own pixel and to those closer than `radius` [px].
    fn splat(&mut self, column: usize, row: usize, radius: f32, packed: u64) {
        // Closer, not as close as: a radius of exactly one pixel reaches no neighbour.
        let reach = (radius.ceil() as usize).saturating_sub(1);
        for y in row.saturating_sub(reach)..(row + reach + 1).min(self.side) {
            let dy = y.abs_diff(row) as f32;
            for x in column.saturating_sub(reach)..(column + reach + 1).min(self.side) {
                let dx = x.abs_diff(column) as f32;
                if reach == 0 || dx * dx + dy * dy < radius * radius {
                    let slot = &mut self.nearest[y * self.side + x];
                    *slot = (*slot).min(packed);
                }
            }
        }
    }

    /// Index of the point that a pixel shows.
    pub fn point_at(&self, column: usize, row: usize) -> Option<usize> {
        let packed = (column < self.side).then(|| self.nearest.get(row * self.side + column)).flatten()?;
        (*packed != EMPTY).then_some((*packed & u64::from(u32::MAX)) as usize)
    }

    /// Index of the point shown at a pixel or, where that is empty, at the closest pixel that is not.
    pub fn point_near(&self, column: usize, row: usize) -> Option<usize> {
        let squared = |i: usize| (i % self.side).abs_diff(column).pow(2) + (i / self.side).abs_diff(row).pow(2);
        let hits = (0..self.nearest.len()).filter(|&i| self.nearest[i] != EMPTY);
        let closest = hits.min_by_key(|&i| squared(i))?;
        self.point_at(closest % self.side, closest / self.side)
    }

    /// (3, side, side) colours in [0, 1] of what [`Self::draw`] found; black where nothing is.
    ///
    /// # Panics
    /// Unless `rgb` belongs to the points drawn and `planes` holds 3 * side * side values.
    pub fn colours_into(&self, rgb: &[[u8; 3]], planes: &mut [f32]) {
        let area = self.side * self.side;
        assert_eq!(planes.len(), 3 * area, "values of the output");
        planes.fill(0.0);
        for (pixel, &packed) in self.nearest.iter().enumerate().filter(|(_, packed)| **packed != EMPTY) {
            let colour = rgb[(packed & u64::from(u32::MAX)) as usize];
            for (c, value) in colour.into_iter().enumerate() {
                planes[c * area + pixel] = f32::from(value) / 255.0;
            }
        }
    }

    /// The [`CHANNELS`] planes that [`crate::Renderer`] gives, of this view: x y z in `frame`'s cube, depth times
    /// `depth_per_m`. The camera stands where it is however far `frame` zooms: a depth in units of a zoomed cube would be
    /// several of its widths.
    ///
    /// # Panics
    /// Unless points and colours are those drawn and `planes` holds [`CHANNELS`] * side * side values.
    pub fn channels_into(
        &self,
        xyz_in_world: &[[f32; 3]],
        rgb: &[[u8; 3]],
        frame: &CubeFrame,
        depth_per_m: f64,
        planes: &mut [f32],
    ) {
        assert_eq!(planes.len(), CHANNELS * self.side * self.side, "values of the output");
        shade(planes, self.side, VIEW_INDEX, |pixel| {
            let packed = self.nearest[pixel];
            (packed != EMPTY).then(|| {
                let index = (packed & u64::from(u32::MAX)) as usize;
                let p = frame.cube_from_world(&Vector3::from(xyz_in_world[index]).cast());
                let depth_m = f32::from_bits((packed >> 32) as u32);
                let point = [p.x as f32, p.y as f32, p.z as f32];
                Hit { point, rgb: rgb[index], depth: depth_m * depth_per_m as f32 }
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Lcg;

    /// At (0, -1, 0), looking along +y: right is +x, down is -z. Focal length 50 px.
    fn view() -> PerspectiveView {
        PerspectiveView::looking(Vector3::new(0.0, -1.0, 0.0), Vector3::zeros(), std::f64::consts::FRAC_PI_2, 100)
            .unwrap()
    }

    fn lit(points: &[[f32; 3]], radius_m: f32) -> Vec<[usize; 2]> {
        let mut renderer = PerspectiveRenderer::new(radius_m).unwrap();
        renderer.draw(points, &view());
        let mut planes = vec![9.0; 3 * 100 * 100];
        renderer.colours_into(&vec![[255, 0, 0]; points.len()], &mut planes);
        (0..100 * 100).filter(|&i| planes[i] > 0.0).map(|i| [i % 100, i / 100]).collect()
    }

    #[test]
    fn projects_as_a_pinhole_does() {
        // 2 m in front, 0.4 m right and 0.2 m up: u = 50 * 0.4 / 2 + 50, v = -50 * 0.2 / 2 + 50.
        let seen = view().project(&Vector3::new(0.4, 1.0, 0.2)).unwrap();
        assert!((seen.pixel[0] - 60.0).abs() < 1e-9 && (seen.pixel[1] - 45.0).abs() < 1e-9, "{seen:?}");
        assert!((seen.depth_m - 2.0).abs() < 1e-12);
        assert_eq!(view().project(&Vector3::new(0.0, -1.2, 0.0)), None);
        assert_eq!(view().pixel_in_image(&Vector3::new(1.5, 0.0, 0.0)), None);
        assert!(view().project(&Vector3::new(1.5, 0.0, 0.0)).is_some());
    }

    #[test]
    fn a_ray_through_the_projection_meets_the_point() {
        let mut random = Lcg(21);
        for _ in 0..1000 {
            let mut vector = |reach: f64| Vector3::from_fn(|_, _| random.within(reach));
            let (eye, at, p) = (vector(2.0), vector(2.0), vector(2.0));
            let view = PerspectiveView::looking(eye, at, 1.4, 64).unwrap();
            let Some(seen) = view.project(&p) else { continue };
            let direction = view.ray_in_world(seen.pixel);
            assert!((direction.norm() - 1.0).abs() < 1e-12);
            assert!((eye + direction * (p - eye).norm() - p).norm() < 1e-9, "{view:?} {p}");
        }
    }

    #[test]
    fn one_point_lights_its_pixels_and_a_farther_one_fewer() {
        // Pixel (60, 45). Radius 0.05 m at 2 m: 1.25 px, a plus; at 4 m: 0.6 px, one pixel.
        let plus = [[60, 44], [59, 45], [60, 45], [61, 45], [60, 46]];
        assert_eq!(lit(&[[0.401, 1.0, 0.199]], 0.05), plus);
        assert_eq!(lit(&[[0.802, 3.0, 0.398]], 0.05), [[60, 45]]);
        assert_eq!(lit(&[[0.401, 1.0, 0.199]], 0.0), [[60, 45]]);
    }

    #[test]
    fn the_nearer_point_wins_and_what_is_behind_or_broken_is_dropped() {
        let points =
            [[0.0, 1.0, 0.0], [0.0, 0.5, 0.0], [0.0, -1.5, 0.0], [0.0, -0.99, 0.0], [f32::NAN; 3], [f32::INFINITY; 3]];
        let mut renderer = PerspectiveRenderer::new(0.0).unwrap();
        renderer.draw(&points, &view());
        assert_eq!(renderer.point_at(50, 50), Some(1));
        assert_eq!(renderer.point_at(49, 50), None);
        assert_eq!(renderer.point_at(100, 0), None);
        assert_eq!(renderer.point_near(10, 90), Some(1));
        assert_eq!(lit(&points, 0.0), [[50, 50]]);
        assert!(lit(&points[2..], 0.05).is_empty());
        renderer.draw(&[], &view());
        assert_eq!(renderer.point_near(50, 50), None);
    }

    #[test]
    fn channels_are_those_of_the_orthographic_views() {
        let cube = CubeFrame::from_bounds(&[-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
        let points = [[0.0, 0.25, 0.0], [0.2, 0.25, 0.2]];
        let mut renderer = PerspectiveRenderer::new(0.0).unwrap();
        renderer.draw(&points, &view());
        let area = 100 * 100;
        let mut planes = vec![9.0; CHANNELS * area];
        renderer.channels_into(&points, &[[255, 0, 0], [0, 255, 0]], &cube, cube.scale(), &mut planes);
        let at = |channel: usize, pixel: usize| planes[channel * area + pixel];
        let middle = 50 * 100 + 50;
        assert_eq!([0, 1, 2, 3, 4].map(|c| at(c, middle)), [0.0, 0.5, 0.0, 1.0, 0.0]);
        // Both are 1.25 m away: each at the mean depth.
        assert!(at(6, middle).abs() < 1e-6);
        assert_eq!((at(6, 0), at(7, 0), at(8, 0), at(9, 99)), (-1.0, 2.0, -1.0, 1.0));
        assert_eq!((0..area).filter(|&i| at(6, i) != -1.0).count(), 2);
    }

    #[test]
    fn nonsense_is_refused() {
        let text = PerspectiveView::looking(Vector3::zeros(), Vector3::zeros(), 1.0, 64).unwrap_err().to_string();
        assert!(text.contains("world_from_camera"), "{text}");
        let text = PerspectiveView::looking(Vector3::zeros(), Vector3::x(), 3.2, 64).unwrap_err().to_string();
        assert!(text.contains("hfov_rad = 3.2, allowed: above 0, below pi"), "{text}");
        assert!(PerspectiveRenderer::new(f32::NAN).unwrap_err().to_string().contains("splat_radius_m = NaN"));
    }

    #[test]
    fn straight_down_is_a_view_too() {
        let view = PerspectiveView::looking(Vector3::z(), Vector3::zeros(), 1.0, 64).unwrap();
        // Image up is +x.
        let seen = view.project(&Vector3::new(0.1, 0.0, 0.0)).unwrap();
        assert!((seen.pixel[0] - 32.0).abs() < 1e-9 && seen.pixel[1] < 32.0, "{seen:?}");
    }
}
