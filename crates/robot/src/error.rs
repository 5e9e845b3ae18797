//! What can be wrong with a robot's description or with an inverse kinematics request.

use std::path::PathBuf;

/// A robot that cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RobotError {
    /// The URDF cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The URDF.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The URDF is not a URDF.
    #[error("{}: not a valid URDF: {reason}", path.display())]
    Parse {
        /// The URDF.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The URDF has no such link, or the links are not connected.
    #[error("{}: {reason}", path.display())]
    Structure {
        /// The URDF.
        path: PathBuf,
        /// Which link or joint is wrong, and how.
        reason: String,
    },
    /// A joint's limits cannot be used.
    #[error("joint {joint}: {field} is {value}, allowed: {allowed}")]
    Limit {
        /// The joint.
        joint: String,
        /// Which limit.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What would be accepted.
        allowed: String,
    },
    /// A list in the configuration does not have one entry per joint.
    #[error("{key} has {given} entries, the arm has {expected} joints")]
    Length {
        /// Configuration key.
        key: &'static str,
        /// Entries given.
        given: usize,
        /// Joints of the arm.
        expected: usize,
    },
    /// A value in the configuration is out of range.
    #[error("{key} is {value}, allowed: {allowed}")]
    Config {
        /// Configuration key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What would be accepted.
        allowed: &'static str,
    },
    /// Our forward kinematics and that of the crate `k` disagree.
    #[error("forward kinematics disagrees with the reference by {metres:.3e} m and {radians:.3e} rad at the home posture")]
    Reference {
        /// Distance of the tool origins [m].
        metres: f64,
        /// Angle between the tool orientations [rad].
        radians: f64,
    },
}

/// Why no joint positions were found. `Copy`: it is made on the control path.
#[derive(Copy, Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IkError {
    /// The target pose has a NaN, an infinity or a rotation that is none.
    #[error("the target pose is not finite or its rotation is not a unit quaternion")]
    TargetMalformed,
    /// The seed or the posture has the wrong length or is not finite.
    #[error("seed or posture must hold {expected} finite joint positions")]
    SeedMalformed {
        /// Joints of the arm.
        expected: usize,
    },
    /// No attempt converged within the joint limits.
    #[error("no joint positions within the limits reach the pose: closest {metres:.4} m and {radians:.4} rad away after {attempts} attempts")]
    Unreachable {
        /// Position error of the best attempt [m].
        metres: f64,
        /// Orientation error of the best attempt [rad].
        radians: f64,
        /// Starting points tried.
        attempts: usize,
    },
}
