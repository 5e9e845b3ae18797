//! What the memory refuses, and what can happen to its file.

use std::path::{Path, PathBuf};

use neuraxis_core::PolicyError;
use rusqlite::ErrorCode;

/// Errors of the memory. Each names the file or the thing that it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The file cannot be opened, made or locked.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no memory to read.
    #[error("{path}: there is no memory here; an episode that is remembered makes one", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes to it.
    #[error("{path}: in use by process {owner}; one process at a time remembers, any number may look", path = path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Number of that process, as it wrote it down.
        owner: String,
    },
    /// A file of another program.
    #[error("{path}: a database, but no memory of Neuraxis (application id {found:#x})", path = path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Its application id.
        found: i64,
    },
    /// Written by a newer program.
    #[error("{path}: schema version {found}, this program knows up to {known}; use the newer program or another file", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// Damaged. It is never repaired or made anew by itself.
    #[error("{path}: damaged: {reason}; move it away, with its -wal file, to begin a new memory", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Any other refusal by the database: a full disk, say. Nothing of the transaction was kept.
    #[error("{path}: {source}; nothing of this was kept", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It was written with another text encoder: distances would mean nothing.
    #[error("{path}: embeddings are by {stored:?}, not by {given:?}; re-embed it, or use that encoder", path = path.display())]
    Encoder {
        /// The file.
        path: PathBuf,
        /// Encoder and width in the file.
        stored: String,
        /// Encoder and width given.
        given: String,
    },
    /// The text encoder refused a sentence.
    #[error("text encoder: {0}")]
    Embedding(#[from] PolicyError),
    /// Numbers that are no embedding.
    #[error("embedding refused: {0}")]
    Vector(String),
    /// A text that is empty, too long, or has control characters.
    #[error("{what} refused: {reason}")]
    Text {
        /// What the text is.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A number out of its range, or not finite.
    #[error("{what} = {value} refused: {range}")]
    Number {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// More than one episode may hold.
    #[error("more than {most} {what} in one episode")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// Nothing of that number is remembered.
    #[error("no {what} {id} is remembered")]
    Unknown {
        /// What was asked for.
        what: &'static str,
        /// Its number or name.
        id: String,
    },
}

/// Result of everything here.
pub type Result<T, E = MemoryError> = std::result::Result<T, E>;

impl MemoryError {
    /// What a refusal by the database means for the file at `path`.
    pub(crate) fn from_database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, reason: source.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path, owner: "unknown".into() },
            _ => match source {
                // A value that the schema does not allow: somebody else wrote it.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => Self::Corrupt { path, reason: source.to_string() },
                source => Self::Database { path, source },
            },
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
