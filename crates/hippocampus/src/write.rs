//! An episode into the tables: all of it in one transaction, or nothing.

use neuraxis_plan::{Class, Truth};
use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::{
    Concluded, EpisodeId, Leaf, MemoryError, Mending, Outcome, PlanId, Result, Store,
    episode::{class_name, json},
    facts::record,
    repairs::body,
    store::Refused,
};

impl Store {
    /// Writes an episode down; it is on the disk when this returns.
    pub(crate) fn write(&mut self, concluded: &Concluded) -> Result<EpisodeId> {
        self.transaction(|tx| {
            let id = episode(tx, concluded)?;
            let draft = &concluded.draft;
            attempts(tx, id, concluded)?;
            for leaf in &draft.leaves {
                write_leaf(tx, id, leaf, &draft.embodiment)?;
            }
            let mut insert = tx.prepare_cached(
                "INSERT INTO anomalies (episode, at_ms, node, monitor, level, score, threshold) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for a in &draft.anomalies {
                insert.execute(params![id.0, a.at.unix_ms(), a.node, a.monitor, a.level, a.score, a.threshold])?;
            }
            for mending in &draft.mendings {
                mend(tx, id, mending)?;
            }
            for (at, cause, seen) in &draft.seen {
                record(tx, seen, *at, (Some(id), *cause), 1.0)?;
            }
            Ok(id)
        })
    }
}

fn episode(tx: &Transaction, concluded: &Concluded) -> Result<EpisodeId, Refused> {
    let Concluded { draft, goal, outcome, ended } = concluded;
    let (word, why) = match outcome {
        Outcome::Success => ("success", ""),
        Outcome::Failure { why } => ("failure", why.as_str()),
    };
    let objects: Vec<(&str, Class)> = draft.objects.iter().map(|(id, class)| (id.as_str(), *class)).collect();
    tx.prepare_cached(
        "INSERT INTO episodes (instruction, template, mentions, embedding, embodiment, objects, start_facts, goal, \
         outcome, why, started_ms, ended_ms, vlm_calls, log) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        draft.instruction,
        draft.wording.template,
        list("mentions", &draft.wording.mentions)?,
        draft.embedding.to_bytes(),
        draft.embodiment,
        list("objects", &objects)?,
        list("facts at the start", &draft.start_facts)?,
        list("goal", goal)?,
        word,
        why,
        draft.started.unix_ms(),
        ended.unix_ms(),
        draft.vlm_calls,
        draft.log
    ])?;
    Ok(EpisodeId(tx.last_insert_rowid()))
}

/// The last plan did what the episode did; those before it had been given up.
fn attempts(tx: &Transaction, id: EpisodeId, concluded: &Concluded) -> Result<(), Refused> {
    let attempts = &concluded.draft.attempts;
    for (i, attempt) in attempts.iter().enumerate() {
        let body = json("plan", &attempt.plan)?;
        tx.prepare_cached("INSERT INTO plans (body) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([&body])?;
        let plan: i64 =
            tx.prepare_cached("SELECT id FROM plans WHERE body = ?1")?.query_row([&body], |row| row.get(0))?;
        let worked = i + 1 == attempts.len() && concluded.outcome == Outcome::Success;
        let origin = attempt.derived_from.map(|PlanId(id)| id).filter(|origin| *origin != plan);
        // What was forgotten meanwhile is nobody's origin.
        let sql = "INSERT INTO attempts (episode, plan, derived_from, source, worked) \
                   VALUES (?1, ?2, (SELECT id FROM plans WHERE id = ?3), ?4, ?5)";
        tx.prepare_cached(sql)?.execute(params![id.0, plan, origin, attempt.source, worked])?;
    }
    Ok(())
}

fn write_leaf(tx: &Transaction, id: EpisodeId, leaf: &Leaf, embodiment: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO leaves (episode, node, skill, class, embodiment, worked, failure, secs) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        id.0,
        leaf.node,
        leaf.skill,
        class_name(leaf.class),
        embodiment,
        observed(leaf.observed),
        leaf.failure,
        leaf.secs
    ])?;
    let row = tx.last_insert_rowid();
    let mut insert =
        tx.prepare_cached("INSERT OR REPLACE INTO numbers (leaf, kind, name, value) VALUES (?1, ?2, ?3, ?4)")?;
    for (kind, numbers) in [("parameter", &leaf.parameters), ("score", &leaf.scores)] {
        for (name, value) in numbers {
            insert.execute(params![row, kind, name, value])?;
        }
    }
    Ok(())
}

fn mend(db: &Connection, id: EpisodeId, mending: &Mending) -> Result<(), Refused> {
    let (Some(skill), Some(worked)) = (&mending.leaf.skill, observed(mending.observed)) else { return Ok(()) };
    let body = json("repair", &body(&mending.leaf, &mending.nodes))?;
    let key = params![skill, class_name(mending.class), mending.failure, body];
    db.prepare_cached(
        "INSERT INTO repairs (skill, class, failure, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(key)?;
    let repair: i64 = db
        .prepare_cached("SELECT id FROM repairs WHERE skill = ?1 AND class = ?2 AND failure = ?3 AND body = ?4")?
        .query_row(key, |row| row.get(0))?;
    db.prepare_cached("INSERT INTO repair_uses (repair, episode, worked) VALUES (?1, ?2, ?3)")?
        .execute(params![repair, id.0, worked])?;
    Ok(())
}

/// `None`: nobody saw whether it did.
fn observed(truth: Truth) -> Option<bool> {
    match truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

fn list<T: Serialize>(what: &'static str, list: &[T]) -> Result<String, MemoryError> {
    json(what, &list)
}
