//! Rotation: one recording in numbered files, each complete on its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use neuraxis_core::Nanos;

use crate::{EpisodeError, container::Channel, numbered::Numbered, sink::Sink, stays::Stays};

/// When the next file of a recording begins; with neither limit there is one file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rotation {
    /// With the chunk that makes the file larger than this [bytes].
    pub bytes: Option<u64>,
    /// After so much recorded time.
    pub time: Option<Nanos>,
}

/// A recording in files.
pub(crate) struct Parts {
    names: Numbered,
    rotation: Rotation,
    stays: Stays,
    sink: Option<Sink>,
    /// Stamp of the file's first message that is not one of those that stay.
    began: Option<Nanos>,
    newest: Nanos,
    is_large: bool,
    files: Vec<PathBuf>,
}

impl Parts {
    pub(crate) fn create(path: &Path, rotation: Rotation) -> Result<Self, EpisodeError> {
        Ok(Self {
            names: Numbered::of(path)?,
            rotation,
            stays: Stays::default(),
            sink: None,
            began: None,
            newest: Nanos(0),
            is_large: false,
            files: Vec::new(),
        })
    }

    /// Adds a message. Messages of one stamp that follow each other stay in one file: an observation is one.
    pub(crate) fn write(
        &mut self,
        channel: &Arc<Channel>,
        sequence: u32,
        stamp: Nanos,
        bytes: &[u8],
    ) -> Result<(), EpisodeError> {
        let is_long = self.rotation.time.is_some_and(|most| self.began.is_some_and(|began| stamp - began >= most));
        if stamp != self.newest && (is_long || self.is_large) {
            self.close()?;
        }
        self.newest = stamp;
        let mut sink = match self.sink.take() {
            Some(sink) => sink,
            None => self.names.begin(&self.stays)?.0,
        };
        self.stays.see(channel, sequence, stamp, bytes);
        // The header is stamped 0 whatever the clock.
        if stamp > Nanos(0) {
            self.began.get_or_insert(stamp);
        }
        let closed_a_chunk = sink.write(channel, sequence, stamp, bytes)?;
        if closed_a_chunk && let Some(most) = self.rotation.bytes {
            self.is_large = sink.file_bytes()? >= most;
        }
        self.sink = Some(sink);
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), EpisodeError> {
        self.sink.as_mut().map_or(Ok(()), Sink::flush)
    }

    /// Ends the last file; all of them.
    pub(crate) fn finish(mut self) -> Result<Vec<PathBuf>, EpisodeError> {
        self.close()?;
        Ok(self.files)
    }

    fn close(&mut self) -> Result<(), EpisodeError> {
        (self.began, self.is_large) = (None, false);
        if let Some(sink) = self.sink.take() {
            self.files.push(sink.finish()?);
        }
        Ok(())
    }
}
