//! Messages into an MCAP file, in chunks that are written whole.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use mcap::{Compression, WriteOptions, Writer, records::MessageHeader};
use neuraxis_core::Nanos;

use crate::{EpisodeError, container::Channel};

/// Bytes of messages after which a chunk is closed and handed to the system: what a kill may lose.
const CHUNK_BYTES: usize = 1 << 20;
/// The same as recorded time, for slow recordings.
const CHUNK_NANOS: u64 = 1_000_000_000;

/// An MCAP file being written.
pub(crate) struct Sink {
    path: PathBuf,
    mcap: Writer<File>,
    channels: BTreeMap<String, (u16, u32)>,
    unflushed_bytes: usize,
    last_flush: Nanos,
}

impl Sink {
    /// Creates the file, replacing one that exists.
    pub(crate) fn create(path: &Path) -> Result<Self, EpisodeError> {
        let file = File::create(path).map_err(EpisodeError::io(path, "create"))?;
        let mcap = WriteOptions::new()
            .profile("ros2")
            .library(concat!("neuraxis ", env!("CARGO_PKG_VERSION")))
            .compression(Some(Compression::Zstd))
            // Fast, and on this thread: our threads are counted.
            .compression_level(1)
            .compression_threads(0)
            // Each chunk is built in memory and written at once, never half.
            .disable_seeking(true)
            .chunk_size(None)
            .create(file)
            .map_err(|source| EpisodeError::Mcap { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), mcap, channels: BTreeMap::new(), unflushed_bytes: 0, last_flush: Nanos(0) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the topic's channel and of its next message; `describe` is asked once.
    pub(crate) fn next(&mut self, topic: &str, describe: impl FnOnce() -> Channel) -> Result<(u16, u32), EpisodeError> {
        if let Some(channel) = self.channels.get_mut(topic) {
            channel.1 = channel.1.wrapping_add(1);
            return Ok(*channel);
        }
        let Channel { schema, schema_encoding, schema_bytes, encoding, .. } = describe();
        let id = self
            .mcap
            .add_schema(&schema, &schema_encoding, &schema_bytes)
            .and_then(|schema| self.mcap.add_channel(schema, topic, &encoding, &BTreeMap::new()))
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.channels.insert(topic.to_owned(), (id, 0));
        Ok((id, 0))
    }

    pub(crate) fn write(&mut self, channel: (u16, u32), stamp: Nanos, bytes: &[u8]) -> Result<(), EpisodeError> {
        let (channel_id, sequence) = channel;
        let header = MessageHeader { channel_id, sequence, log_time: stamp.0, publish_time: stamp.0 };
        self.mcap
            .write_to_known_channel(&header, bytes)
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.unflushed_bytes += bytes.len();
        if self.unflushed_bytes >= CHUNK_BYTES || (stamp - self.last_flush).0 >= CHUNK_NANOS {
            self.last_flush = stamp;
            self.flush()?;
        }
        Ok(())
    }

    /// Closes the chunk and hands it to the system.
    pub(crate) fn flush(&mut self) -> Result<(), EpisodeError> {
        self.unflushed_bytes = 0;
        self.mcap.flush().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })
    }

    /// Writes the index, and all of it to disk.
    pub(crate) fn finish(mut self) -> Result<(), EpisodeError> {
        self.mcap.finish().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.mcap.into_inner().sync_all().map_err(EpisodeError::io(&self.path, "sync"))
    }
}
