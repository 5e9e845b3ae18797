//! What is remembered, to be read by a person: `neuraxis memory show`.

use std::fmt;

use neuraxis_plan::RawPlan;
use rusqlite::{OptionalExtension, Row};

use crate::{EpisodeId, Known, Outcome, PlanId, Repair, Result, SkillRecord, Stamp, Store};

/// Everything that is remembered of one episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Its number.
    pub id: EpisodeId,
    /// What was said.
    pub instruction: String,
    /// The arm.
    pub embodiment: String,
    /// When it began.
    pub started: Stamp,
    /// When it ended.
    pub ended: Stamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What was to hold at the end.
    pub goal: Vec<String>,
    /// Calls of the language model.
    pub vlm_calls: u32,
    /// Where its recording lies.
    pub log: Option<String>,
    /// Plans that were tried, in order.
    pub attempts: Vec<Tried>,
    /// Leaves that ran, in order.
    pub leaves: Vec<LeafRun>,
    /// Monitors that tripped, in order: when, in which node, what, level, score, threshold.
    pub anomalies: Vec<(Stamp, u16, String, u8, f64, f64)>,
    /// Facts that it was the first to see.
    pub facts: Vec<Known>,
}

/// A plan that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Its number.
    pub id: PlanId,
    /// The plan.
    pub plan: RawPlan,
    /// Who proposed it.
    pub source: String,
    /// The remembered plan that it was made from.
    pub derived_from: Option<PlanId>,
    /// Whether it led to the goal.
    pub worked: bool,
}

/// A leaf that ran.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafRun {
    /// Id of its node.
    pub node: u16,
    /// Its skill.
    pub skill: String,
    /// Class of what it acted on; `none` without.
    pub class: String,
    /// Whether its postcondition was observed; `None`: nobody knows.
    pub worked: Option<bool>,
    /// How it failed.
    pub failure: Option<String>,
    /// How long it took [s].
    pub secs: f64,
}

impl fmt::Display for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, instruction, embodiment, started, outcome, vlm_calls, .. } = self;
        writeln!(
            f,
            "episode {id}, {started}, {:.1} s, {embodiment}: {instruction:?}",
            self.ended.secs_since(*started)
        )?;
        writeln!(f, "  {outcome}; goal {}; {vlm_calls} VLM calls", self.goal.join(", "))?;
        if let Some(log) = &self.log {
            writeln!(f, "  recorded in {log}")?;
        }
        for tried in &self.attempts {
            let led = if tried.worked { "led to the goal" } else { "did not lead to the goal" };
            write!(f, "  plan {} by {}, {} nodes, {led}", tried.id.0, tried.source, tried.plan.nodes.len())?;
            writeln!(f, "{}", tried.derived_from.map_or(String::new(), |from| format!("; made from plan {}", from.0)))?;
        }
        for leaf in &self.leaves {
            let LeafRun { node, skill, class, secs, .. } = leaf;
            let worked = match leaf.worked {
                Some(true) => "worked",
                Some(false) => "failed",
                None => "unknown",
            };
            let failure = leaf.failure.as_deref().map_or(String::new(), |failure| format!(" by {failure}"));
            writeln!(f, "  node {node}: {skill} {class}, {secs:.1} s, {worked}{failure}")?;
        }
        for (at, node, monitor, level, score, threshold) in &self.anomalies {
            writeln!(f, "  {at} node {node}: {monitor} at {score:.3} over {threshold:.3}, level {level}")?;
        }
        self.facts.iter().try_for_each(|fact| writeln!(f, "  {fact}"))
    }
}

/// The memory at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// The file, its text encoder and its size [bytes].
    pub file: (String, Option<String>, u64),
    /// How many episodes, and how many of them reached their goal.
    pub episodes: (u32, u32),
    /// The newest episodes: number, when it ended, what was said, success.
    pub newest: Vec<(EpisodeId, Stamp, String, bool)>,
    /// What holds now.
    pub facts: Vec<Known>,
    /// Skills and how well they work.
    pub skills: Vec<SkillRecord>,
    /// Repairs, those that became skills first.
    pub repairs: Vec<Repair>,
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((path, encoder, bytes), (all, good)) = (&self.file, self.episodes);
        let encoder = encoder.as_deref().unwrap_or("no text encoder yet");
        writeln!(f, "{path}: {all} episodes, {good} reached their goal; {:.1} MB; {encoder}", *bytes as f64 / 1e6)?;
        for (id, ended, instruction, success) in &self.newest {
            let outcome = if *success { "success" } else { "failure" };
            writeln!(f, "  episode {id}, {ended}, {outcome}: {instruction:?}")?;
        }
        self.facts.iter().try_for_each(|fact| writeln!(f, "  {fact}"))?;
        self.skills.iter().try_for_each(|skill| writeln!(f, "  {skill}"))?;
        self.repairs.iter().try_for_each(|repair| writeln!(f, "  {repair}"))
    }
}

impl Store {
    /// The memory at a glance, with the `newest` newest episodes.
    pub fn overview(&self, newest: u32) -> Result<Overview> {
        let row = |row: &Row| {
            let success = row.get::<_, String>(3)? == "success";
            Ok((EpisodeId(row.get(0)?), Stamp::from_unix_ms(row.get(1)?), row.get(2)?, success))
        };
        let (newest, episodes, bytes) = self.query(|db| {
            let sql = "SELECT id, ended_ms, instruction, outcome FROM episodes ORDER BY id DESC LIMIT ?1";
            let newest = db.prepare_cached(sql)?.query_map([newest], row)?.collect::<rusqlite::Result<_>>()?;
            let sql = "SELECT count(*), count(*) FILTER (WHERE outcome = 'success') FROM episodes";
            let episodes = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            Ok((newest, episodes, db.query_row(sql, [], |row| row.get::<_, i64>(0))?))
        })?;
        Ok(Overview {
            file: (self.path().display().to_string(), self.encoder()?, bytes.unsigned_abs()),
            episodes,
            newest,
            facts: self.facts_now(None)?,
            skills: self.skills()?,
            repairs: self.all_repairs()?,
        })
    }

    /// One episode; `None` if it is not remembered.
    pub fn episode(&self, id: EpisodeId) -> Result<Option<Remembered>> {
        let found = self.query(|db| {
            let sql = "SELECT instruction, embodiment, started_ms, ended_ms, outcome, why, goal, vlm_calls, log \
                       FROM episodes WHERE id = ?1";
            db.prepare_cached(sql)?.query_row([id.0], |row| remembered(id, row)).optional()
        })?;
        let Some((mut episode, goal)) = found else { return Ok(None) };
        let damaged = |e: serde_json::Error| self.corrupt(format!("episode {id}: {e}"));
        episode.goal = serde_json::from_str(&goal).map_err(damaged)?;
        let attempts: Vec<(Tried, String)> = self.query(|db| {
            let sql = "SELECT plan, body, source, derived_from, worked FROM attempts JOIN plans ON plan = plans.id \
                       WHERE episode = ?1 ORDER BY attempts.id";
            db.prepare_cached(sql)?.query_map([id.0], tried)?.collect()
        })?;
        for (tried, body) in attempts {
            episode.attempts.push(Tried { plan: serde_json::from_str(&body).map_err(damaged)?, ..tried });
        }
        (episode.leaves, episode.anomalies) = self.query(|db| {
            let sql = "SELECT node, skill, class, worked, failure, secs FROM leaves WHERE episode = ?1 ORDER BY id";
            let leaves = db.prepare_cached(sql)?.query_map([id.0], leaf)?.collect::<rusqlite::Result<_>>()?;
            let sql =
                "SELECT at_ms, node, monitor, level, score, threshold FROM anomalies WHERE episode = ?1 ORDER BY id";
            let anomaly =
                |r: &Row| Ok((Stamp::from_unix_ms(r.get(0)?), r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?));
            let anomalies = db.prepare_cached(sql)?.query_map([id.0], anomaly)?.collect::<rusqlite::Result<_>>()?;
            Ok((leaves, anomalies))
        })?;
        episode.facts = self.facts_of(id)?;
        Ok(Some(episode))
    }
}

fn remembered(id: EpisodeId, row: &Row) -> rusqlite::Result<(Remembered, String)> {
    let outcome = match row.get::<_, String>(4)?.as_str() {
        "success" => Outcome::Success,
        _ => Outcome::Failure { why: row.get(5)? },
    };
    let episode = Remembered {
        id,
        instruction: row.get(0)?,
        embodiment: row.get(1)?,
        started: Stamp::from_unix_ms(row.get(2)?),
        ended: Stamp::from_unix_ms(row.get(3)?),
        outcome,
        goal: Vec::new(),
        vlm_calls: row.get(7)?,
        log: row.get(8)?,
        attempts: Vec::new(),
        leaves: Vec::new(),
        anomalies: Vec::new(),
        facts: Vec::new(),
    };
    Ok((episode, row.get(6)?))
}

fn tried(row: &Row) -> rusqlite::Result<(Tried, String)> {
    let tried = Tried {
        id: PlanId(row.get(0)?),
        plan: RawPlan::default(),
        source: row.get(2)?,
        derived_from: row.get::<_, Option<i64>>(3)?.map(PlanId),
        worked: row.get(4)?,
    };
    Ok((tried, row.get(1)?))
}

fn leaf(row: &Row) -> rusqlite::Result<LeafRun> {
    Ok(LeafRun {
        node: row.get(0)?,
        skill: row.get(1)?,
        class: row.get(2)?,
        worked: row.get(3)?,
        failure: row.get(4)?,
        secs: row.get(5)?,
    })
}
