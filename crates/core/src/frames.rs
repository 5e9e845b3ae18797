//! Static frames as types: `world_from_tool = world_from_base * base_from_tool` cancels or does not compile.

use std::{fmt, marker::PhantomData, ops::Mul};

use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// A coordinate frame known at compile time.
pub trait Frame: Copy + Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The letter used in monogram notation, e.g. `W` in `X_WT`.
    const MONOGRAM: &'static str;
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident = $letter:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name;
        impl Frame for $name { const MONOGRAM: &'static str = $letter; }
    )*};
}

frames! {
    /// The scene: z up, table top at z = 0.75 m in the shipped simulation rig.
    World = "W";
    /// The robot's first link, z up.
    Base = "B";
    /// Between the finger tips: z is the approach direction, y the direction in which the fingers move.
    Tool = "T";
    /// A camera in the optical convention: x right, y down, z forward.
    Camera = "C";
}

/// The pose of frame `B` seen from frame `A` (`X_AB`): maps coordinates in `B` to coordinates in `A`.
#[derive(Copy, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Pose<A: Frame, B: Frame> {
    /// The untyped rigid transform.
    pub iso: Isometry3<f64>,
    #[serde(skip)]
    frames: PhantomData<(A, B)>,
}

impl<A: Frame, B: Frame> Pose<A, B> {
    /// Names the frames of an untyped transform.
    pub fn new(iso: Isometry3<f64>) -> Self {
        Self { iso, frames: PhantomData }
    }

    /// From a position in `A` [m] and the orientation of `B` in `A`.
    pub fn from_parts(position: Vector3<f64>, rotation: UnitQuaternion<f64>) -> Self {
        Self::new(Isometry3::from_parts(Translation3::from(position), rotation))
    }

    /// Both frames coincide.
    pub fn identity() -> Self {
        Self::new(Isometry3::identity())
    }

    /// `X_BA`.
    pub fn inverse(&self) -> Pose<B, A> {
        Pose::new(self.iso.inverse())
    }

    /// Origin of `B` in `A` [m].
    pub fn position(&self) -> Vector3<f64> {
        self.iso.translation.vector
    }

    /// Orientation of `B` in `A`.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        self.iso.rotation
    }

    /// True if every number is finite and the rotation is a unit quaternion.
    pub fn is_valid(&self) -> bool {
        let q = self.iso.rotation.quaternion();
        self.position().iter().all(|x| x.is_finite())
            && q.coords.iter().all(|x| x.is_finite())
            && (q.norm() - 1.0).abs() < 1e-6
    }

    /// Distance of the origins [m] and angle between the orientations [rad].
    pub fn distance(&self, other: &Self) -> (f64, f64) {
        ((self.position() - other.position()).norm(), self.rotation().angle_to(&other.rotation()))
    }
}

impl<A: Frame, B: Frame, C: Frame> Mul<Pose<B, C>> for Pose<A, B> {
    type Output = Pose<A, C>;
    fn mul(self, rhs: Pose<B, C>) -> Pose<A, C> {
        Pose::new(self.iso * rhs.iso)
    }
}

impl<A: Frame, B: Frame> Mul<Point<B>> for Pose<A, B> {
    type Output = Point<A>;
    fn mul(self, rhs: Point<B>) -> Point<A> {
        Point::new(self.iso * rhs.xyz)
    }
}

impl<A: Frame, B: Frame> fmt::Debug for Pose<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = self.position();
        let (roll, pitch, yaw) = self.rotation().euler_angles();
        write!(
            f,
            "X_{}{}[{:.4} {:.4} {:.4} m, rpy {:.3} {:.3} {:.3} rad]",
            A::MONOGRAM,
            B::MONOGRAM,
            p.x,
            p.y,
            p.z,
            roll,
            pitch,
            yaw
        )
    }
}

/// A point with coordinates in frame `A` [m].
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Point<A: Frame> {
    /// Coordinates in `A` [m].
    pub xyz: Point3<f64>,
    #[serde(skip)]
    frame: PhantomData<A>,
}

impl<A: Frame> Point<A> {
    /// Names the frame of bare coordinates [m].
    pub fn new(xyz: Point3<f64>) -> Self {
        Self { xyz, frame: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cancel() {
        let world_from_base: Pose<World, Base> =
            Pose::from_parts(Vector3::new(1.0, 2.0, 3.0), UnitQuaternion::from_euler_angles(0.1, -0.4, 2.0));
        let base_from_tool: Pose<Base, Tool> =
            Pose::from_parts(Vector3::new(0.3, 0.0, 0.5), UnitQuaternion::from_euler_angles(3.0, 0.2, 0.1));
        let world_from_tool = world_from_base * base_from_tool;
        let back = world_from_base.inverse() * world_from_tool;
        let (metres, radians) = back.distance(&base_from_tool);
        assert!(metres < 1e-12 && radians < 1e-7);
    }
}
