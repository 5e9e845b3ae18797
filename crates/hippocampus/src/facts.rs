//! What is and was so, with the times between which it held.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::{EpisodeId, Result, Seen, Stamp, Store, Triple, triple::PLACE};

/// A thing that is this far from where it lay has been moved [m]; nearer is the cameras' noise.
pub const MOVED_M: f64 = 0.02;

/// Most rows that a question about facts returns; of a history the newest.
const MOST_ROWS: i64 = 10_000;

/// Number of a fact.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownId(pub i64);

/// What made a fact known.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was found so when an episode began.
    Start,
    /// It came to be so while this node of the plan ran.
    Leaf(u16),
    /// It was found so when an episode ended.
    End,
    /// It sums up what was seen in many episodes.
    Consolidation,
}

impl Cause {
    fn word(self) -> String {
        match self {
            Self::Start => "start".into(),
            Self::Leaf(node) => format!("leaf {node}"),
            Self::End => "end".into(),
            Self::Consolidation => "consolidation".into(),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        match word.split_once(' ') {
            Some(("leaf", node)) => node.parse().ok().map(Self::Leaf),
            _ => [Self::Start, Self::End, Self::Consolidation].into_iter().find(|cause| cause.word() == word),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => write!(f, "found so at its start"),
            Self::Leaf(node) => write!(f, "came about in its node {node}"),
            Self::End => write!(f, "found so at its end"),
            Self::Consolidation => write!(f, "summed up over episodes"),
        }
    }
}

/// A fact, when it held, and how that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its number; later facts have larger ones.
    pub id: KnownId,
    /// What held.
    pub triple: Triple,
    /// `p_W`: where the subject was [m, world frame], if known.
    pub position_in_world: Option<[f64; 3]>,
    /// When it was first seen so.
    pub valid_from: Stamp,
    /// When it was first seen otherwise; `None`: it holds for all that is known.
    pub valid_to: Option<Stamp>,
    /// 0 to 1.
    pub confidence: f64,
    /// The episode that saw it; `None` if it sums up several, or that episode was forgotten.
    pub episode: Option<EpisodeId>,
    /// Why it is believed.
    pub cause: Cause,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fact {}: {}", self.id.0, self.triple)?;
        if let Some([x, y, z]) = self.position_in_world {
            write!(f, " at [{x:.3}, {y:.3}, {z:.3}] m")?;
        }
        match self.valid_to {
            Some(to) => write!(f, ", {} to {to}", self.valid_from)?,
            None => write!(f, ", since {}", self.valid_from)?,
        }
        match self.episode {
            Some(episode) => write!(f, "; episode {episode}: {}", self.cause),
            None if self.cause == Cause::Consolidation => {
                write!(f, "; {}, confidence {:.2}", self.cause, self.confidence)
            }
            None => write!(f, "; its episode was forgotten"),
        }
    }
}

/// Where a thing is, and where it was before it was last moved.
#[derive(Clone, Debug, PartialEq)]
pub struct LastMove {
    /// Where it is now: in a place, or held.
    pub now: Known,
    /// The place in which it lay before the last episode that moved it, or before somebody else moved it between
    /// episodes: where "put it back where it was" wants it.
    pub before: Known,
}

impl fmt::Display for LastMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "now    {}\nbefore {}", self.now, self.before)
    }
}

/// Reading.
impl Store {
    /// What holds now, of one subject or of all, in order of subjects.
    pub fn facts_now(&self, subject: Option<&str>) -> Result<Vec<Known>> {
        self.known("WHERE valid_to_ms IS NULL AND (?1 IS NULL OR subject = ?1) ORDER BY subject, id", [subject])
    }

    /// What held at a time.
    pub fn facts_at(&self, subject: Option<&str>, at: Stamp) -> Result<Vec<Known>> {
        let held = "WHERE valid_from_ms <= ?2 AND (valid_to_ms IS NULL OR valid_to_ms > ?2) \
                    AND (?1 IS NULL OR subject = ?1) ORDER BY subject, id";
        self.known(held, params![subject, at.unix_ms()])
    }

    /// Everything that was ever known of a thing, oldest first, also as the object of a fact.
    pub fn history(&self, name: &str) -> Result<Vec<Known>> {
        let mut rows = self.known("WHERE subject = ?1 OR object = ?1 ORDER BY id DESC", [name])?;
        rows.reverse();
        Ok(rows)
    }

    /// One fact.
    pub fn fact(&self, id: KnownId) -> Result<Option<Known>> {
        Ok(self.known("WHERE id = ?1", [id.0])?.pop())
    }

    /// Where a thing is and was; `None` if it was never seen, or never seen to move.
    pub fn last_move(&self, name: &str) -> Result<Option<LastMove>> {
        let mut rows = self.known("WHERE subject = ?1 AND slot = ?2 ORDER BY id DESC", [name, PLACE])?;
        rows.reverse();
        let Some(now) = rows.pop() else { return Ok(None) };
        // The move began with the first of this episode's doings; what it found at its start was done by others.
        let ours = |known: &Known| now.episode.is_some() && known.episode == now.episode && known.cause != Cause::Start;
        if ours(&now) {
            rows.retain(|known| !ours(known));
        }
        Ok(rows.into_iter().rev().find(|known| known.triple.is_resting_place()).map(|before| LastMove { now, before }))
    }

    /// Facts that an episode was the first to see.
    pub(crate) fn facts_of(&self, episode: EpisodeId) -> Result<Vec<Known>> {
        self.known("WHERE episode = ?1 ORDER BY id", [episode.0])
    }

    /// What held in the place of a fact before it.
    pub(crate) fn fact_before(&self, fact: &Known) -> Result<Option<Known>> {
        let slot = fact.triple.slot();
        let before = "WHERE subject = ?1 AND slot = ?2 AND id < ?3 ORDER BY id DESC";
        Ok(self.known(before, params![fact.triple.subject, slot, fact.id.0])?.into_iter().next())
    }

    fn known(&self, which: &str, params: impl Params) -> Result<Vec<Known>> {
        let sql = format!(
            "SELECT id, subject, predicate, object, x_m, y_m, z_m, valid_from_ms, valid_to_ms, confidence, episode, \
             cause FROM facts {which} LIMIT {MOST_ROWS}"
        );
        self.query(|db| db.prepare_cached(&sql)?.query_map(params, known)?.collect())
    }
}

fn known(row: &Row) -> rusqlite::Result<Known> {
    let position = || Some([row.get(4).ok()?, row.get(5).ok()?, row.get(6).ok()?]);
    let cause: String = row.get(11)?;
    Ok(Known {
        id: KnownId(row.get(0)?),
        triple: Triple { subject: row.get(1)?, predicate: row.get(2)?, object: row.get(3)? },
        position_in_world: position(),
        valid_from: Stamp::from_unix_ms(row.get(7)?),
        valid_to: row.get::<_, Option<i64>>(8)?.map(Stamp::from_unix_ms),
        confidence: row.get(9)?,
        episode: row.get::<_, Option<i64>>(10)?.map(EpisodeId),
        cause: Cause::of_word(&cause)
            .ok_or_else(|| rusqlite::Error::InvalidColumnType(11, cause, rusqlite::types::Type::Text))?,
    })
}

/// True if both places are known and further apart than [`MOVED_M`].
pub(crate) fn moved(a: Option<[f64; 3]>, b: Option<[f64; 3]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() > MOVED_M
}

/// Takes in that something was seen: closes what it excludes, and begins it unless it is known already.
pub(crate) fn record(
    db: &Connection,
    seen: &Seen,
    at: Stamp,
    source: (Option<EpisodeId>, Cause),
    confidence: f64,
) -> rusqlite::Result<()> {
    let Seen { triple, holds, position_in_world: position } = seen;
    let slot = triple.slot();
    let current = db
        .prepare_cached(
            "SELECT id, subject, predicate, object, x_m, y_m, z_m, valid_from_ms, valid_to_ms, confidence, episode, \
             cause FROM facts WHERE subject = ?1 AND slot = ?2 AND valid_to_ms IS NULL",
        )?
        .query_row([&triple.subject, &slot], known)
        .optional()?;
    let same = current.as_ref().is_some_and(|c| c.triple == *triple && !moved(c.position_in_world, *position));
    if let Some(current) = current.filter(|current| if *holds { !same } else { current.triple == *triple }) {
        // A clock that stepped back ends a fact when it began, not before.
        let to = at.max(current.valid_from).unix_ms();
        db.prepare_cached("UPDATE facts SET valid_to_ms = ?2 WHERE id = ?1")?.execute([current.id.0, to])?;
    }
    if *holds && !same {
        let [x, y, z] = position.map_or([None; 3], |p| p.map(Some));
        db.prepare_cached(
            "INSERT INTO facts (subject, predicate, object, slot, x_m, y_m, z_m, confidence, valid_from_ms, episode, \
             cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            triple.subject,
            triple.predicate,
            triple.object,
            slot,
            x,
            y,
            z,
            confidence,
            at.unix_ms(),
            source.0.map(|episode| episode.0),
            source.1.word()
        ])?;
    }
    Ok(())
}
