//! Why a robot description cannot be used.

use std::path::PathBuf;

/// Errors of loading a robot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RobotError {
    /// The file is missing or not URDF.
    #[error("{path}: {reason}")]
    Urdf {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A link of the configuration is not in the file.
    #[error("{path}: there is no chain from {base} to {tool}")]
    NoChain {
        /// The file.
        path: PathBuf,
        /// `base_link`.
        base: String,
        /// `tool_link`.
        tool: String,
    },
    /// A list has the wrong length.
    #[error("robot configuration: {key} has {given} entries, the robot has {joints} joints")]
    Length {
        /// Key of the list.
        key: &'static str,
        /// Entries given.
        given: usize,
        /// Joints of the robot.
        joints: usize,
    },
    /// A number of the configuration is out of range.
    #[error("robot configuration: {key} = {value}, allowed: {allowed}")]
    Number {
        /// Its key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A number of a joint is out of range.
    #[error("joint {joint}: {what} = {value}, allowed: {allowed}")]
    Limit {
        /// Joint name.
        joint: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// `capsules` or `may_touch` names a link that is not on the arm.
    #[error(
        "robot configuration: {key}[{index}]: {link} is not the base, a link moved by a joint of the arm, or fixed to one"
    )]
    Link {
        /// Key of the list.
        key: &'static str,
        /// Entry of the list.
        index: usize,
        /// The name given.
        link: String,
    },
    /// A capsule's numbers are out of range.
    #[error("robot configuration: capsules[{index}] on {link}: {what} = {value}, allowed: {allowed}")]
    Capsule {
        /// Entry of the list.
        index: usize,
        /// Its link.
        link: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Too many capsules.
    #[error("robot configuration: {given} capsules, at most {most}")]
    Capsules {
        /// Entries given.
        given: usize,
        /// Entries that fit.
        most: usize,
    },
    /// Our kinematics and the reference disagree.
    #[error("{path}: forward kinematics differs from crate k by {metres} m: unsupported joint structure")]
    Disagrees {
        /// The file.
        path: PathBuf,
        /// Distance of the two tool positions [m].
        metres: f64,
    },
}
