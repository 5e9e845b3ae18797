//! The cube [-1, 1]³ in which the networks work, and the three orthographic views of it.

use nalgebra::{UnitQuaternion, Vector3};

/// Where a cube lies in the world: `p_cube = scale * (yaw⁻¹ (p_world - centre))`, an exact inverse included.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct CubeFrame {
    centre_in_world: Vector3<f64>,
    world_from_cube_rotation: UnitQuaternion<f64>,
    scale: f64,
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
        }
    }

    /// The same cube turned by `yaw` [rad] about its centre and moved by `shift` [m]: seen from it, the scene is
    /// turned and moved the other way. This is how training augments.
    pub fn moved(&self, yaw: f64, shift: Vector3<f64>) -> Self {
        Self {
            centre_in_world: self.centre_in_world + shift,
            world_from_cube_rotation: UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw)
                * self.world_from_cube_rotation,
            scale: self.scale,
        }
    }

    /// A smaller cube around a point of this one.
    pub fn zoomed(&self, centre_in_cube: &Vector3<f64>, factor: f64) -> Self {
        Self { centre_in_world: self.world_from_cube(centre_in_cube), scale: self.scale * factor, ..*self }
    }

    /// World [m] to cube.
    pub fn cube_from_world(&self, p: &Vector3<f64>) -> Vector3<f64> {
        self.world_from_cube_rotation.inverse() * (p - self.centre_in_world) * self.scale
    }

    /// Cube to world [m].
    pub fn world_from_cube(&self, p: &Vector3<f64>) -> Vector3<f64> {
        self.world_from_cube_rotation * (p / self.scale) + self.centre_in_world
    }

    /// Orientation of the cube in the world.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        self.world_from_cube_rotation
    }

    /// Cube units per metre.
    pub fn scale(&self) -> f64 {
        self.scale
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

    #[test]
    fn world_and_cube_round_trip_through_zoom_and_augmentation() {
        let cube = CubeFrame::from_bounds(&[-0.3, -0.5, 0.6, 0.7, 0.5, 1.6]);
        assert!((cube.cube_from_world(&Vector3::new(0.7, 0.5, 1.6)) - Vector3::repeat(1.0)).norm() < 1e-12);
        for (yaw, factor) in [(0.0, 1.0), (0.3, 4.0), (-2.0, 4.0)] {
            let frame = cube.moved(yaw, Vector3::new(0.02, -0.05, 0.0)).zoomed(&Vector3::new(0.1, 0.4, -0.7), factor);
            for p in [Vector3::new(0.1, 0.2, 0.8), Vector3::new(-0.2, -0.4, 1.5)] {
                assert!((frame.world_from_cube(&frame.cube_from_world(&p)) - p).norm() < 1e-12);
            }
            assert!((frame.scale() - 2.0 * factor).abs() < 1e-12);
        }
    }

    #[test]
    fn projecting_the_augmented_target_equals_augmenting_the_projection() {
        let cube = CubeFrame::from_bounds(&[-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
        let p = Vector3::new(0.2, 0.1, 0.0);
        let yaw = 0.4;
        let seen = cube.moved(yaw, Vector3::zeros()).cube_from_world(&p);
        let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), -yaw) * cube.cube_from_world(&p);
        assert!((seen - turned).norm() < 1e-12);
    }
}
