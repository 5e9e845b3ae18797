//! Parts of recordings, and parts joined: messages go over as they are, whatever their type.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use mcap::McapError;
use neuraxis_core::Nanos;
use serde_json::Value;

use crate::{
    EpisodeError, EpisodeReader, Header, Info,
    container::{Message, Messages},
    sink::Sink,
    writer,
};

/// What an edit did.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// Messages written.
    pub messages: u64,
    /// What the sources lacked at their ends, in words: cut off, damaged. What came before was taken.
    pub losses: Vec<String>,
}

/// Writes what lies between two times of a recording [s from its start, both included] to `out`; its header and the
/// instructions until then stay, so that times keep their meaning. `force` replaces a file.
pub fn cut(source: &Path, from_secs: f64, to_secs: f64, out: &Path, force: bool) -> Result<Edited, EpisodeError> {
    let reader = EpisodeReader::open(source)?;
    let zero = Info::of(&reader).zero_nanos;
    let time = |secs: f64| zero.saturating_add(Nanos::from_secs(secs.max(0.0)).0);
    let (from, to) = (time(from_secs), if to_secs.is_finite() { time(to_secs) } else { u64::MAX });
    let mut target = Target::create(out, force, &[source])?;
    let mut part = Part::of(&reader);
    while let Some(message) = part.next() {
        let stamp = message.header.log_time;
        let stays = [writer::META, writer::ROBOT_DESCRIPTION, writer::INSTRUCTION, writer::INSTRUCTION_TEXT]
            .contains(&message.channel.topic.as_str());
        if stamp <= to && (stamp >= from || stays) {
            target.write(&message)?;
        }
    }
    target.finish(part.loss.into_iter().collect())
}

/// Joins recordings of one run in the order of time; what several hold is written once. `force` replaces a file.
pub fn merge(sources: &[PathBuf], out: &Path, force: bool) -> Result<Edited, EpisodeError> {
    let readers = sources.iter().map(|source| EpisodeReader::open(source)).collect::<Result<Vec<_>, _>>()?;
    if let Some((first, others)) = readers.split_first() {
        for other in others {
            if let Some(reason) = difference(first.header(), other.header()) {
                return Err(EpisodeError::NotOneRun {
                    first: first.path().into(),
                    second: other.path().into(),
                    reason,
                });
            }
        }
    }
    let paths: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
    let mut target = Target::create(out, force, &paths)?;
    let mut parts: Vec<Part<'_>> = readers.iter().map(Part::of).collect();
    let mut written = HashSet::new();
    // Of messages of one time, that of the part that was named first.
    let earliest = |parts: &[Part<'_>]| {
        let times = parts.iter().enumerate().filter_map(|(i, part)| Some((part.peek()?.header.log_time, i)));
        times.min().map(|(_, i)| i)
    };
    while let Some(message) = earliest(&parts).and_then(|i| parts.get_mut(i)?.next()) {
        let topic = target.topic(&message.channel.topic);
        if written.insert((topic, message.header.sequence, message.header.log_time)) {
            target.write(&message)?;
        }
    }
    target.finish(parts.into_iter().filter_map(|part| part.loss).collect())
}

/// The good messages of a recording, one of them looked at before it is taken.
struct Part<'a> {
    path: &'a Path,
    messages: Messages<'a>,
    ahead: Option<Message>,
    loss: Option<String>,
}

impl<'a> Part<'a> {
    fn of(reader: &'a EpisodeReader) -> Self {
        let mut part = Self { path: reader.path(), messages: reader.messages(), ahead: None, loss: None };
        part.advance();
        part
    }

    fn peek(&self) -> Option<&Message> {
        self.ahead.as_ref()
    }

    fn next(&mut self) -> Option<Message> {
        let message = self.ahead.take();
        self.advance();
        message
    }

    fn advance(&mut self) {
        self.ahead = match self.messages.next() {
            Some(Ok(message)) => Some(message),
            None => None,
            Some(Err(McapError::UnexpectedEof)) => {
                self.loss = Some(format!("{}: cut off at its end", self.path.display()));
                None
            }
            Some(Err(error)) => {
                let (path, offset) = (self.path.display(), self.messages.offset());
                self.loss = Some(format!("{path}: damaged before byte {offset} ({error}); what follows is lost"));
                None
            }
        };
    }
}

/// A file in the making; it gets its name when it is whole.
struct Target {
    sink: Option<Sink>,
    out: PathBuf,
    unfinished: PathBuf,
    messages: u64,
    /// Numbers for topics, for those who remember messages.
    topics: BTreeMap<String, usize>,
}

impl Target {
    fn create(out: &Path, force: bool, sources: &[&Path]) -> Result<Self, EpisodeError> {
        let same = |source: &&Path| matches!((source.canonicalize(), out.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if sources.iter().any(same) {
            let reason = "is read and cannot be written at once; choose another --out".to_string();
            return Err(EpisodeError::Format { path: out.to_path_buf(), reason });
        }
        if !force && out.exists() {
            return Err(EpisodeError::Exists { path: out.to_path_buf() });
        }
        let mut name = out.file_name().unwrap_or_default().to_os_string();
        name.push(".unfinished");
        let unfinished = out.with_file_name(name);
        let (sink, out, topics) = (Some(Sink::create(&unfinished)?), out.to_path_buf(), BTreeMap::new());
        Ok(Self { sink, out, unfinished, messages: 0, topics })
    }

    fn write(&mut self, message: &Message) -> Result<(), EpisodeError> {
        let Some(sink) = self.sink.as_mut() else { return Ok(()) };
        self.messages += 1;
        let (sequence, stamp) = (message.header.sequence, Nanos(message.header.log_time));
        sink.write(&message.channel, sequence, stamp, &message.data).map(|_| ())
    }

    fn topic(&mut self, name: &str) -> usize {
        if let Some(number) = self.topics.get(name) {
            return *number;
        }
        let number = self.topics.len();
        self.topics.insert(name.to_owned(), number);
        number
    }

    fn finish(mut self, losses: Vec<String>) -> Result<Edited, EpisodeError> {
        if let Some(sink) = self.sink.take() {
            sink.finish()?;
        }
        std::fs::rename(&self.unfinished, &self.out).map_err(EpisodeError::io(&self.out, "write"))?;
        Ok(Edited { messages: self.messages, losses })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Only what was given up: a finished file has its name.
        if self.sink.take().is_some() || self.unfinished.exists() {
            let _ = std::fs::remove_file(&self.unfinished);
        }
    }
}

/// Where two headers differ first.
fn difference(a: &Header, b: &Header) -> Option<String> {
    let json = |header: &Header| serde_json::to_value(header).unwrap_or_default();
    let (key, one, other) = differ(String::new(), &json(a), &json(b))?;
    let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
    Some(format!("{key} is {} and {}", short(&one), short(&other)))
}

fn differ(key: String, a: &Value, b: &Value) -> Option<(String, Value, Value)> {
    if a == b {
        return None;
    }
    if let (Value::Object(x), Value::Object(y)) = (a, b) {
        let names: Vec<&String> = x.keys().chain(y.keys()).collect();
        return names.into_iter().find_map(|name| {
            let within = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            differ(within, &a[name], &b[name])
        });
    }
    Some((key, a.clone(), b.clone()))
}
