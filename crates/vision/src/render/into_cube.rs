//! From the world into the cube of a frame, in f32 and for many points.

use nalgebra::Vector3;

use crate::{
    CubeFrame,
    cube::{NO_BEND, bend},
};

/// The same map as `CubeFrame::cube_from_world`, in f32: a matrix' columns, what it moves the origin by, and the bend.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct IntoCube {
    columns: [[f32; 3]; 3],
    origin: [f32; 3],
    fovea: f32,
}

impl IntoCube {
    pub(super) fn new(frame: &CubeFrame) -> Self {
        let flat = frame.foveated(NO_BEND);
        let origin = flat.cube_from_world(&Vector3::zeros());
        let columns = [Vector3::x(), Vector3::y(), Vector3::z()].map(|e| flat.cube_from_world(&e) - origin);
        let f32s = |v: Vector3<f64>| [v.x as f32, v.y as f32, v.z as f32];
        Self { columns: columns.map(f32s), origin: f32s(origin), fovea: frame.fovea() as f32 }
    }

    pub(super) fn apply(&self, w: &[f32; 3]) -> [f32; 3] {
        let (m, o) = (&self.columns, &self.origin);
        let flat = [0, 1, 2].map(|r| m[0][r] * w[0] + m[1][r] * w[1] + m[2][r] * w[2] + o[r]);
        if self.fovea < 1.0 { flat.map(|x| bend(x, self.fovea)) } else { flat }
    }

    /// Where the cube ends towards a view's camera: what is nearer stands in the way.
    pub(super) fn near(&self) -> f32 {
        bend(1.0, self.fovea)
    }
}
