//! Messages of a moment in memory, packed.

use std::{io, sync::Arc};

use neuraxis_core::Nanos;
use zstd::bulk::{Compressor, Decompressor};

use crate::{EpisodeError, container::Channel, sink::Sink};

/// Fast, as in files.
const LEVEL: i32 = 1;
/// Place of the channel, number, stamp, length.
const HEAD_BYTES: usize = 2 + 4 + 8 + 4;

/// Messages that wait to be packed. One allocation that is used again.
#[derive(Default)]
pub(crate) struct Heap {
    bytes: Vec<u8>,
    first: Nanos,
    newest: Nanos,
    last: Nanos,
    messages: u64,
}

impl Heap {
    /// What a message takes before it is packed [bytes].
    pub(crate) fn needs(data: &[u8]) -> usize {
        HEAD_BYTES + data.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// From the first stamp to the newest.
    pub(crate) fn time(&self) -> Nanos {
        self.newest - self.first
    }

    /// Stamp of the last message.
    pub(crate) fn last(&self) -> Nanos {
        self.last
    }

    pub(crate) fn push(&mut self, place: u16, sequence: u32, stamp: Nanos, data: &[u8]) {
        if self.bytes.is_empty() {
            (self.first, self.newest, self.messages) = (stamp, stamp, 0);
        }
        self.messages += 1;
        (self.first, self.newest, self.last) = (self.first.min(stamp), self.newest.max(stamp), stamp);
        self.bytes.extend_from_slice(&place.to_le_bytes());
        self.bytes.extend_from_slice(&sequence.to_le_bytes());
        self.bytes.extend_from_slice(&stamp.0.to_le_bytes());
        // A message is far below 4 GB: a ring that holds less refuses larger ones.
        self.bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(data);
    }
}

/// Packs and unpacks; its memory is used again.
pub(crate) struct Packer {
    pack: Compressor<'static>,
    unpack: Decompressor<'static>,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Packer {
    pub(crate) fn new() -> io::Result<Self> {
        let (pack, unpack) = (Compressor::new(LEVEL)?, Decompressor::new()?);
        Ok(Self { pack, unpack, packed: Vec::new(), unpacked: Vec::new() })
    }

    /// Packs what waits, which is empty afterwards.
    pub(crate) fn pack(&mut self, heap: &mut Heap) -> io::Result<Segment> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(heap.bytes.len()));
        self.pack.compress_to_buffer(&heap.bytes, &mut self.packed)?;
        let Heap { newest, messages, .. } = *heap;
        let segment = Segment { newest, messages, packed: self.packed.as_slice().into(), bytes: heap.bytes.len() };
        heap.bytes.clear();
        Ok(segment)
    }

    /// Writes a segment's messages to a file, but those that it has already.
    pub(crate) fn write(
        &mut self,
        segment: &Segment,
        channels: &[Arc<Channel>],
        sink: &mut Sink,
        already: &[(Arc<Channel>, u32)],
    ) -> Result<(), EpisodeError> {
        self.unpacked.clear();
        self.unpacked.reserve(segment.bytes);
        self.unpack
            .decompress_to_buffer(&segment.packed, &mut self.unpacked)
            .map_err(EpisodeError::io(sink.path(), "unpack the ring into"))?;
        let mut left = &self.unpacked[..];
        while let Some(Message { place, sequence, stamp, data }) = message(&mut left) {
            let Some(channel) = channels.get(usize::from(place)) else { continue };
            if !already.iter().any(|(topic, number)| Arc::ptr_eq(topic, channel) && *number == sequence) {
                sink.write(channel, sequence, stamp, data)?;
            }
        }
        Ok(())
    }
}

/// One of the unpacked messages.
struct Message<'a> {
    place: u16,
    sequence: u32,
    stamp: Nanos,
    data: &'a [u8],
}

/// Takes the first of some messages.
fn message<'a>(left: &mut &'a [u8]) -> Option<Message<'a>> {
    let (place, rest) = left.split_first_chunk()?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (stamp, rest) = rest.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
    *left = rest;
    let (place, sequence) = (u16::from_le_bytes(*place), u32::from_le_bytes(*sequence));
    Some(Message { place, sequence, stamp: Nanos(u64::from_le_bytes(*stamp)), data })
}

/// Packed messages.
pub(crate) struct Segment {
    /// The newest stamp.
    pub(crate) newest: Nanos,
    pub(crate) messages: u64,
    /// Exactly what it takes.
    pub(crate) packed: Box<[u8]>,
    /// Size before packing.
    pub(crate) bytes: usize,
}
