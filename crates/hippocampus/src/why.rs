//! Why something is believed: `neuraxis memory why`.

use std::fmt;

use rusqlite::Row;

use crate::{EpisodeId, Known, KnownId, MemoryError, Repair, RepairId, Result, Stamp, Store};

/// An episode as evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Which.
    pub episode: EpisodeId,
    /// When it ended.
    pub ended: Stamp,
    /// What was said.
    pub instruction: String,
    /// What it shows: it worked, or it did not.
    pub worked: bool,
}

/// A belief and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// A fact, what held in its place before, and the episode that saw it.
    Fact {
        /// The fact.
        fact: Known,
        /// What it took the place of.
        instead_of: Option<Box<Known>>,
        /// Who saw it; `None`: it sums up several, or its episode was forgotten.
        seen_in: Option<Evidence>,
    },
    /// A repair, and the episodes in which it was tried.
    Repair {
        /// The repair.
        repair: Repair,
        /// Oldest first.
        tried_in: Vec<Evidence>,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { episode, ended, instruction, worked } = self;
        write!(f, "episode {episode}, {ended}, {}: {instruction:?}", if *worked { "worked" } else { "failed" })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact { fact, instead_of, seen_in } => {
                writeln!(f, "{fact}")?;
                if let Some(before) = instead_of {
                    writeln!(f, "  instead of {before}")?;
                }
                seen_in.iter().try_for_each(|evidence| writeln!(f, "  {evidence}"))
            }
            Self::Repair { repair, tried_in } => {
                writeln!(f, "{repair}")?;
                tried_in.iter().try_for_each(|evidence| writeln!(f, "  {evidence}"))
            }
        }
    }
}

impl Store {
    /// What a fact rests on.
    pub fn why_fact(&self, id: KnownId) -> Result<Why> {
        let unknown = || MemoryError::Unknown { what: "fact", id: id.0.to_string() };
        let fact = self.fact(id)?.ok_or_else(unknown)?;
        let instead_of = self.fact_before(&fact)?.map(Box::new);
        let sql = "SELECT id, ended_ms, instruction, outcome = 'success' FROM episodes WHERE id = ?1";
        let seen_in = match fact.episode {
            Some(episode) => self.evidence(sql, episode.0)?.pop(),
            None => None,
        };
        Ok(Why::Fact { fact, instead_of, seen_in })
    }

    /// What a repair rests on.
    pub fn why_repair(&self, id: RepairId) -> Result<Why> {
        let unknown = || MemoryError::Unknown { what: "repair", id: id.0.to_string() };
        let repair = self.all_repairs()?.into_iter().find(|repair| repair.id == id).ok_or_else(unknown)?;
        let sql = "SELECT e.id, ended_ms, instruction, worked FROM repair_uses u JOIN episodes e ON e.id = u.episode \
                   WHERE u.repair = ?1 ORDER BY u.id";
        Ok(Why::Repair { repair, tried_in: self.evidence(sql, id.0)? })
    }

    fn evidence(&self, sql: &str, id: i64) -> Result<Vec<Evidence>> {
        let evidence = |row: &Row| {
            Ok(Evidence {
                episode: EpisodeId(row.get(0)?),
                ended: Stamp::from_unix_ms(row.get(1)?),
                instruction: row.get(2)?,
                worked: row.get(3)?,
            })
        };
        self.query(|db| db.prepare_cached(sql)?.query_map([id], evidence)?.collect())
    }
}
