//! Forgetting for good. What is superseded by itself stays; this is for what shall not be there any more.

use std::{collections::BTreeSet, fmt};

use rusqlite::{Row, params};

use crate::{EpisodeId, MemoryError, Result, Stamp, Store};

/// What shall be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An episode, with its share in every count. What it saw and still holds stays known, without its source: later
    /// episodes found it so too; facts that it ended stay ended.
    Episode(EpisodeId),
    /// All facts about a thing. What episodes say of it stays.
    Thing(String),
    /// Every episode that ended before, as above, and every fact that ended before.
    Before(Stamp),
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Episodes.
    pub episodes: BTreeSet<EpisodeId>,
    /// How many facts.
    pub facts: usize,
    /// How many plans and repairs that no other episode knew.
    pub plans_and_repairs: usize,
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (episodes, facts) = (self.episodes.len(), self.facts);
        write!(f, "forgotten: {episodes} episodes, {facts} facts, {} plans and repairs", self.plans_and_repairs)
    }
}

impl Store {
    /// Forgets, in one transaction; the bytes are overwritten, in the file and in its log. Refused if there is no such
    /// episode. A [`crate::Memory`] that is open forgets by [`crate::Memory::forget`].
    pub fn forget(&mut self, what: &What) -> Result<Forgotten> {
        let forgotten = self.transaction(|tx| {
            let ids = |sql: &str, value: i64| {
                let rows = |row: &Row| Ok(EpisodeId(row.get(0)?));
                tx.prepare(sql)?.query_map([value], rows)?.collect::<rusqlite::Result<BTreeSet<_>>>()
            };
            let episodes = match what {
                What::Episode(id) => ids("SELECT id FROM episodes WHERE id = ?1", id.0)?,
                What::Thing(_) => BTreeSet::new(),
                What::Before(at) => ids("SELECT id FROM episodes WHERE ended_ms < ?1", at.unix_ms())?,
            };
            if let (What::Episode(id), true) = (what, episodes.is_empty()) {
                return Err(MemoryError::Unknown { what: "episode", id: id.to_string() }.into());
            }
            let mut facts = match what {
                What::Episode(_) => 0,
                What::Thing(name) => tx.execute("DELETE FROM facts WHERE subject = ?1 OR object = ?1", [name])?,
                What::Before(at) => tx.execute("DELETE FROM facts WHERE valid_to_ms < ?1", [at.unix_ms()])?,
            };
            for id in &episodes {
                let keep = "UPDATE facts SET episode = NULL WHERE episode = ?1 AND valid_to_ms IS NULL";
                tx.prepare_cached(keep)?.execute([id.0])?;
                facts += tx.prepare_cached("DELETE FROM facts WHERE episode = ?1")?.execute([id.0])?;
                tx.prepare_cached("DELETE FROM episodes WHERE id = ?1")?.execute([id.0])?;
            }
            let orphans = [
                "DELETE FROM repairs WHERE NOT EXISTS (SELECT 1 FROM repair_uses WHERE repair = repairs.id)",
                "DELETE FROM plans WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE plan = plans.id) \
                 AND NOT EXISTS (SELECT 1 FROM attempts WHERE derived_from = plans.id)",
            ];
            let mut plans_and_repairs = 0;
            for sql in orphans {
                plans_and_repairs += tx.execute(sql, params![])?;
            }
            Ok(Forgotten { episodes, facts, plans_and_repairs })
        })?;
        // The log still has the old pages; a reader in the way leaves them until the next time.
        self.query(|db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))?;
        Ok(forgotten)
    }
}
