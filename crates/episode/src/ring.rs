//! Ring mode: the last seconds in memory, and a file of them where something happened.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use neuraxis_core::Nanos;

use crate::{
    EpisodeError,
    container::Channel,
    numbered::Numbered,
    segment::{Heap, Packer, Segment},
    sink::{CHUNK_BYTES, Sink},
    stays::{Stays, Written},
};

/// What a ring keeps, and what it saves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RingConfig {
    /// So much recorded time is kept, unless `bytes` are full before.
    pub before: Nanos,
    /// A file goes on for so long after what it is about.
    pub after: Nanos,
    /// Memory for messages, packed [bytes]. Beside it stand buffers of some megabytes whose size depends on the largest
    /// message.
    pub bytes: u64,
    /// No more files than these.
    pub saves: u32,
}

/// A file of a ring, or why there is none.
#[derive(Debug)]
pub struct Saved {
    /// The file; after an error it is there up to its last good chunk, if at all.
    pub path: PathBuf,
    /// What it is about.
    pub reason: String,
    /// Messages that the ring had to give up before they were written: the disk was too slow.
    pub lost: u64,
    /// What went wrong, if anything.
    pub error: Option<EpisodeError>,
}

/// What happens after [`EpisodeWriter::save`](crate::EpisodeWriter::save).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saving {
    /// A file begins.
    Begun(PathBuf),
    /// The file that is being written goes on for longer.
    Extended,
    /// There are as many files as there may be.
    Enough,
}

/// Time after which waiting messages are packed.
const SEGMENT_TIME: Nanos = Nanos::from_millis(250);
/// Bytes of messages written in one step of a save, so that nobody waits long for the recorder.
const STEP_BYTES: usize = 16 << 20;

/// Messages of the last seconds. Segments are numbered from the start of the run on.
pub(crate) struct Ring {
    config: RingConfig,
    names: Numbered,
    stays: Stays,
    channels: Vec<Arc<Channel>>,
    packer: Packer,
    heap: Heap,
    segments: VecDeque<Segment>,
    /// Number of the first segment that is still there.
    first: u64,
    /// Of all segments.
    packed_bytes: u64,
    newest: Nanos,
    save: Option<Save>,
    begun: u32,
    files: Vec<PathBuf>,
    told: Vec<Saved>,
}

/// A file in the making.
struct Save {
    sink: Sink,
    reason: String,
    until: Nanos,
    /// Number of the next segment to be written.
    next: u64,
    lost: u64,
    /// What stands in every file.
    already: Written,
}

impl Ring {
    pub(crate) fn create(path: &Path, config: RingConfig) -> Result<Self, EpisodeError> {
        Ok(Self {
            config,
            names: Numbered::of(path)?,
            stays: Stays::default(),
            channels: Vec::new(),
            packer: Packer::new().map_err(EpisodeError::io(path, "make a ring for"))?,
            heap: Heap::default(),
            segments: VecDeque::new(),
            first: 0,
            packed_bytes: 0,
            newest: Nanos(0),
            save: None,
            begun: 0,
            files: Vec::new(),
            told: Vec::new(),
        })
    }

    /// Bytes of messages in memory; never more than configured.
    pub(crate) fn bytes(&self) -> u64 {
        self.packed_bytes + self.heap.len() as u64
    }

    /// Keeps a message, and gives up the oldest. What goes wrong with a file is told by [`Ring::told`]; the ring goes on.
    pub(crate) fn write(
        &mut self,
        channel: &Arc<Channel>,
        sequence: u32,
        stamp: Nanos,
        bytes: &[u8],
    ) -> Result<(), EpisodeError> {
        self.stays.see(channel, sequence, stamp, bytes);
        // Messages of one stamp that follow each other stay together: an observation is one.
        let is_full = self.heap.len() >= CHUNK_BYTES || self.heap.time() >= SEGMENT_TIME;
        if is_full && stamp != self.heap.last() {
            self.pack()?;
        }
        let needed = Heap::needs(bytes) as u64;
        if needed + self.heap.len() as u64 > self.config.bytes {
            // One moment that has no room: the moment is given up, not the bound.
            self.pack()?;
        }
        self.make_room(needed);
        if self.bytes() + needed > self.config.bytes {
            self.save.iter_mut().for_each(|save| save.lost += 1);
            return Ok(());
        }
        let place = self.place(channel);
        self.heap.push(place, sequence, stamp, bytes);
        self.newest = self.newest.max(stamp);
        Ok(())
    }

    /// Begins a file with what is in memory, or lets the one that is being written go on.
    ///
    /// # Errors
    /// The file cannot be made; the ring goes on, and the next one may. It is none of the files that there may be.
    pub(crate) fn save(&mut self, reason: &str) -> Result<Saving, EpisodeError> {
        let until = self.newest + self.config.after;
        if let Some(save) = &mut self.save {
            save.until = until;
            return Ok(Saving::Extended);
        }
        if self.begun >= self.config.saves {
            return Ok(Saving::Enough);
        }
        let (sink, already) = self.names.begin(&self.stays)?;
        self.begun += 1;
        let path = sink.path().to_path_buf();
        self.save = Some(Save { sink, reason: reason.to_string(), until, next: self.first, lost: 0, already });
        Ok(Saving::Begun(path))
    }

    /// Writes some of what a file lacks.
    pub(crate) fn step(&mut self) -> Result<(), EpisodeError> {
        if self.save.as_ref().is_some_and(|save| self.newest >= save.until) {
            self.pack()?;
        } else {
            self.work(STEP_BYTES);
        }
        Ok(())
    }

    /// Files that were ended, well or not, since the last call.
    pub(crate) fn told(&mut self) -> Vec<Saved> {
        std::mem::take(&mut self.told)
    }

    /// Ends the file that is being written; all of them.
    pub(crate) fn finish(mut self) -> Result<(Vec<PathBuf>, Vec<Saved>), EpisodeError> {
        self.pack()?;
        self.work(usize::MAX);
        if let Some(save) = self.save.take() {
            self.end(save, None);
        }
        Ok((self.files, self.told))
    }

    /// Packs what waits.
    fn pack(&mut self) -> Result<(), EpisodeError> {
        if self.heap.len() > 0 {
            let segment = self.packer.pack(&mut self.heap).map_err(EpisodeError::io(Path::new("ring"), "pack"))?;
            // Bytes that cannot be packed grow a little.
            let size = segment.packed.len() as u64;
            self.make_room(size);
            self.packed_bytes += size;
            self.segments.push_back(segment);
            if self.packed_bytes > self.config.bytes {
                self.give_up();
            }
        }
        self.work(STEP_BYTES);
        // What a file still needs is kept past its time, not past the memory.
        while let Some(segment) = self.segments.front()
            && self.newest - segment.newest > self.config.before
            && self.save.as_ref().is_none_or(|save| save.next > self.first)
        {
            self.give_up();
        }
        Ok(())
    }

    /// Gives up the oldest until so many bytes fit.
    fn make_room(&mut self, needed: u64) {
        while self.bytes() + needed > self.config.bytes && !self.segments.is_empty() {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        self.packed_bytes -= segment.packed.len() as u64;
        self.first += 1;
        if let Some(save) = self.save.as_mut().filter(|save| save.next < self.first) {
            save.next = self.first;
            save.lost += segment.messages;
        }
    }

    /// Writes up to so many bytes of messages to the file that is being written, and ends it where it is whole.
    fn work(&mut self, most: usize) {
        let Some(mut save) = self.save.take() else { return };
        let mut written = 0;
        while written < most {
            let place = usize::try_from(save.next - self.first).unwrap_or(usize::MAX);
            let Some(segment) = self.segments.get(place) else { break };
            if let Err(error) = self.packer.write(segment, &self.channels, &mut save.sink, &save.already) {
                return self.end(save, Some(error));
            }
            (save.next, written) = (save.next + 1, written + segment.bytes);
            if segment.newest >= save.until {
                return self.end(save, None);
            }
        }
        // On disk up to here, whatever happens.
        let flushed = if written > 0 { save.sink.flush() } else { Ok(()) };
        match flushed {
            Ok(()) => self.save = Some(save),
            Err(error) => self.end(save, Some(error)),
        }
    }

    fn end(&mut self, save: Save, error: Option<EpisodeError>) {
        let Save { sink, reason, lost, .. } = save;
        let path = sink.path().to_path_buf();
        let error = match error {
            None => sink.finish().err(),
            some => some,
        };
        if error.is_none() {
            self.files.push(path.clone());
        }
        self.told.push(Saved { path, reason, lost, error });
    }

    fn place(&mut self, channel: &Arc<Channel>) -> u16 {
        let known = self.channels.iter().position(|known| Arc::ptr_eq(known, channel));
        let place = known.unwrap_or_else(|| {
            self.channels.push(Arc::clone(channel));
            self.channels.len() - 1
        });
        // A robot has far fewer topics.
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}
