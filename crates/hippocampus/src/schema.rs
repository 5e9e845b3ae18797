//! The tables, and how an older file becomes a newer one.
//!
//! What is counted (how often a skill worked, say) is not stored but asked of what happened: forgetting an episode
//! takes its share out of every count.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: `NXhp`.
pub(crate) const APPLICATION_ID: i64 = 0x4e58_6870;

/// Step i makes a file of version i into one of version i + 1. A step that has been released is never changed.
pub(crate) const STEPS: &[&str] = &[FIRST];

/// Times are milliseconds since 1970 (`_ms`), positions metres in the world frame. `autoincrement`: a number is never
/// used twice, so that what was forgotten cannot be taken for what came later.
const FIRST: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Tier 1, what happened. Embedding: f32 little endian, length one.
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instruction TEXT NOT NULL, template TEXT NOT NULL, mentions TEXT NOT NULL, embedding BLOB NOT NULL,
    embodiment TEXT NOT NULL, objects TEXT NOT NULL, start_facts TEXT NOT NULL, goal TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('success', 'failure')), why TEXT NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL CHECK (ended_ms >= started_ms),
    vlm_calls INTEGER NOT NULL, log TEXT
) STRICT;
CREATE INDEX episodes_by_template ON episodes (template, outcome);

-- Each plan once; who tried it, and whether it led to the goal. Derived: a plan with things replaced.
CREATE TABLE plans (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    plan INTEGER NOT NULL REFERENCES plans (id), derived_from INTEGER REFERENCES plans (id),
    source TEXT NOT NULL, worked INTEGER NOT NULL CHECK (worked IN (0, 1))
) STRICT;
CREATE INDEX attempts_by_episode ON attempts (episode);
CREATE INDEX attempts_by_plan ON attempts (plan);
CREATE INDEX attempts_by_origin ON attempts (derived_from);

CREATE TABLE leaves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    node INTEGER NOT NULL, skill TEXT NOT NULL, class TEXT NOT NULL, embodiment TEXT NOT NULL,
    -- Null: its postcondition was never observed, neither as true nor as false.
    worked INTEGER CHECK (worked IN (0, 1)), failure TEXT, secs REAL NOT NULL
) STRICT;
CREATE INDEX leaves_by_episode ON leaves (episode);
CREATE INDEX leaves_by_skill ON leaves (skill, class, embodiment, worked, secs);
CREATE TABLE numbers (
    leaf INTEGER NOT NULL REFERENCES leaves (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('parameter', 'score')), name TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (leaf, kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE anomalies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    at_ms INTEGER NOT NULL, node INTEGER NOT NULL, monitor TEXT NOT NULL, level INTEGER NOT NULL,
    score REAL NOT NULL, threshold REAL NOT NULL
) STRICT;
CREATE INDEX anomalies_by_episode ON anomalies (episode);

-- Tier 2, how things are done: beside the counts over `leaves`, what mended a failure.
CREATE TABLE repairs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    skill TEXT NOT NULL, class TEXT NOT NULL, failure TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (skill, class, failure, body)
) STRICT;
CREATE TABLE repair_uses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repair INTEGER NOT NULL REFERENCES repairs (id),
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    worked INTEGER NOT NULL CHECK (worked IN (0, 1))
) STRICT;
CREATE INDEX repair_uses_by_repair ON repair_uses (repair, worked, episode);
CREATE INDEX repair_uses_by_episode ON repair_uses (episode);

-- Tier 3, what is and was so. Of one slot and subject one row at most has no valid_to_ms. Rows are closed, not deleted;
-- their order is that of their numbers, not of a clock that may step.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL, predicate TEXT NOT NULL, object TEXT, slot TEXT NOT NULL,
    x_m REAL, y_m REAL, z_m REAL, confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    valid_from_ms INTEGER NOT NULL, valid_to_ms INTEGER CHECK (valid_to_ms >= valid_from_ms),
    episode INTEGER REFERENCES episodes (id) ON DELETE CASCADE, cause TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX facts_valid ON facts (subject, slot) WHERE valid_to_ms IS NULL;
CREATE INDEX facts_by_subject ON facts (subject, slot, id);
CREATE INDEX facts_by_object ON facts (object, id);
CREATE INDEX facts_by_episode ON facts (episode);
";

/// Version of the file.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file to version `steps.len()`: all of it, or nothing.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    // Immediate: the version is read under the lock under which it is changed.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = usize::try_from(version(&transaction)?).unwrap_or(usize::MAX);
    for step in steps.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    if from < steps.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_is_brought_up_with_what_it_holds_or_left_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, STEPS).unwrap();
        connection.execute("INSERT INTO meta VALUES ('encoder', 'x')", []).unwrap();
        let second = "ALTER TABLE meta ADD COLUMN note TEXT";
        let broken = [STEPS[0], second, "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1)"];
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT note FROM meta").is_err(), "half a migration was kept");
        migrate(&mut connection, &[STEPS[0], second]).unwrap();
        migrate(&mut connection, &[STEPS[0], second]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
        let kept: String = connection.query_row("SELECT value FROM meta WHERE note IS NULL", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, "x");
    }
}
