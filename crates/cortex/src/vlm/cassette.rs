//! Recorded answers, so that tests run with no model: JSON lines, keyed by BLAKE3 of the request with images by their
//! hash. Neither the server's address nor the key is part of it.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    cancel::Cancel,
    error::VlmError,
    http::{Answer, Call, Wire},
};

/// Whether answers are recorded or played.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CassetteMode {
    /// Neither.
    #[default]
    Off,
    /// The server answers; the file is made anew.
    Record,
    /// The file answers; nothing is sent.
    Replay,
}

/// Where answers are recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CassetteConfig {
    /// Default off.
    pub mode: CassetteMode,
    /// The file.
    pub path: PathBuf,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    purpose: String,
    place: String,
    status: u16,
    body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_secs: Option<u64>,
}

/// Hash of a request: method, place and body.
fn key(call: &Call) -> String {
    let mut hasher = blake3::Hasher::new();
    let body = call.body.as_ref().map_or("", |body| &body.canonical);
    for part in [if call.body.is_some() { "POST" } else { "GET" }, &call.place(), body] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn unusable(path: &Path, why: impl ToString) -> VlmError {
    VlmError::Cassette { path: path.display().to_string(), why: why.to_string() }
}

/// Passes requests on, and writes down what is answered.
pub(super) struct Recorder {
    inner: Box<dyn Wire>,
    path: PathBuf,
    file: File,
}

impl Recorder {
    pub(super) fn new(inner: Box<dyn Wire>, path: &Path) -> Result<Self, VlmError> {
        let file = File::create(path).map_err(|error| unusable(path, error))?;
        Ok(Self { inner, path: path.to_path_buf(), file })
    }
}

impl Wire for Recorder {
    fn exchange(&mut self, call: &Call, left: Duration, cancel: &Cancel) -> Result<Answer, VlmError> {
        let answer = self.inner.exchange(call, left, cancel)?;
        let line = Line {
            key: key(call),
            purpose: call.purpose.name().into(),
            place: call.place(),
            status: answer.status,
            body: answer.body.clone(),
            retry_after_secs: answer.retry_after_secs,
        };
        let text = serde_json::to_string(&line).map_err(|error| unusable(&self.path, error))?;
        writeln!(self.file, "{text}").map_err(|error| unusable(&self.path, error))?;
        Ok(answer)
    }
}

/// Answers from a file. Answers to one request come in the order in which they were recorded; the last one stays.
pub(super) struct Player {
    path: PathBuf,
    answers: HashMap<String, VecDeque<Answer>>,
}

impl Player {
    pub(super) fn new(path: &Path) -> Result<Self, VlmError> {
        let file = File::open(path).map_err(|error| unusable(path, error))?;
        let mut answers: HashMap<String, VecDeque<Answer>> = HashMap::new();
        for (i, text) in BufReader::new(file).lines().enumerate() {
            let text = text.map_err(|error| unusable(path, error))?;
            let line: Line =
                serde_json::from_str(&text).map_err(|error| unusable(path, format!("line {}: {error}", i + 1)))?;
            let Line { key, status, body, retry_after_secs, .. } = line;
            answers.entry(key).or_default().push_back(Answer { status, body, retry_after_secs });
        }
        Ok(Self { path: path.to_path_buf(), answers })
    }
}

impl Wire for Player {
    fn exchange(&mut self, call: &Call, _left: Duration, cancel: &Cancel) -> Result<Answer, VlmError> {
        if cancel.is_cancelled() {
            return Err(VlmError::Cancelled);
        }
        let key = key(call);
        let found = self
            .answers
            .get_mut(&key)
            .and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() });
        found.ok_or_else(|| VlmError::NotRecorded {
            path: self.path.display().to_string(),
            key,
            purpose: call.purpose.name(),
            place: call.place(),
        })
    }
}
