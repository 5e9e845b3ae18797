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
    /// The device asked for is not there.
    #[error("policy.device: {asked}: {reason}")]
    Device {
        /// What was asked for.
        asked: String,
        /// Why it cannot be had.
        reason: String,
    },
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

impl Error {
    /// Wraps an I/O error with the file's name.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}
