//! `metadata.yaml`: what a bag says of itself.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use neuraxis_episode::EpisodeError;
use serde::Deserialize;

/// No bag says more about itself [bytes].
const MOST_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct File {
    rosbag2_bagfile_information: Information,
}

#[derive(Deserialize)]
struct Information {
    storage_identifier: String,
    relative_file_paths: Vec<PathBuf>,
    #[serde(default)]
    compression_mode: String,
    topics_with_message_count: Vec<Counted>,
}

#[derive(Deserialize)]
struct Counted {
    topic_metadata: Topic,
}

#[derive(Deserialize)]
struct Topic {
    name: String,
    r#type: String,
}

/// How messages are stored.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mcap,
    Sqlite,
}

/// The files of a bag, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metadata {
    pub(super) kind: Kind,
    pub(super) files: Vec<PathBuf>,
    /// Types by topic; `None`: one file was given alone.
    pub(super) topics: Option<BTreeMap<String, String>>,
}

impl Metadata {
    /// Of a bag's folder, or of one of its files.
    pub(super) fn read(path: &Path) -> Result<Self, EpisodeError> {
        if !path.is_dir() {
            let kind = match path.extension().and_then(|end| end.to_str()) {
                Some("mcap") => Kind::Mcap,
                Some("db3") => Kind::Sqlite,
                _ => return Err(EpisodeError::format(path, "neither a bag's folder nor a file *.mcap or *.db3")),
            };
            return Ok(Self { kind, files: vec![path.to_path_buf()], topics: None });
        }
        let file = path.join("metadata.yaml");
        let len = match fs::metadata(&file) {
            Ok(metadata) => metadata.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let reason = "no metadata.yaml in it: the recording did not end, or it is no bag of ROS 2; \
                              `ros2 bag reindex` makes a new one, and a file of it can be given alone";
                return Err(EpisodeError::format(path, reason));
            }
            Err(e) => return Err(EpisodeError::io(&file, "read")(e)),
        };
        if len > MOST_BYTES {
            return Err(EpisodeError::format(&file, format!("{len} bytes, allowed: {MOST_BYTES}")));
        }
        let text = fs::read_to_string(&file).map_err(EpisodeError::io(&file, "read"))?;
        Self::parse(&text, path).map_err(|reason| EpisodeError::format(&file, reason))
    }

    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let File { rosbag2_bagfile_information: known } = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
        let kind = match known.storage_identifier.as_str() {
            "mcap" => Kind::Mcap,
            "sqlite3" => Kind::Sqlite,
            other => return Err(format!("storage_identifier {other:?}, known: mcap, sqlite3")),
        };
        // Whole files or messages; MCAP compresses inside of itself besides, which its reader undoes.
        let mode = known.compression_mode;
        let is_packed = match kind {
            Kind::Sqlite => !["", "NONE"].contains(&mode.to_ascii_uppercase().as_str()),
            Kind::Mcap => ["FILE", "MESSAGE"].contains(&mode.to_ascii_uppercase().as_str()),
        };
        if is_packed {
            return Err(format!("compression_mode {mode:?}; `ros2 bag convert` writes it without compression"));
        }
        let mut files = Vec::with_capacity(known.relative_file_paths.len());
        for file in known.relative_file_paths {
            // A bag has no business outside of its folder.
            if !file.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(format!("relative_file_paths: {}: leaves the bag's folder", file.display()));
            }
            files.push(folder.join(file));
        }
        if files.is_empty() {
            return Err("relative_file_paths is empty".into());
        }
        let topics = known.topics_with_message_count.into_iter().map(|counted| counted.topic_metadata);
        Ok(Self { kind, files, topics: Some(topics.map(|topic| (topic.name, topic.r#type)).collect()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(storage: &str, mode: &str, file: &str) -> Result<Metadata, String> {
        let text = format!(
            "rosbag2_bagfile_information:\n  version: 9\n  storage_identifier: {storage}\n  relative_file_paths:\n  - {file}\n  \
             compression_mode: \"{mode}\"\n  topics_with_message_count:\n  - topic_metadata:\n      name: /a\n      type: t/msg/T\n    \
             message_count: 2\n"
        );
        Metadata::parse(&text, Path::new("/bag"))
    }

    #[test]
    fn files_stay_in_the_folder_and_storages_are_known() {
        let known = said("sqlite3", "", "a_0.db3").unwrap();
        assert_eq!((known.kind, known.files), (Kind::Sqlite, vec![PathBuf::from("/bag/a_0.db3")]));
        assert_eq!(known.topics.unwrap()["/a"], "t/msg/T");
        assert!(said("mcap", "", "../secret").unwrap_err().contains("../secret: leaves the bag's folder"));
        assert!(said("mcap", "", "/etc/passwd").unwrap_err().contains("leaves"));
        assert!(said("rocksdb", "", "a").unwrap_err().contains("\"rocksdb\", known: mcap, sqlite3"));
        for (storage, mode) in [("sqlite3", "FILE"), ("mcap", "MESSAGE"), ("mcap", "file")] {
            assert!(said(storage, mode, "a").unwrap_err().contains("ros2 bag convert"), "{storage} {mode}");
        }
        assert!(said("mcap", "none", "a").is_ok() && said("mcap", "storage", "a").is_ok());
        assert!(Metadata::parse("a: [", Path::new("/bag")).is_err());
    }
}
