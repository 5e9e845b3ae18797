//! Why there is no score.

/// What a step cannot use. The state stays as it was.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactFault {
    /// A number is NaN or infinite.
    #[error("a position, velocity or torque is not a finite number")]
    NotFinite,
    /// Another number of joints than the robot's.
    #[error("a position, velocity or torque has another number of joints than the robot")]
    Length,
    /// The time since the last step.
    #[error("the time since the last step is not above 0 and at most 0.1 s")]
    Period,
}

/// What cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// The robot's description has no masses.
    #[error("the robot's description has no masses: there is no momentum to observe")]
    NoDynamics,
    /// A number is out of range.
    #[error("{what} = {value}, allowed: {allowed}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A list or a layer has another size than what it belongs to.
    #[error("{what}: {given} given, {wanted} wanted")]
    Shape {
        /// Which list.
        what: &'static str,
        /// Its size.
        given: usize,
        /// The size it must have.
        wanted: usize,
    },
    /// A file of a network is not JSON of one.
    #[error("friction network: {0}")]
    Text(#[from] serde_json::Error),
    /// A file of a network cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: std::io::Error,
    },
}
