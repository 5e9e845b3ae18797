//! What can go wrong between a file of weights and a prediction.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of the policy, its training and its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// LibTorch refused an operation.
    #[error("LibTorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint does not fit.
    #[error("{path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A file of keypoints does not fit the data set.
    #[error("{path}: {reason}")]
    Keypoints {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A configuration value is out of range.
    #[error("policy configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A policy and a gaze network that were made for different features.
    #[error("policy.gaze_dim = {policy}, but the features of this gaze network are {gaze} wide")]
    GazeWidth {
        /// The policy's.
        policy: i64,
        /// The gaze network's.
        gaze: i64,
    },
    /// The device asked for is not there.
    #[error("policy.device: {asked}: {reason}")]
    Device {
        /// What was asked for.
        asked: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// A network was given what it does not take.
    #[error("network input: {0}")]
    Input(String),
    /// A part of the configuration that this program cannot feed yet.
    #[error("policy configuration: {key} = {value}: {missing}")]
    NotWired {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// The part that is not there.
        missing: &'static str,
    },
    /// The networks answered with something that must not move an arm.
    #[error("the networks' answer is refused: {0}")]
    Answer(#[from] Unusable),
    /// The instruction cannot be used.
    #[error("instruction: {0}")]
    Instruction(String),
    /// A pose is no rigid motion.
    #[error("{what}'s pose is not a rigid motion of finite numbers: {found}")]
    Pose {
        /// Whose pose.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// The training data cannot be used.
    #[error("training data: {0}")]
    Data(String),
    /// The cloud or its views cannot be made.
    #[error(transparent)]
    Vision(#[from] neuraxis_vision::VisionError),
    /// The data set cannot be read.
    #[error(transparent)]
    Dataset(#[from] neuraxis_episode::EpisodeError),
}

/// Why an answer of the networks is not passed on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A number is NaN or infinite.
    #[error("{0} is not finite")]
    NotFinite(&'static str),
    /// The point lies outside the cube that the policy works in.
    #[error("key-frame at {position_m:.3?} m is outside the bounds {bounds_m:?} m")]
    OutOfBounds {
        /// Where, in the world [m].
        position_m: [f64; 3],
        /// Bounds as in the configuration [m].
        bounds_m: [f64; 6],
    },
    /// Two columns of a rotation that are no rotation.
    #[error("columns {0:.3?} span no plane: they give no orientation")]
    Degenerate([f64; 6]),
}

impl Error {
    /// Wraps an I/O error with the file's name.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}
