//! What mended a failure before (level 4 of the ladder), and when that has become a skill.

use std::{collections::BTreeSet, fmt};

use neuraxis_plan::{Class, RawNode};
use rusqlite::{Row, params};

use crate::{
    Result, Store,
    episode::class_name,
    rename::{self, Names},
};

/// A repair that worked in this many different episodes is a skill.
pub const SKILL_AFTER: u32 = 2;
/// Most repairs that one question returns.
const MOST_REPAIRS: usize = 16;

/// Number of a repair.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepairId(pub i64);

/// Nodes that mended a failure of a skill. Things that the failed leaf names stand in it as `?obj`, `?from`, `?to`,
/// `?at`, so that it fits another leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// Its number.
    pub id: RepairId,
    /// Skill that failed.
    pub skill: String,
    /// Name of the class of what it acted on; `none` without.
    pub class: String,
    /// How it failed.
    pub failure: String,
    /// What was done; see [`Repair::nodes`].
    body: Vec<RawNode>,
    /// Episodes in which it worked.
    pub worked: u32,
    /// Times that it did not.
    pub failed: u32,
}

impl Repair {
    /// True if it has worked in [`SKILL_AFTER`] different episodes.
    pub fn is_skill(&self) -> bool {
        self.worked >= SKILL_AFTER
    }

    /// Chance that it works, by the rule of succession (Laplace 1814): (worked + 1) / (tried + 2).
    pub fn chance(&self) -> f64 {
        f64::from(self.worked + 1) / f64::from(self.worked + self.failed + 2)
    }

    /// Its nodes for a leaf that failed now; to be spliced in and validated by the caller. `None` if it needs a thing
    /// that this leaf does not have.
    pub fn nodes(&self, leaf: &RawNode) -> Option<Vec<RawNode>> {
        let names: Names = places(leaf).map(|(place, thing)| (place.into(), thing.into())).collect();
        let nodes = rename::nodes(&self.body, &names);
        let left = serde_json::to_string(&nodes).ok()?;
        let open = ["?obj", "?from", "?to", "?at"].into_iter().filter(|place| !names.contains_key(*place));
        open.into_iter().all(|place| !left.contains(place)).then_some(nodes)
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, skill, class, failure, worked, failed, .. } = self;
        let kind = if self.is_skill() { "skill" } else { "repair" };
        let steps: Vec<_> = self.body.iter().map(step).collect();
        write!(f, "{kind} {}: when {skill} of {class} fails by {failure}: {}; ", id.0, steps.join(", "))?;
        write!(f, "worked in {worked} episodes, failed {failed} times")
    }
}

/// A node in few words: `grasp ?obj from ?from`.
fn step(node: &RawNode) -> String {
    let mut text = node.skill.as_deref().unwrap_or(node.kind.name()).to_string();
    let args = &node.args;
    for (key, thing) in [("", &args.obj), (" from", &args.from), (" to", &args.to), (" at", &args.at)] {
        if let Some(thing) = thing {
            text += &format!("{key} {thing}");
        }
    }
    text
}

/// A repair as it is stored: what the failed leaf names becomes a place to fill.
pub(crate) fn body(leaf: &RawNode, nodes: &[RawNode]) -> Vec<RawNode> {
    // The first place wins if a thing stands in two.
    let mut names = Names::new();
    for (place, thing) in places(leaf) {
        names.entry(thing.into()).or_insert_with(|| place.into());
    }
    rename::nodes(nodes, &names)
}

fn places(leaf: &RawNode) -> impl Iterator<Item = (&'static str, &str)> {
    let args = &leaf.args;
    let all = [("?obj", &args.obj), ("?from", &args.from), ("?to", &args.to), ("?at", &args.at)];
    all.into_iter().filter_map(|(place, thing)| Some((place, thing.as_deref()?)))
}

const COUNTED: &str = "SELECT r.id, r.skill, r.class, r.failure, r.body, \
    (SELECT count(DISTINCT episode) FROM repair_uses WHERE repair = r.id AND worked = 1), \
    (SELECT count(*) FROM repair_uses WHERE repair = r.id AND worked = 0) FROM repairs r";

impl Store {
    /// What to try when a skill failed so: skills first, then by chance; none that worked less than half the time by
    /// [`Repair::chance`], none of `tried`: what has failed in this episode is not repeated (rule R7).
    pub fn repairs(
        &self,
        skill: &str,
        class: Option<Class>,
        failure: &str,
        tried: &BTreeSet<RepairId>,
    ) -> Result<Vec<Repair>> {
        let which = "WHERE skill = ?1 AND class = ?2 AND failure = ?3";
        let mut found = self.counted(which, params![skill, class_name(class), failure])?;
        found.retain(|repair| !tried.contains(&repair.id) && repair.worked > 0 && repair.chance() >= 0.5);
        let order = |r: &Repair| (r.is_skill(), r.chance(), r.id);
        found.sort_by(|a, b| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal));
        found.truncate(MOST_REPAIRS);
        Ok(found)
    }

    /// Every repair that is remembered, skills first.
    pub fn all_repairs(&self) -> Result<Vec<Repair>> {
        let mut all = self.counted("ORDER BY r.id", [])?;
        all.sort_by_key(|repair| !repair.is_skill());
        Ok(all)
    }

    fn counted(&self, which: &str, params: impl rusqlite::Params) -> Result<Vec<Repair>> {
        let rows: Vec<_> = self.query(|db| {
            let mut query = db.prepare_cached(&format!("{COUNTED} {which}"))?;
            query.query_map(params, repair)?.collect::<rusqlite::Result<_>>()
        })?;
        let read = |(repair, body): (Repair, String)| match serde_json::from_str(&body) {
            Ok(body) => Ok(Repair { body, ..repair }),
            Err(e) => Err(self.corrupt(format!("repair {}: {e}", repair.id.0))),
        };
        rows.into_iter().map(read).collect()
    }
}

fn repair(row: &Row) -> rusqlite::Result<(Repair, String)> {
    let repair = Repair {
        id: RepairId(row.get(0)?),
        skill: row.get(1)?,
        class: row.get(2)?,
        failure: row.get(3)?,
        body: Vec::new(),
        worked: row.get(5)?,
        failed: row.get(6)?,
    };
    Ok((repair, row.get(4)?))
}
