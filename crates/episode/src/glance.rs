//! What a recording is about, without reading it: a long one opens as fast as a short one.

use crate::{EpisodeReader, Info, container::Outline, messages, writer};

/// The instruction stands among the first messages.
const FIRST_MESSAGES: usize = 1000;

/// What a window on a recording needs to know before it is fed.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    /// Where time starts: the first instruction, or the first message [ns of the run's clock].
    pub zero_nanos: u64,
    /// From there to the last message [s].
    pub duration_secs: f64,
    /// What the arm was told first.
    pub instruction: Option<String>,
    /// Names of the topics, in the order that they were written in.
    topics: Vec<String>,
}

impl Glance {
    /// From the index at the file's end and its first messages; of a file without an index, or without an instruction at its
    /// start, all is read.
    pub fn of(reader: &EpisodeReader) -> Self {
        Self::from_index(reader).unwrap_or_else(|| Self::from_all(reader))
    }

    fn from_index(reader: &EpisodeReader) -> Option<Self> {
        let Outline { topics, newest_nanos } = reader.outline()?;
        let mut first = reader.messages().take(FIRST_MESSAGES).map_while(Result::ok);
        let zero_nanos = first.find(|message| message.channel.topic == writer::INSTRUCTION_TEXT)?.header.log_time;
        // Of a run that waits for its first sentence what lies before it is read.
        let told = reader.messages().map_while(Result::ok);
        let instruction = told
            .filter(|message| message.channel.topic == writer::INSTRUCTION_TEXT)
            .filter_map(|message| messages::decode_string(&message.data).ok())
            .find(|text| !text.is_empty());
        Some(Self {
            zero_nanos,
            duration_secs: newest_nanos.saturating_sub(zero_nanos) as f64 * 1e-9,
            instruction,
            topics,
        })
    }

    fn from_all(reader: &EpisodeReader) -> Self {
        let info = Info::of(reader);
        Self {
            zero_nanos: info.zero_nanos,
            duration_secs: info.duration_secs,
            instruction: info.instructions.first().map(|(_, text)| text.clone()),
            topics: info.topics_as_written(),
        }
    }

    /// Names of the cameras, in the order that they were written in.
    pub fn cameras(&self) -> Vec<String> {
        between(&self.topics, "/", "/camera_info")
    }

    /// Names of a policy's views, in the order that they were written in.
    pub fn views(&self) -> Vec<String> {
        between(&self.topics, "/views/", "/image")
    }

    /// Does a topic have messages?
    pub fn has(&self, topic: &str) -> bool {
        self.topics.iter().any(|has| has == topic)
    }

    /// A brain acted. Monitors alone are no sign of it: those of a policy's streams are recorded, too.
    pub fn has_brain(&self) -> bool {
        self.has(writer::BRAIN)
    }
}

/// What stands between two parts of topics' names, without further folders.
fn between(topics: &[String], before: &str, after: &str) -> Vec<String> {
    let name = |topic: &String| Some(topic.strip_prefix(before)?.strip_suffix(after)?.to_owned());
    topics.iter().filter_map(name).filter(|name| !name.contains('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policys_monitors_are_no_brain() {
        let glance = |topics: &[&str]| Glance {
            zero_nanos: 0,
            duration_secs: 1.0,
            instruction: None,
            topics: topics.iter().map(|topic| topic.to_string()).collect(),
        };
        assert!(!glance(&[writer::MONITORS]).has_brain());
        assert!(glance(&[writer::MONITORS, writer::BRAIN]).has_brain());
    }
}
