//! From many episodes to what is usually so (tier 3): where a thing is mostly found.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::{Cause, Result, Seen, Stamp, Store, Triple, facts::record};

/// How many of the last episodes are summed up.
const WINDOW: i64 = 200;
/// Least number of episodes that found a thing in a place, and least share of those that found it anywhere.
const LEAST: (u32, f64) = (3, 0.6);

impl Store {
    /// Makes `usually_on`, `usually_in` of where things were found at the start of the last episodes; ends those that
    /// no longer are so. Says how many facts changed.
    pub(crate) fn consolidate(&mut self, at: Stamp) -> Result<usize> {
        let starts: Vec<String> = self.query(|db| {
            let sql = "SELECT start_facts FROM episodes ORDER BY id DESC LIMIT ?1";
            db.prepare_cached(sql)?.query_map([WINDOW], |row| row.get(0))?.collect()
        })?;
        let mut found: BTreeMap<String, BTreeMap<(String, String), u32>> = BTreeMap::new();
        for start in &starts {
            let facts: Vec<String> =
                serde_json::from_str(start).map_err(|e| self.corrupt(format!("facts at a start: {e}")))?;
            for (subject, predicate, place) in facts.iter().filter_map(|fact| place(fact)) {
                *found.entry(subject).or_default().entry((predicate, place)).or_default() += 1;
            }
        }
        let mut now: Vec<(Seen, f64)> = Vec::new();
        for (subject, places) in &found {
            let all: u32 = places.values().sum();
            let Some(((predicate, place), count)) = places.iter().max_by_key(|(_, count)| **count) else { continue };
            if *count >= LEAST.0 && f64::from(*count) >= LEAST.1 * f64::from(all) {
                let triple = Triple::new(subject, &format!("usually_{predicate}"), Some(place))?;
                // Rule of succession.
                let confidence = f64::from(count + 1) / f64::from(all + 2);
                now.push((Seen { triple, holds: true, position_in_world: None }, confidence));
            }
        }
        let before = self.facts_now(None)?;
        let ended = before.iter().filter(|known| known.cause == Cause::Consolidation);
        let ended: Vec<_> = ended.filter(|known| now.iter().all(|(seen, _)| seen.triple != known.triple)).collect();
        let begun = now.iter().filter(|(seen, _)| before.iter().all(|known| known.triple != seen.triple)).count();
        let changed = ended.len() + begun;
        self.transaction(|tx| {
            for known in &ended {
                let seen = Seen { triple: known.triple.clone(), holds: false, position_in_world: None };
                record(tx, &seen, at, (None, Cause::Consolidation), known.confidence)?;
            }
            for (seen, confidence) in &now {
                record(tx, seen, at, (None, Cause::Consolidation), *confidence)?;
                // Beliefs that go on are held as firmly as the last count says.
                let sql = "UPDATE facts SET confidence = ?3 WHERE subject = ?1 AND slot = ?2 AND valid_to_ms IS NULL";
                tx.prepare_cached(sql)?.execute(params![seen.triple.subject, seen.triple.slot(), confidence])?;
            }
            Ok(())
        })?;
        Ok(changed)
    }
}

/// Subject, predicate and place of `on(red_block,table)`.
fn place(fact: &str) -> Option<(String, String, String)> {
    let (predicate, rest) = fact.split_once('(')?;
    let (subject, place) = rest.strip_suffix(')')?.split_once(',')?;
    matches!(predicate, "on" | "in").then(|| (subject.into(), predicate.into(), place.into()))
}
