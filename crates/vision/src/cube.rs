//! The cube [-1, 1]³ in which the networks work, and the three orthographic views of it.

use nalgebra::{RealField, UnitQuaternion, Vector3};

/// Where a cube lies in the world: `p_cube = bend(scale * (yaw⁻¹ (p_world - centre)))`, an exact inverse included.
/// Unless [`CubeFrame::foveated`], nothing bends.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct CubeFrame {
    centre_in_world: Vector3<f64>,
    world_from_cube_rotation: UnitQuaternion<f64>,
    scale: f64,
    fovea: f64,
}

/// Half the width of the middle that does not bend, where nothing does.
pub(crate) const NO_BEND: f64 = 1.0;

/// The map along each axis: straight up to `fovea`, from there on ever slower towards 1, which is infinitely far. It has
/// no kink, and takes the border of the cube that does not bend to the middle between `fovea` and 1.
pub(crate) fn bend<T: RealField + Copy>(x: T, fovea: T) -> T {
    let rim = T::one() - fovea;
    let beyond = x.abs() - fovea;
    if rim <= T::zero() || beyond <= T::zero() { x } else { x.signum() * (fovea + rim * beyond / (rim + beyond)) }
}

/// The inverse of [`bend`]; the border itself comes out as the farthest point that there is.
fn straighten(y: f64, fovea: f64) -> f64 {
    let rim = 1.0 - fovea;
    let beyond = y.abs() - fovea;
    if rim <= 0.0 || beyond <= 0.0 {
        return y;
    }
    y.signum() * (fovea + rim * beyond / (rim - beyond).max(f64::EPSILON))
}

impl CubeFrame {
    /// The smallest cube that holds the bounds [x_min, y_min, z_min, x_max, y_max, z_max] [m], axes along the world's.
    pub fn from_bounds(b: &[f64; 6]) -> Self {
        let low = Vector3::new(b[0], b[1], b[2]);
        let high = Vector3::new(b[3], b[4], b[5]);
        Self {
            centre_in_world: (low + high) / 2.0,
            world_from_cube_rotation: UnitQuaternion::identity(),
            scale: 2.0 / (high - low).max(),
            fovea: NO_BEND,
        }
    }

    /// The same cube turned by `yaw` [rad] about its centre and moved by `shift` [m]: seen from it, the scene is
    /// turned and moved the other way. This is how training augments.
    pub fn moved(&self, yaw: f64, shift: Vector3<f64>) -> Self {
        Self {
            centre_in_world: self.centre_in_world + shift,
            world_from_cube_rotation: UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw)
                * self.world_from_cube_rotation,
            ..*self
        }
    }

    /// The same cube with the whole world in it: as it was up to `part` of its half-width from the centre, more and more
    /// narrow beyond. A zoom then still shows what lies beside and behind it, if small. 1: the cube as it is.
    ///
    /// # Panics
    /// Unless `part` is above 0 and at most 1.
    pub fn foveated(&self, part: f64) -> Self {
        assert!(part > 0.0 && part <= NO_BEND, "a fovea of {part}");
        Self { fovea: part, ..*self }
    }

    /// A smaller cube around a point of this one.
    pub fn zoomed(&self, centre_in_cube: &Vector3<f64>, factor: f64) -> Self {
        Self { centre_in_world: self.world_from_cube(centre_in_cube), scale: self.scale * factor, ..*self }
    }

    /// World [m] to cube.
    pub fn cube_from_world(&self, p: &Vector3<f64>) -> Vector3<f64> {
        (self.world_from_cube_rotation.inverse() * (p - self.centre_in_world) * self.scale).map(|x| bend(x, self.fovea))
    }

    /// Cube to world [m].
    pub fn world_from_cube(&self, p: &Vector3<f64>) -> Vector3<f64> {
        self.world_from_cube_rotation * (p.map(|y| straighten(y, self.fovea)) / self.scale) + self.centre_in_world
    }

    /// Orientation of the cube in the world.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        self.world_from_cube_rotation
    }

    /// Cube units per metre; of a foveated cube, in its middle.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Half the width of the part that does not bend, 1 where nothing does [cube's unit].
    pub fn fovea(&self) -> f64 {
        self.fovea
    }
}

/// The views, in the order of the networks' inputs. All look at the cube's centre and cover [-1, 1]².
/// `Right` stands at y = +1 (RVT-2's released code has 0.5, which folds points behind it).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OrthoView {
    /// From +z, image up is +y.
    Top,
    /// From +x, image up is +z.
    Front,
    /// From +y, image up is +z.
    Right,
}

impl OrthoView {
    /// All three.
    pub const ALL: [OrthoView; 3] = [OrthoView::Top, OrthoView::Front, OrthoView::Right];

    /// (right, down, depth) of a point of the cube; right and down in [-1, 1], depth in [0, 2].
    pub fn project(self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        match self {
            OrthoView::Top => [x, -y, 1.0 - z],
            OrthoView::Front => [y, -z, 1.0 - x],
            OrthoView::Right => [-x, -z, 1.0 - y],
        }
    }

    /// Continuous pixel coordinates in an image of side `s`: pixel i covers [i, i + 1).
    pub fn pixel(self, p: [f32; 3], s: usize) -> [f32; 2] {
        let [right, down, _] = self.project(p);
        let half = s as f32 / 2.0;
        [right * half + half, down * half + half]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Lcg;

    const BOUNDS: [f64; 6] = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];

    fn vector(random: &mut Lcg, reach: f64) -> Vector3<f64> {
        Vector3::from_fn(|_, _| random.within(reach))
    }

    fn frame(random: &mut Lcg) -> CubeFrame {
        let shift = vector(random, 0.125);
        let moved = CubeFrame::from_bounds(&BOUNDS).moved(random.within(3.1), shift);
        moved.zoomed(&vector(random, 0.9), 1.0 + 7.0 * f64::from(random.unit()))
    }

    #[test]
    fn the_bounds_become_the_corners() {
        let cube = CubeFrame::from_bounds(&BOUNDS);
        assert!((cube.cube_from_world(&Vector3::new(0.7, 0.5, 1.6)) - Vector3::repeat(1.0)).norm() < 1e-12);
        assert!((cube.cube_from_world(&Vector3::new(-0.3, -0.5, 0.6)) + Vector3::repeat(1.0)).norm() < 1e-12);
        // The longest side fills the cube.
        let flat = CubeFrame::from_bounds(&[0.0, 0.0, 0.0, 2.0, 1.0, 0.5]);
        assert!((flat.cube_from_world(&Vector3::new(2.0, 1.0, 0.5)) - Vector3::new(1.0, 0.5, 0.25)).norm() < 1e-12);
    }

    #[test]
    fn world_and_cube_round_trip_through_zoom_and_augmentation() {
        let mut random = Lcg(11);
        for _ in 0..1000 {
            let (frame, p) = (frame(&mut random), vector(&mut random, 2.0));
            assert!((frame.world_from_cube(&frame.cube_from_world(&p)) - p).norm() < 1e-12);
            assert!((frame.cube_from_world(&frame.world_from_cube(&p)) - p).norm() < 1e-12);
        }
    }

    #[test]
    fn zooms_compose() {
        let mut random = Lcg(12);
        for _ in 0..1000 {
            let (frame, a, b) = (frame(&mut random), vector(&mut random, 0.9), vector(&mut random, 0.9));
            // Zooming at a by 4, then at b of the zoomed cube by 2, is zooming once by 8 at b's place in the first.
            let twice = frame.zoomed(&a, 4.0).zoomed(&b, 2.0);
            let once = frame.zoomed(&(a + b / 4.0), 8.0);
            let p = vector(&mut random, 1.0);
            assert!((twice.cube_from_world(&p) - once.cube_from_world(&p)).norm() < 1e-9);
            // A zoom keeps directions and multiplies distances.
            let q = vector(&mut random, 1.0);
            let before = frame.cube_from_world(&p) - frame.cube_from_world(&q);
            let after = frame.zoomed(&a, 4.0).cube_from_world(&p) - frame.zoomed(&a, 4.0).cube_from_world(&q);
            assert!((after - before * 4.0).norm() < 1e-9);
        }
    }

    #[test]
    fn a_foveated_cube_is_itself_in_the_middle_holds_everything_and_has_an_inverse() {
        let mut random = Lcg(14);
        for _ in 0..1000 {
            let (flat, p) = (frame(&mut random), vector(&mut random, 2.0));
            let round = flat.foveated(0.6);
            let (straight, bent) = (flat.cube_from_world(&p), round.cube_from_world(&p));
            assert!(bent.amax() < 1.0, "{bent:?}");
            assert!((round.world_from_cube(&bent) - p).norm() < 1e-9);
            for (x, y) in straight.iter().zip(bent.iter()) {
                assert!(if x.abs() <= 0.6 { x == y } else { y.abs() > 0.6 && y.abs() < x.abs() }, "{x} {y}");
            }
            assert_eq!(flat.foveated(1.0), flat);
        }
        // The cube's old border lies in the middle of the rim, where lengths are a quarter of what they were.
        assert!((bend(1.0_f64, 0.6) - 0.8).abs() < 1e-12 && (bend(-1.0_f64, 0.6) + 0.8).abs() < 1e-12);
        assert!(((bend(1.001_f64, 0.6) - bend(0.999, 0.6)) / 0.002 - 0.25).abs() < 1e-3);
    }

    #[test]
    fn projecting_the_augmented_target_equals_augmenting_the_projection() {
        let mut random = Lcg(13);
        let cube = CubeFrame::from_bounds(&BOUNDS);
        for _ in 0..1000 {
            let (yaw, shift, p) = (random.within(0.8), vector(&mut random, 0.125), vector(&mut random, 0.5));
            let seen = cube.moved(yaw, shift).cube_from_world(&p);
            // What the top view shows, turned and moved within that view, right is +x and up is +y.
            let [right, down, depth] = OrthoView::Top.project(to_f32(cube.cube_from_world(&(p - shift))));
            let (sin, cos) = (yaw.sin() as f32, yaw.cos() as f32);
            let turned = [right * cos - down * sin, right * sin + down * cos, depth];
            let projected = OrthoView::Top.project(to_f32(seen));
            assert!((0..3).all(|a| (turned[a] - projected[a]).abs() < 1e-5), "{turned:?} {projected:?}");
            // The target's orientation turns with it, so its direction in the cube is what the views show.
            let (axis, tip) = (UnitQuaternion::from_scaled_axis(vector(&mut random, 3.0)), vector(&mut random, 0.1));
            let moved = cube.moved(yaw, shift);
            let along = moved.cube_from_world(&(p + axis * tip)) - seen;
            assert!((along - (moved.rotation().inverse() * axis * tip) * moved.scale()).norm() < 1e-12);
        }
    }

    #[test]
    fn views_map_axes_as_specified() {
        // As in RVT-2, with 112 = side / 2: u, v for p = (0.5, 0.25, -0.5).
        let p = [0.5, 0.25, -0.5];
        assert_eq!(OrthoView::Top.pixel(p, 224), [168.0, 84.0]);
        assert_eq!(OrthoView::Front.pixel(p, 224), [140.0, 168.0]);
        assert_eq!(OrthoView::Right.pixel(p, 224), [56.0, 168.0]);
        assert_eq!(OrthoView::ALL.map(|v| v.project(p)[2]), [1.5, 0.5, 0.75]);
    }

    fn to_f32(p: Vector3<f64>) -> [f32; 3] {
        [p.x as f32, p.y as f32, p.z as f32]
    }
}
