//! Messages of a bag in the order of storing, whatever the storage.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use neuraxis_episode::{EpisodeError, container::Messages};

use super::{
    metadata::{Kind, Metadata},
    sqlite::Rows,
};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    pub(super) topic: String,
    /// Name of its type.
    pub(super) kind: String,
    pub(super) log_nanos: u64,
    pub(super) data: Vec<u8>,
}

/// The files of a bag.
pub(super) struct Storage {
    parts: Vec<(PathBuf, Part)>,
    listed: Option<BTreeMap<String, String>>,
}

enum Part {
    Mcap(Mmap),
    /// Each pass opens it anew.
    Sqlite,
}

impl Storage {
    pub(super) fn open(path: &Path) -> Result<Self, EpisodeError> {
        let Metadata { kind, files, topics } = Metadata::read(path)?;
        let mut parts = Vec::with_capacity(files.len());
        for file in files {
            let part = match kind {
                Kind::Sqlite => Part::Sqlite,
                Kind::Mcap => {
                    let open = File::open(&file).map_err(EpisodeError::io(&file, "open"))?;
                    // SAFETY: the bytes are only read, and every pattern of them is parsed with checks; a recorder
                    // appends to a bag and never shortens it.
                    let map = unsafe { Mmap::map(&open) }.map_err(EpisodeError::io(&file, "map"))?;
                    if !map.starts_with(b"\x89MCAP0\r\n") {
                        return Err(EpisodeError::format(&file, "does not start as MCAP"));
                    }
                    Part::Mcap(map)
                }
            };
            parts.push((file, part));
        }
        Ok(Self { parts, listed: topics })
    }

    /// Types of the topics.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, String>, EpisodeError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let mut topics = BTreeMap::new();
        for (path, part) in &self.parts {
            match part {
                Part::Sqlite => topics.extend(Rows::open(path)?.topics()),
                // What is damaged is said by the pass that reads it all.
                Part::Mcap(map) => topics.extend(
                    Messages::new(map)
                        .map_while(Result::ok)
                        .map(|m| (m.channel.topic.clone(), m.channel.schema.name.clone())),
                ),
            }
        }
        Ok(topics)
    }

    /// All messages; after an error those of the next file follow.
    pub(super) fn messages(&self) -> impl Iterator<Item = Result<Raw, EpisodeError>> {
        self.parts.iter().flat_map(|(path, part)| -> Box<dyn Iterator<Item = Result<Raw, EpisodeError>>> {
            match part {
                Part::Mcap(map) => Box::new(mcap(path, map)),
                Part::Sqlite => match Rows::open(path) {
                    Ok(rows) => Box::new(rows.map(|row| row.map_err(|reason| EpisodeError::format(path, reason)))),
                    Err(error) => Box::new(std::iter::once(Err(error))),
                },
            }
        })
    }
}

fn mcap<'a>(path: &'a Path, map: &'a Mmap) -> impl Iterator<Item = Result<Raw, EpisodeError>> + 'a {
    let mut messages = Messages::new(map);
    std::iter::from_fn(move || {
        let message = match messages.next()? {
            Ok(message) => message,
            Err(source) => {
                let offset = messages.offset();
                return Some(Err(EpisodeError::Damaged { path: path.to_path_buf(), offset, source }));
            }
        };
        let channel = &message.channel;
        let kind = match channel.encoding.as_str() {
            "cdr" => channel.schema.name.clone(),
            // No type of ROS is encoded so.
            other => format!("{} as {other}", channel.schema.name),
        };
        Some(Ok(Raw { topic: channel.topic.clone(), kind, log_nanos: message.header.log_time, data: message.data }))
    })
}
