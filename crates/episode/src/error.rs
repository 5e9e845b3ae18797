//! What can go wrong with recordings and data sets.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EpisodeError {
    /// A file could not be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A data set exists where a new one was to be made.
    #[error("{}: a data set is here already; append to it or choose another folder", path.display())]
    AlreadyExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process writes a data set.
    #[error("{}: another process writes this data set; wait until it has ended", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// One record of a data set is damaged or of another type.
    #[error("{}: record {record}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Number of the record in its folder.
        record: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A record's number is too large.
    #[error("record {record} asked for, the data set has {len}")]
    OutOfRange {
        /// The number asked for.
        record: usize,
        /// Number of records.
        len: usize,
    },
    /// A sample cannot be stored.
    #[error("{}: sample {sample} refused: {reason}", path.display())]
    Sample {
        /// The data set's folder.
        path: PathBuf,
        /// Number that the sample would have had.
        sample: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A message of a recording cannot be decoded.
    #[error("{}: channel {channel}, message {sequence} at {log_time_nanos} ns, byte {offset}: {reason}", path.display())]
    Message {
        /// The recording.
        path: PathBuf,
        /// Topic of the message.
        channel: String,
        /// Number of the message in its channel.
        sequence: u32,
        /// Log time of the message [ns].
        log_time_nanos: u64,
        /// Offset in the message's payload.
        offset: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The container of a recording is damaged: what came before is good.
    #[error("{}: damaged before byte {offset}: {source}", path.display())]
    Damaged {
        /// The recording.
        path: PathBuf,
        /// Bytes of the file that were looked at.
        offset: u64,
        /// What the container library said.
        source: mcap::McapError,
    },
    /// A file exists where a new one was to be made.
    #[error("{}: exists already; --force replaces it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Two recordings are not parts of one.
    #[error("{} and {} are not of one run: {reason}", first.display(), second.display())]
    NotOneRun {
        /// One recording.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// What tells them apart.
        reason: String,
    },
    /// The MCAP container refused something.
    #[error("{}: {source}", path.display())]
    Mcap {
        /// The recording.
        path: PathBuf,
        /// What the container library said.
        source: mcap::McapError,
    },
}

impl EpisodeError {
    /// A file with what is wrong with it.
    pub fn format(path: &Path, reason: impl ToString) -> Self {
        Self::Format { path: path.to_path_buf(), reason: reason.to_string() }
    }

    /// Adapter for `map_err` on I/O.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }
}
