//! Where every link is.

use nalgebra::{IsometryMatrix3, Matrix3, Rotation3, Translation3, Vector3};
use neuraxis_core::{Base, Joints, MAX_JOINTS, Pose, Tool};

use crate::{
    Robot,
    chain::Joint,
    columns::Columns,
    trig::{Turn, turns},
};

/// Poses of all links in the base at one joint position, `X_BL`; made by [`Robot::link_frames`].
#[derive(Copy, Clone, Debug)]
pub struct LinkFrames {
    base_from_link: [IsometryMatrix3<f64>; MAX_JOINTS + 1],
    base_from_tool: IsometryMatrix3<f64>,
    dof: usize,
}

impl LinkFrames {
    /// `X_BL` of the base link (0) and of the link moved by the n-th joint (n = 1 ... dof).
    pub fn base_from_link(&self) -> &[IsometryMatrix3<f64>] {
        self.base_from_link.get(..=self.dof).unwrap_or(&[])
    }

    /// `X_BT`.
    pub fn base_from_tool(&self) -> Pose<Base, Tool> {
        Pose::new(nalgebra::convert(self.base_from_tool))
    }

    /// Origin of the tool in the base [m].
    pub fn tool_in_base(&self) -> Vector3<f64> {
        self.base_from_tool.translation.vector
    }
}

impl Robot {
    /// Poses of all links at joint positions [rad]. No allocation.
    pub fn link_frames(&self, q: &Joints) -> LinkFrames {
        let mut base_from_link = [IsometryMatrix3::identity(); MAX_JOINTS + 1];
        let mut last = Columns::identity();
        let turns = turns(q);
        for ((joint, turn), slot) in self.joints.iter().zip(&turns).zip(base_from_link.iter_mut().skip(1)) {
            last = joint.moved(&last, *turn);
            *slot = last.isometry();
        }
        let base_from_tool = last.moved(&self.last_from_tool).isometry();
        LinkFrames { base_from_link, base_from_tool, dof: self.dof() }
    }
}

impl Joint {
    /// `base_from_parent * parent_from_joint * turn`.
    #[inline]
    pub(crate) fn moved(&self, base_from_parent: &Columns, turn: Turn) -> Columns {
        let at_zero = match self.tilt {
            Some(tilt) => base_from_parent.shifted(&self.parent_from_joint).about_x(tilt),
            None => base_from_parent.shifted(&self.parent_from_joint).rotated(&self.parent_from_joint.rotation),
        };
        if self.about_z { at_zero.about_z(turn) } else { at_zero.rotated(&self.turn(turn)) }
    }

    /// `rotation * turn`.
    #[inline]
    pub(crate) fn turned(&self, rotation: &Rotation3<f64>, turn: Turn) -> Rotation3<f64> {
        if !self.about_z {
            return rotation * self.turn(turn);
        }
        // A turn about z mixes the first two columns and leaves the third.
        let Turn { sin, cos } = turn;
        let (x, y) = (rotation.matrix().column(0), rotation.matrix().column(1));
        let columns = [x * cos + y * sin, y * cos - x * sin, rotation.matrix().column(2).into_owned()];
        Rotation3::from_matrix_unchecked(Matrix3::from_columns(&columns))
    }

    /// About the joint's axis (Rodrigues).
    fn turn(&self, Turn { sin, cos }: Turn) -> Rotation3<f64> {
        let (axis, across) = (self.axis.into_inner(), self.axis.cross_matrix());
        let matrix = Matrix3::identity() * cos + across * sin + axis * axis.transpose() * (1.0 - cos);
        Rotation3::from_matrix_unchecked(matrix)
    }
}

/// The tool link's frame moved along its z axis.
pub(crate) fn along_z(metres: f64) -> IsometryMatrix3<f64> {
    IsometryMatrix3::from_parts(Translation3::new(0.0, 0.0, metres), Rotation3::identity())
}
