//! What a recording holds, at a glance: one pass over its messages, none of them decoded but the few that tell of it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{EpisodeReader, TickSample, cdr::Decoder, container::Message, messages, writer};

/// What a recording holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Info {
    /// Size of the file [bytes].
    pub file_bytes: u64,
    /// Where time starts: the first instruction, or the first message [ns of the run's clock].
    pub zero_nanos: u64,
    /// From there to the last message [s].
    pub duration_secs: f64,
    /// By name.
    pub topics: Vec<TopicInfo>,
    /// What the arm was told, and when [s]; that it has nothing to do is not among it.
    pub instructions: Vec<(f64, String)>,
    /// Hash (FNV-1a) of the resolved configuration as JSON, in hexadecimal.
    pub configuration_hash: String,
    /// What the recorder says of the run: task, seed, clock.
    pub run: serde_json::Value,
    /// Who recorded it.
    pub version: serde_json::Value,
    /// How it ended, as the recorder was told; `None`: the recording has no end.
    pub summary: Option<serde_json::Value>,
    /// What did not reach the recorder, as it was told.
    pub drops: Option<serde_json::Value>,
    /// Ticks of the loop that are not there.
    pub gaps: Vec<Gap>,
    /// How the file ends: `complete`, `truncated`, or what is damaged.
    pub ends: String,
}

/// One topic of a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopicInfo {
    /// Its name.
    pub topic: String,
    /// Type of its messages.
    pub schema: String,
    /// How many.
    pub messages: u64,
    /// Their size before compression [bytes].
    pub bytes: u64,
    /// Messages per second between the first and the last; 0 for a single one [Hz].
    pub rate_hz: f64,
    /// Longest time between two messages [s].
    pub longest_gap_secs: f64,
    /// Messages stamped earlier than the one before.
    pub backward: u64,
    /// Place among the topics in the order of their first messages.
    #[serde(skip)]
    place: usize,
}

/// Ticks that are missing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// Number of the last tick before; `None`: the recording starts after the loop did.
    pub after: Option<u64>,
    /// How many are missing.
    pub missing: u64,
}

#[derive(Default)]
struct Count {
    place: usize,
    schema: String,
    messages: u64,
    bytes: u64,
    first: u64,
    last: u64,
    newest: u64,
    longest: u64,
    backward: u64,
}

impl Count {
    fn add(&mut self, message: &Message) {
        let stamp = message.header.log_time;
        if self.messages == 0 {
            self.schema.clone_from(&message.channel.schema.name);
            (self.first, self.last, self.newest) = (stamp, stamp, stamp);
        }
        self.messages += 1;
        self.bytes += message.data.len() as u64;
        self.backward += u64::from(stamp < self.last);
        self.longest = self.longest.max(stamp.saturating_sub(self.newest));
        (self.first, self.last, self.newest) = (self.first.min(stamp), stamp, self.newest.max(stamp));
    }

    fn named(self, topic: String) -> TopicInfo {
        let secs = seconds(self.newest - self.first);
        TopicInfo {
            topic,
            schema: self.schema,
            messages: self.messages,
            bytes: self.bytes,
            rate_hz: if secs > 0.0 { (self.messages - 1) as f64 / secs } else { 0.0 },
            longest_gap_secs: seconds(self.longest),
            backward: self.backward,
            place: self.place,
        }
    }
}

impl Info {
    /// Reads the whole recording once; damage is told in [`Info::ends`] and is no error.
    pub fn of(reader: &EpisodeReader) -> Self {
        let mut messages = reader.messages();
        let mut counts = BTreeMap::<String, Count>::new();
        let (mut instructions, mut first, mut newest) = (Vec::new(), None, 0);
        let (mut summary, mut drops, mut gaps, mut next_tick) = (None, None, Vec::new(), 0);
        let ends = loop {
            let message = match messages.next() {
                Some(Ok(message)) => message,
                None => break "complete".to_string(),
                Some(Err(mcap::McapError::UnexpectedEof)) => break "truncated".to_string(),
                Some(Err(error)) => break format!("damaged before byte {}: {error}", messages.offset()),
            };
            let (topic, stamp) = (message.channel.topic.as_str(), message.header.log_time);
            let place = counts.len();
            counts.entry(topic.to_owned()).or_insert_with(|| Count { place, ..Count::default() }).add(&message);
            // The header is stamped 0 whatever the clock.
            if topic != writer::META && topic != writer::ROBOT_DESCRIPTION {
                first = Some(first.map_or(stamp, |first: u64| first.min(stamp)));
                newest = newest.max(stamp);
            }
            match topic {
                writer::INSTRUCTION_TEXT => {
                    instructions.extend(messages::decode_string(&message.data).map(|text| (stamp, text)));
                }
                writer::SUMMARY => summary = serde_json::from_slice(&message.data).ok().or(summary),
                writer::DROPS => drops = serde_json::from_slice(&message.data).ok().or(drops),
                writer::TICK => {
                    if let Ok(number) = TickSample::number(&message.data) {
                        if number > next_tick {
                            gaps.push(Gap { after: next_tick.checked_sub(1), missing: number - next_tick });
                        }
                        next_tick = number.saturating_add(1);
                    }
                }
                _ => {}
            }
        };
        let zero_nanos = instructions.first().map(|(stamp, _)| *stamp).or(first).unwrap_or(0);
        let meta = &reader.header().meta;
        Self {
            file_bytes: reader.file_bytes(),
            zero_nanos,
            duration_secs: seconds(newest.saturating_sub(zero_nanos)),
            topics: counts.into_iter().map(|(topic, count)| count.named(topic)).collect(),
            instructions: instructions
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(stamp, text)| (seconds(stamp.saturating_sub(zero_nanos)), text))
                .collect(),
            configuration_hash: format!("{:016x}", fnv(meta["configuration"].to_string().as_bytes())),
            run: meta["run"].clone(),
            version: meta["version"].clone(),
            summary,
            drops,
            gaps,
            ends,
        }
    }

    /// Names of the topics, in the order of their first messages.
    pub(crate) fn topics_as_written(&self) -> Vec<String> {
        let mut topics: Vec<_> = self.topics.iter().map(|info| (info.place, info.topic.clone())).collect();
        topics.sort_unstable();
        topics.into_iter().map(|(_, topic)| topic).collect()
    }
}

impl TickSample {
    /// Only the number, which is first.
    fn number(bytes: &[u8]) -> Result<u64, crate::cdr::CdrError> {
        Decoder::new(bytes)?.u64()
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 * 1e-9
}

/// Fowler, Noll, Vo: FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
