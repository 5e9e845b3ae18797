//! Why motion cannot be configured.

/// Errors of configuring motion.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MotionError {
    /// A value is out of range.
    #[error("motion configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The arm has too many joints.
    #[error("an arm of {given} joints was given, at most {most} are supported")]
    Joints {
        /// Joints of the arm.
        given: usize,
        /// Joints supported.
        most: usize,
    },
    /// A solid has a size or a pose that is not a number.
    #[error("solid: {key} = {value}, allowed: {allowed}")]
    Solid {
        /// Size or pose.
        key: &'static str,
        /// The first bad number.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The arm has no body to keep clear of things.
    #[error("a path cannot be planned for a robot without capsules: list them in robot.yaml")]
    NoCapsules,
}
