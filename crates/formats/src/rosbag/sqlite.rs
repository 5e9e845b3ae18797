//! Messages of a bag's SQLite file, one row at a time.

use std::{collections::BTreeMap, path::Path};

use neuraxis_episode::EpisodeError;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::storage::Raw;

/// A longer message is damage [bytes].
const LARGEST_MESSAGE: i64 = 64 << 20;
const NEXT: &str = "SELECT rowid, topic_id, timestamp, length(data), CASE WHEN length(data) <= ?2 THEN data END \
                    FROM messages WHERE rowid > ?1 ORDER BY rowid LIMIT 1";

/// A file that is open, and where reading stands.
pub(super) struct Rows {
    database: Connection,
    topics: BTreeMap<i64, (String, String)>,
    last: i64,
    is_done: bool,
}

impl Rows {
    /// Opens a file for reading only.
    pub(super) fn open(path: &Path) -> Result<Self, EpisodeError> {
        let refuse = |e: rusqlite::Error| EpisodeError::format(path, format!("SQLite: {e}"));
        if !path.exists() {
            return Err(EpisodeError::format(path, "is named in metadata.yaml and is not there"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags).map_err(refuse)?;
        // Nothing that the file brings along is run, and what is out of shape is found.
        // One transaction: each message would lock the file anew.
        let start = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; BEGIN;";
        database.execute_batch(start).map_err(refuse)?;
        for table in ["topics", "messages"] {
            let text = "SELECT sql FROM sqlite_schema WHERE name = ?1 AND type = 'table'";
            let sql: Option<String> = database.query_row(text, [table], |row| row.get(0)).optional().map_err(refuse)?;
            // Views, virtual tables and computed columns are no part of a bag.
            let is_plain = sql.as_ref().is_some_and(|sql| {
                let sql = sql.to_ascii_uppercase();
                sql.starts_with("CREATE TABLE") && !sql.contains(" AS ") && !sql.contains("AS(")
            });
            if !is_plain {
                return Err(EpisodeError::format(path, format!("no table {table} of a bag")));
            }
        }
        let mut topics = BTreeMap::new();
        {
            let mut statement = database.prepare("SELECT id, name, type FROM topics").map_err(refuse)?;
            let mut rows = statement.query([]).map_err(refuse)?;
            while let Some(row) = rows.next().map_err(refuse)? {
                let entry = |i| row.get(i).map_err(refuse);
                topics.insert(row.get(0).map_err(refuse)?, (entry(1)?, entry(2)?));
            }
        }
        Ok(Self { database, topics, last: i64::MIN, is_done: false })
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = (String, String)> {
        self.topics.values().cloned()
    }

    fn read(&mut self) -> Result<Option<Raw>, String> {
        loop {
            let mut statement = self.database.prepare_cached(NEXT).map_err(|e| format!("SQLite: {e}"))?;
            let row = statement.query_row([self.last, LARGEST_MESSAGE], |row| {
                Ok((
                    row.get(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, Option<i64>>(3)?,
                    row.get(4)?,
                ))
            });
            let Some((id, topic, stamp, len, data)) = row.optional().map_err(|e| format!("SQLite: {e}"))? else {
                return Ok(None);
            };
            let data: Option<Vec<u8>> = data;
            // A damaged tree may lead back: reading would never end.
            if id <= self.last {
                return Err(format!("message {id} follows message {}", self.last));
            }
            self.last = id;
            if len.is_some_and(|len| len > LARGEST_MESSAGE) {
                return Err(format!("message {id}: more than {LARGEST_MESSAGE} bytes"));
            }
            // A message of a topic that is not listed is nobody's.
            let Some((topic, kind)) = self.topics.get(&topic) else { continue };
            let data = data.ok_or_else(|| format!("message {id}: without data"))?;
            let log_nanos = u64::try_from(stamp).unwrap_or(0);
            return Ok(Some(Raw { topic: topic.clone(), kind: kind.clone(), log_nanos, data }));
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Raw, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
