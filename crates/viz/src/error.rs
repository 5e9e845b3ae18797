//! What can go wrong with the window.

use std::path::PathBuf;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VizError {
    /// The robot cannot be shown.
    #[error("{}: {reason}", path.display())]
    Urdf {
        /// The URDF file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A recording for the viewer cannot be written.
    #[error("{}: cannot write a Rerun recording: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// There is no screen to open a window on.
    #[error(
        "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; open the .rrd file later on a machine with a screen"
    )]
    NoDisplay,
    /// The viewer program did not start.
    #[error("the Rerun viewer did not start ({reason}); `./neuraxis setup` installs it")]
    Viewer {
        /// What the system said.
        reason: String,
    },
    /// The stream to file or viewer broke.
    #[error("Rerun stream: {0}")]
    Stream(String),
}

impl From<rerun::RecordingStreamError> for VizError {
    fn from(error: rerun::RecordingStreamError) -> Self {
        Self::Stream(error.to_string())
    }
}
