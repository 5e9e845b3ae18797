//! Messages of an MCAP file in the order of writing, with a limit on what a damaged length may make us allocate.

use std::{collections::BTreeMap, io::Read, sync::Arc};

use mcap::{
    McapError,
    records::{MessageHeader, op},
    sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

/// No record or chunk of ours comes near it; a length above it is damage.
const LARGEST_RECORD_BYTES: usize = 64 << 20;
/// Most bytes of all schemas and channels of a file; those that are told again do not count.
const MOST_KNOWN_BYTES: usize = 2 * LARGEST_RECORD_BYTES;
/// Longest name of a topic, a type or an encoding [bytes]; ROS allows 255.
const LONGEST_NAME: usize = 1024;

/// A message type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// Language of the definition.
    pub encoding: String,
    /// The definition.
    pub bytes: Vec<u8>,
}

/// What a topic carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub topic: String,
    /// The message type, one for all channels that carry it.
    pub schema: Arc<Schema>,
    /// How messages are encoded.
    pub encoding: String,
}

/// One message with its channel.
pub struct Message {
    /// Where it came.
    pub channel: Arc<Channel>,
    /// Number and times.
    pub header: MessageHeader,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Reads an MCAP file from start to end; a chunk is taken apart here, and checked before its first message is given
/// out: the container library believes lengths inside of chunks.
pub struct Messages<'a> {
    file: &'a [u8],
    left: &'a [u8],
    reader: LinearReader,
    chunk: Chunk,
    known: Known,
    done: bool,
}

impl<'a> Messages<'a> {
    /// From the first byte of a whole file on.
    pub fn new(file: &'a [u8]) -> Self {
        let options =
            LinearReaderOptions::default().with_emit_chunks(true).with_record_length_limit(LARGEST_RECORD_BYTES);
        let reader = LinearReader::new_with_options(options);
        Self { file, left: file, reader, chunk: Chunk::default(), known: Known::default(), done: false }
    }

    /// Bytes of the file that have been looked at: damage lies before.
    pub fn offset(&self) -> u64 {
        (self.file.len() - self.left.len()) as u64
    }

    fn advance(&mut self) -> Result<Option<Message>, McapError> {
        loop {
            while let Some((opcode, data)) = self.chunk.next()? {
                if let Some(message) = self.known.take(opcode, data)? {
                    return Ok(Some(message));
                }
            }
            let Some(event) = self.reader.next_event() else { return Ok(None) };
            match event? {
                LinearReadEvent::ReadRequest(wanted) => {
                    let (now, later) = self.left.split_at(wanted.min(self.left.len()));
                    self.reader.insert(now.len()).copy_from_slice(now);
                    self.reader.notify_read(now.len());
                    self.left = later;
                }
                LinearReadEvent::Record { data, opcode: op::CHUNK } => self.chunk.open(data)?,
                LinearReadEvent::Record { data, opcode } => {
                    if let Some(message) = self.known.take(opcode, data)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }
}

/// What the index at the end of a file says.
pub(crate) struct Outline {
    /// Topics that have messages, in the order of their announcement.
    pub(crate) topics: Vec<String>,
    /// Time of the newest message [ns].
    pub(crate) newest_nanos: u64,
}

impl Outline {
    /// `None` if there is no index, or a damaged one: it is only a shorter way to what the messages say.
    pub(crate) fn of(file: &[u8]) -> Option<Self> {
        let (rest, magic) = file.split_last_chunk::<8>()?;
        // Where the summary starts, where offsets of its parts start, checksum of the summary up to here.
        let (before, footer) = rest.split_last_chunk::<29>()?;
        let mut fields = Fields { opcode: op::FOOTER, left: footer };
        let (opcode, size) = (fields.array::<1>().ok()?, fields.u64().ok()?);
        let (start, _, crc) = (fields.u64().ok()?, fields.u64().ok()?, fields.u32().ok()?);
        if magic != mcap::MAGIC || opcode != [op::FOOTER] || size != 20 || start == 0 {
            return None;
        }
        let start = usize::try_from(start).ok()?;
        let checked = rest.get(start..rest.len() - 4)?;
        if crc != 0 && crc32fast::hash(checked) != crc {
            return None;
        }
        let (mut summary, mut known, mut newest, mut counts) =
            (before.get(start..)?, Known::default(), None, Vec::new());
        while let Some((opcode, record)) = summary.split_first() {
            let mut fields = Fields { opcode: *opcode, left: record };
            let size = usize::try_from(fields.u64().ok()?).ok()?;
            let data = fields.take(size).ok()?;
            summary = fields.left;
            if *opcode == op::STATISTICS {
                let mut fields = Fields { opcode: *opcode, left: data };
                // Numbers of messages, schemas, channels, attachments, metadata and chunks; time of the first message.
                fields.take(8 + 2 + 4 * 4 + 8).ok()?;
                newest = Some(fields.u64().ok()?);
                let mut each = Fields { opcode: *opcode, left: fields.bytes().ok()? };
                while let (Ok(id), Ok(count)) = (each.u16(), each.u64()) {
                    counts.push((id, count));
                }
            } else {
                known.take(*opcode, data).ok()?;
            }
        }
        let has = |id: &u16| counts.iter().any(|(other, count)| other == id && *count > 0);
        let topics = known.channels.iter().filter(|(id, _)| has(id)).map(|(_, channel)| channel.topic.clone());
        Some(Self { topics: topics.collect(), newest_nanos: newest? })
    }
}

/// Schemas and channels that have been announced.
#[derive(Default)]
struct Known {
    /// By number.
    schemas: BTreeMap<u16, Arc<Schema>>,
    channels: BTreeMap<u16, Arc<Channel>>,
    bytes: usize,
}

impl Known {
    fn take(&mut self, opcode: u8, data: &[u8]) -> Result<Option<Message>, McapError> {
        let mut fields = Fields { opcode, left: data };
        match opcode {
            op::SCHEMA => {
                let (id, name, encoding, bytes) = (fields.u16()?, fields.string()?, fields.string()?, fields.bytes()?);
                let is_same = |known: &Arc<Schema>| {
                    (&known.name, &known.encoding, known.bytes.as_slice()) == (&name, &encoding, bytes)
                };
                if !self.schemas.get(&id).is_some_and(is_same) {
                    self.count(opcode, data)?;
                    self.schemas.insert(id, Schema { name, encoding, bytes: bytes.to_vec() }.into());
                }
            }
            op::CHANNEL => {
                let (id, schema_id) = (fields.u16()?, fields.u16()?);
                let (topic, encoding) = (fields.string()?, fields.string()?);
                // A channel may do without a schema.
                let schema = self.schemas.get(&schema_id).cloned().unwrap_or_default();
                let channel = Channel { topic, schema, encoding };
                if self.channels.get(&id).is_none_or(|known| **known != channel) {
                    self.count(opcode, data)?;
                    self.channels.insert(id, channel.into());
                }
            }
            op::MESSAGE => {
                let (channel_id, sequence) = (fields.u16()?, fields.u32()?);
                let (log_time, publish_time) = (fields.u64()?, fields.u64()?);
                let header = MessageHeader { channel_id, sequence, log_time, publish_time };
                let channel = self.channels.get(&channel_id).cloned();
                let channel = channel.ok_or(McapError::UnknownChannel(sequence, channel_id))?;
                return Ok(Some(Message { channel, header, data: fields.left.to_vec() }));
            }
            // Indices and statistics: what they say is found in what they are about.
            _ => {}
        }
        Ok(None)
    }

    /// Counts a record that is kept.
    fn count(&mut self, opcode: u8, data: &[u8]) -> Result<(), McapError> {
        self.bytes += data.len();
        if self.bytes > MOST_KNOWN_BYTES {
            return Err(McapError::RecordTooLarge { opcode, len: self.bytes as u64 });
        }
        Ok(())
    }
}

/// Records of a chunk, unpacked.
#[derive(Default)]
struct Chunk {
    records: Vec<u8>,
    at: usize,
}

impl Chunk {
    fn open(&mut self, data: &[u8]) -> Result<(), McapError> {
        let mut fields = Fields { opcode: op::CHUNK, left: data };
        // Times of the first and the last message.
        fields.take(16)?;
        let (size, crc, compression, packed_size) = (fields.u64()?, fields.u32()?, fields.string()?, fields.u64()?);
        let limit = |size: u64| match usize::try_from(size) {
            Ok(size) if size <= LARGEST_RECORD_BYTES => Ok(size),
            _ => Err(McapError::ChunkTooLarge(size)),
        };
        let (size, packed) = (limit(size)?, fields.take(limit(packed_size)?)?);
        self.at = 0;
        self.records.clear();
        match compression.as_str() {
            "" => self.records.extend_from_slice(packed),
            "zstd" => {
                self.records.reserve(size);
                zstd::bulk::Decompressor::new()
                    .and_then(|mut unpack| unpack.decompress_to_buffer(packed, &mut self.records))
                    .map_err(|e| McapError::DecompressionError(e.to_string()))?;
            }
            "lz4" => {
                self.records.reserve(size);
                // One byte more than announced is enough to tell a chunk that lies.
                lz4_flex::frame::FrameDecoder::new(packed)
                    .take(size as u64 + 1)
                    .read_to_end(&mut self.records)
                    .map_err(|e| McapError::DecompressionError(e.to_string()))?;
            }
            other => return Err(McapError::UnsupportedCompression(other.into())),
        }
        // 0 stands for a writer that makes none.
        let calculated = if crc == 0 { 0 } else { crc32fast::hash(&self.records) };
        if self.records.len() != size {
            return Err(McapError::BadChunkLength { header: size as u64, available: self.records.len() as u64 });
        }
        if calculated != crc {
            return Err(McapError::BadChunkCrc { saved: crc, calculated });
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(u8, &[u8])>, McapError> {
        let left = self.records.get(self.at..).unwrap_or_default();
        let Some((opcode, rest)) = left.split_first() else { return Ok(None) };
        let mut fields = Fields { opcode: *opcode, left: rest };
        let size = fields.u64()?;
        let data = fields.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        self.at = self.records.len() - fields.left.len();
        Ok(Some((*opcode, data)))
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Message, McapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.advance().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Fields of a record whose lengths are compared with what is left before memory is asked for, which the container
/// library does not do.
struct Fields<'a> {
    opcode: u8,
    left: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], McapError> {
        let too_large = McapError::RecordTooLarge { opcode: self.opcode, len: count as u64 };
        let (taken, left) = self.left.split_at_checked(count).ok_or(too_large)?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], McapError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, McapError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, McapError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, McapError> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], McapError> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn string(&mut self) -> Result<String, McapError> {
        let bytes = self.bytes()?;
        if bytes.len() > LONGEST_NAME {
            return Err(McapError::RecordTooLarge { opcode: self.opcode, len: bytes.len() as u64 });
        }
        // A name in another encoding is a name all the same.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}
