//! What each file of a recording needs to be complete on its own: the header, the description, what the arm was told,
//! and what was dropped until then.

use std::sync::Arc;

use neuraxis_core::Nanos;

use crate::{EpisodeError, container::Channel, sink::Sink, writer};

/// Topics of which something stands in every file, in this order.
const TOPICS: [&str; 5] =
    [writer::META, writer::ROBOT_DESCRIPTION, writer::INSTRUCTION_TEXT, writer::INSTRUCTION, writer::DROPS];

/// Topics and numbers of what is in a file, not to be written twice.
pub(crate) type Written = Vec<(Arc<Channel>, u32)>;

/// A message that stands in every file, with the number and the stamp that it had.
struct Kept {
    channel: Arc<Channel>,
    sequence: u32,
    stamp: Nanos,
    data: Vec<u8>,
}

/// The first message of each topic, from which times count, and the newest.
#[derive(Default)]
pub(crate) struct Stays {
    topics: [Vec<Kept>; TOPICS.len()],
}

impl Stays {
    /// Looks at a message that is written now.
    pub(crate) fn see(&mut self, channel: &Arc<Channel>, sequence: u32, stamp: Nanos, data: &[u8]) {
        let place = TOPICS.iter().position(|topic| *topic == channel.topic);
        let Some(kept) = place.and_then(|place| self.topics.get_mut(place)) else { return };
        // Of the counters only the newest says something.
        kept.truncate(usize::from(channel.topic != writer::DROPS));
        kept.push(Kept { channel: Arc::clone(channel), sequence, stamp, data: data.to_vec() });
    }

    /// The beginning of a file; returns what is in it.
    pub(crate) fn begin(&self, sink: &mut Sink) -> Result<Written, EpisodeError> {
        let mut written = Written::new();
        for kept in self.topics.iter().flatten() {
            sink.write(&kept.channel, kept.sequence, kept.stamp, &kept.data)?;
            written.push((Arc::clone(&kept.channel), kept.sequence));
        }
        sink.flush()?;
        Ok(written)
    }
}
