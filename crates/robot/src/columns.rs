//! A pose as the columns of its homogeneous matrix, four numbers each: a chain of joints is then a few sums of
//! columns, and none of them straddles another in memory.

use nalgebra::{IsometryMatrix3, Matrix3, Rotation3, Translation3, Vector3, Vector4};

use crate::trig::Turn;

/// Axes of a frame, and its origin [m], in another frame.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) x: Vector4<f64>,
    pub(crate) y: Vector4<f64>,
    pub(crate) z: Vector4<f64>,
    pub(crate) origin: Vector4<f64>,
}

impl Columns {
    pub(crate) fn identity() -> Self {
        Self { x: Vector4::x(), y: Vector4::y(), z: Vector4::z(), origin: Vector4::w() }
    }

    /// `self * by`.
    #[inline(always)]
    pub(crate) fn moved(self, by: &IsometryMatrix3<f64>) -> Self {
        self.shifted(by).rotated(&by.rotation)
    }

    /// `self *` the translation of `by`.
    #[inline(always)]
    pub(crate) fn shifted(self, by: &IsometryMatrix3<f64>) -> Self {
        Self { origin: self.direction(&by.translation.vector) + self.origin, ..self }
    }

    /// `self * by`.
    #[inline(always)]
    pub(crate) fn rotated(self, by: &Rotation3<f64>) -> Self {
        let column = |i: usize| self.direction(&by.matrix().column(i).into_owned());
        Self { x: column(0), y: column(1), z: column(2), origin: self.origin }
    }

    /// `self * turn` about x.
    #[inline(always)]
    pub(crate) fn about_x(self, Turn { sin, cos }: Turn) -> Self {
        Self { y: self.y * cos + self.z * sin, z: self.z * cos - self.y * sin, ..self }
    }

    /// `self * turn` about z.
    #[inline(always)]
    pub(crate) fn about_z(self, Turn { sin, cos }: Turn) -> Self {
        Self { x: self.x * cos + self.y * sin, y: self.y * cos - self.x * sin, ..self }
    }

    /// A direction seen in the other frame.
    #[inline(always)]
    pub(crate) fn direction(&self, d: &Vector3<f64>) -> Vector4<f64> {
        self.x * d.x + self.y * d.y + self.z * d.z
    }

    #[inline(always)]
    pub(crate) fn isometry(&self) -> IsometryMatrix3<f64> {
        let rotation = Matrix3::from_columns(&[self.x.xyz(), self.y.xyz(), self.z.xyz()]);
        IsometryMatrix3::from_parts(Translation3::from(self.origin.xyz()), Rotation3::from_matrix_unchecked(rotation))
    }
}
