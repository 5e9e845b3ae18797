//! Messages of an MCAP file in the order of writing, with a limit on what a damaged length may make us allocate.

use std::{collections::BTreeMap, sync::Arc};

use mcap::{
    McapError, parse_record,
    records::{MessageHeader, Record},
    sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

/// No record or chunk of ours comes near it; a length above it is damage.
const LARGEST_RECORD_BYTES: usize = 64 << 20;

/// One message with the topic of its channel.
pub(crate) struct Message {
    pub(crate) topic: Arc<str>,
    pub(crate) header: MessageHeader,
    pub(crate) data: Vec<u8>,
}

/// Reads an MCAP file from start to end; chunks are checked before their first message is given out.
pub(crate) struct Messages<'a> {
    left: &'a [u8],
    reader: LinearReader,
    topics: BTreeMap<u16, Arc<str>>,
    done: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(file: &'a [u8]) -> Self {
        let options = LinearReaderOptions::default()
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(LARGEST_RECORD_BYTES);
        Self { left: file, reader: LinearReader::new_with_options(options), topics: BTreeMap::new(), done: false }
    }

    fn advance(&mut self) -> Result<Option<Message>, McapError> {
        while let Some(event) = self.reader.next_event() {
            match event? {
                LinearReadEvent::ReadRequest(wanted) => {
                    let (now, later) = self.left.split_at(wanted.min(self.left.len()));
                    self.reader.insert(now.len()).copy_from_slice(now);
                    self.reader.notify_read(now.len());
                    self.left = later;
                }
                LinearReadEvent::Record { data, opcode } => match parse_record(opcode, data)? {
                    Record::Channel(channel) => {
                        self.topics.insert(channel.id, channel.topic.into());
                    }
                    Record::Message { header, data } => {
                        let topic = self.topics.get(&header.channel_id).cloned();
                        let topic = topic.ok_or(McapError::UnknownChannel(header.sequence, header.channel_id))?;
                        return Ok(Some(Message { topic, header, data: data.into_owned() }));
                    }
                    _ => {}
                },
            }
        }
        Ok(None)
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
