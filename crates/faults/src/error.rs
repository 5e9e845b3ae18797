//! What keeps a cell from being run at all.

/// Set-up of the rig failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultsError {
    /// The loop refuses its configuration.
    #[error(transparent)]
    Brainstem(#[from] neuraxis_brainstem::BrainstemError),
    /// The executor refuses its configuration.
    #[error(transparent)]
    Cerebellum(#[from] neuraxis_cerebellum::CerebellumError),
    /// The recorder's file.
    #[error(transparent)]
    Episode(#[from] neuraxis_episode::EpisodeError),
    /// The folder for recordings.
    #[error("{path}: {source}")]
    Folder {
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The arm could not be made.
    #[error("the arm: {0}")]
    Plant(String),
}
