//! Messages into an MCAP file, in chunks that are written whole.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use mcap::{Compression, WriteOptions, Writer, records::MessageHeader};
use neuraxis_core::Nanos;

use crate::{EpisodeError, container::Channel};

/// Bytes of messages after which a chunk is closed and handed to the system: what a kill may lose.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;
/// The same as recorded time, for slow recordings.
const CHUNK_NANOS: u64 = 1_000_000_000;

/// An MCAP file being written.
pub(crate) struct Sink {
    path: PathBuf,
    file: Arc<File>,
    mcap: Writer<Arc<File>>,
    /// By topic.
    channels: BTreeMap<String, u16>,
    unflushed_bytes: usize,
    last_flush: Nanos,
}

impl Sink {
    /// Creates the file, in the place of one that exists.
    pub(crate) fn create(path: &Path) -> Result<Self, EpisodeError> {
        let file = match path.canonicalize() {
            // Whoever reads the old file has it mapped: it goes, and must not shrink.
            Ok(old) if old.is_file() => std::fs::remove_file(&old).and_then(|()| File::create_new(&old)),
            // Nothing, or a device.
            _ => File::create(path),
        };
        Self::new(path, file.map_err(EpisodeError::io(path, "create"))?)
    }

    /// Begins a file that has just been made.
    pub(crate) fn new(path: &Path, file: File) -> Result<Self, EpisodeError> {
        let file = Arc::new(file);
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
            .create(Arc::clone(&file))
            .map_err(|source| EpisodeError::Mcap { path: path.to_path_buf(), source })?;
        let (path, channels) = (path.to_path_buf(), BTreeMap::new());
        Ok(Self { path, file, mcap, channels, unflushed_bytes: 0, last_flush: Nanos(0) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file so far: of the chunks that were handed to the system [bytes].
    pub(crate) fn file_bytes(&self) -> Result<u64, EpisodeError> {
        let about = self.file.metadata().map_err(EpisodeError::io(&self.path, "look at"))?;
        Ok(about.len())
    }

    /// Adds a message; true if that closed a chunk.
    pub(crate) fn write(
        &mut self,
        channel: &Channel,
        sequence: u32,
        stamp: Nanos,
        bytes: &[u8],
    ) -> Result<bool, EpisodeError> {
        let channel_id = self.number(channel)?;
        let header = MessageHeader { channel_id, sequence, log_time: stamp.0, publish_time: stamp.0 };
        self.mcap
            .write_to_known_channel(&header, bytes)
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.unflushed_bytes += bytes.len();
        let is_full = self.unflushed_bytes >= CHUNK_BYTES || (stamp - self.last_flush).0 >= CHUNK_NANOS;
        if is_full {
            self.last_flush = stamp;
            self.flush()?;
        }
        Ok(is_full)
    }

    /// The channel's number in this file, announced with its first message.
    fn number(&mut self, channel: &Channel) -> Result<u16, EpisodeError> {
        if let Some(number) = self.channels.get(&channel.topic) {
            return Ok(*number);
        }
        let Channel { topic, schema, encoding } = channel;
        let number = self
            .mcap
            .add_schema(&schema.name, &schema.encoding, &schema.bytes)
            .and_then(|schema| self.mcap.add_channel(schema, topic, encoding, &BTreeMap::new()))
            .map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.channels.insert(topic.clone(), number);
        Ok(number)
    }

    /// Closes the chunk and hands it to the system.
    pub(crate) fn flush(&mut self) -> Result<(), EpisodeError> {
        self.unflushed_bytes = 0;
        self.mcap.flush().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })
    }

    /// Writes the index, and all of it to disk; returns where it lies.
    pub(crate) fn finish(mut self) -> Result<PathBuf, EpisodeError> {
        self.mcap.finish().map_err(|source| EpisodeError::Mcap { path: self.path.clone(), source })?;
        self.file.sync_all().map_err(EpisodeError::io(&self.path, "sync"))?;
        Ok(self.path)
    }
}
