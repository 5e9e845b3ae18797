//! What can be wrong with a recording.

use std::path::{Path, PathBuf};

use neuraxis_episode::EpisodeError;

/// Any failure of this crate; each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no recording.
    #[error("{}: no low_dim_obs.pkl here or below", path.display())]
    Nothing {
        /// Where it was looked for.
        path: PathBuf,
    },
}

impl RecordingError {
    /// Wraps an I/O error with the file's name.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// A file with what is wrong with it.
    pub(crate) fn format(path: &Path, reason: impl ToString) -> Self {
        Self::Format { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

impl From<RecordingError> for EpisodeError {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Io { path, source } => Self::Io { path, action: "read or write", source },
            RecordingError::Format { path, reason } => Self::Format { path, reason },
            RecordingError::Nothing { path } => {
                Self::Format { path, reason: "no low_dim_obs.pkl here or below".into() }
            }
        }
    }
}
