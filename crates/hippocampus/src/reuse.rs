//! A plan of the past for an instruction of now, with no call of a language model.

use std::{collections::BTreeSet, fmt};

use neuraxis_plan::{Class, RawPlan, Scene};
use rusqlite::{Params, Row};

use crate::{
    Embedding, EpisodeId, Memory, PlanId, Result, Store, fits,
    rename::{self, Names},
    words::Wording,
};

/// Least cosine of two sentences in other words that are taken to mean the same, if nothing else speaks against it.
pub const PARAPHRASE: f32 = 0.8;
/// Least chance, by the rule of succession, that a plan works.
pub const LEAST_CHANCE: f64 = 0.5;
/// How many of the last trials of a plan count.
const TRIALS: u32 = 100;
/// Most episodes looked at in each of the two ways of finding one.
const CANDIDATES: usize = 32;

/// Why a plan is taken to be for this instruction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same words, and the same things in the same places.
    SameScene,
    /// The same words, about the same things or others of their classes.
    SameWords,
    /// Other words of about the same meaning, about the same things.
    OtherWords,
}

/// A plan from memory. It must be validated against the scene before anything moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The plan, about the things of now.
    pub plan: RawPlan,
    /// The plan as it is remembered; goes into [`crate::Attempt::derived_from`].
    pub plan_id: PlanId,
    /// The episode in which it led to the goal.
    pub episode: EpisodeId,
    /// What was said then.
    pub instruction: String,
    /// Why it fits.
    pub likeness: Likeness,
    /// Cosine of the two instructions.
    pub similarity: f32,
    /// Share of the facts of then and now that are the same, 0 to 1 (Jaccard), things renamed.
    pub scene_overlap: f64,
    /// Things of then and what stands for them now, where they differ.
    pub renamed: Vec<(String, String)>,
    /// Times that it led to its goal, and times that it did not.
    pub record: (u32, u32),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { episode, instruction, similarity, scene_overlap, record: (worked, failed), .. } = self;
        let likeness = match self.likeness {
            Likeness::SameScene => "the same words in the same scene",
            Likeness::SameWords => "the same words",
            Likeness::OtherWords => "other words of the same meaning",
        };
        write!(f, "plan of episode {episode} ({instruction:?}): {likeness}, similarity {similarity:.2}; ")?;
        for (then, now) in &self.renamed {
            write!(f, "{then} is now {now}; ")?;
        }
        let assumptions = self.plan.assumptions.len();
        write!(f, "all {assumptions} assumptions hold, {:.0} % of the facts are the same; ", 100.0 * scene_overlap)?;
        write!(f, "it led to its goal {worked} times of {}", worked + failed)
    }
}

/// An answer about reuse.
#[derive(Clone, Debug, PartialEq)]
pub enum Reuse {
    /// A plan.
    Found(Box<Found>),
    /// None: for each episode that was near, what spoke against it; nothing, if none was near.
    Nothing {
        /// In words.
        why: Vec<String>,
    },
}

impl Memory {
    /// The plan of a past success for the same instruction in a scene that bears it. `goal`: what shall hold at the
    /// end, if the caller knows it; then the plan's must be the same.
    ///
    /// Words decide, embeddings only find (see `words.rs`); a plan is left out rather than taken in doubt: asking the
    /// planner costs seconds, doing the wrong thing more.
    pub fn reuse(&mut self, instruction: &str, scene: &Scene, goal: Option<&[String]>) -> Result<Reuse> {
        let query = self.embed(instruction)?;
        let things = scene.objects().iter().map(|object| (object.id.as_str(), object.class));
        let wanted = Wanted { wording: Wording::of(instruction, things), facts: holding(scene), scene, goal };
        if let Some(word) = wanted.wording.refers_back() {
            let why = format!("{word:?} refers to what happened before: ask the facts");
            return Ok(Reuse::Nothing { why: vec![why] });
        }
        let hits =
            self.index.best(&query, CANDIDATES, PARAPHRASE, 0.0, |entry, cosine| entry.success.then_some(cosine))?;
        let near: Vec<i64> = hits.iter().map(|hit| hit.entry.episode.0).collect();
        let (mut found, mut why): (Vec<Found>, Vec<String>) = (Vec::new(), Vec::new());
        for past in self.store.candidates(&wanted.wording.template, &near)? {
            let similarity = Embedding::from_bytes(&past.embedding, query.width())?;
            let similarity = similarity.values().iter().zip(query.values()).map(|(a, b)| a * b).sum();
            let record = self.store.record(past.plan_id)?;
            match wanted.fit(&past, similarity, record) {
                Ok(fit) => found.push(fit),
                Err(reason) => why.push(format!("episode {}: {reason}", past.episode)),
            }
        }
        let rank = |f: &Found| (f.likeness == Likeness::SameScene, f.renamed.is_empty(), f.similarity, f.scene_overlap);
        // Of equals the last: the newest.
        let best = found.into_iter().reduce(|a, b| if rank(&b) >= rank(&a) { b } else { a });
        Ok(best.map_or(Reuse::Nothing { why }, |found| Reuse::Found(Box::new(found))))
    }
}

/// What is asked for.
struct Wanted<'a> {
    wording: Wording,
    facts: BTreeSet<String>,
    scene: &'a Scene,
    goal: Option<&'a [String]>,
}

/// A success of the past with its only plan.
struct Past {
    episode: EpisodeId,
    instruction: String,
    wording: Wording,
    embedding: Vec<u8>,
    objects: Vec<(String, Class)>,
    facts: Vec<String>,
    plan_id: PlanId,
    plan: RawPlan,
}

impl Wanted<'_> {
    /// The plan about the things of now, or what speaks against it.
    fn fit(&self, past: &Past, similarity: f32, record: (u32, u32)) -> Result<Found, String> {
        let names = fits::names(&past.wording, &self.wording, similarity)?;
        let other: Vec<_> = names.iter().filter(|(then, now)| then != now).collect();
        let things = fits::things(&past.plan);
        fits::same_classes(&things, &past.objects, &names, self.scene)?;
        if !other.is_empty() && past.plan.nodes.iter().any(|node| node.skill.as_deref() == Some("policy")) {
            return Err("it follows a sentence, which names other things".into());
        }

        let facts: BTreeSet<String> = past.facts.iter().map(|fact| rename::fact(fact, &names)).collect();
        let same_words = past.wording.template == self.wording.template;
        let same_scene =
            same_words && other.is_empty() && facts == self.facts && fits::same_things(&past.objects, self.scene);
        if !same_scene {
            fits::goal_is_named(past.plan.goal.as_slice(), &past.wording, &past.objects, self.scene)?;
        }
        let mut plan = rename::plan(&past.plan, &names);
        plan.scene_check.retain(|id| self.scene.object(id).is_some());
        fits::holds(&plan.assumptions, self.scene)?;
        if let Some(goal) = self.goal {
            let set = |goal: &[String]| goal.iter().map(|f| rename::fact(f, &Names::new())).collect::<BTreeSet<_>>();
            if set(goal) != set(&plan.goal) {
                return Err(format!("its goal is {}, not {}", plan.goal.join(", "), goal.join(", ")));
            }
        }
        let (worked, failed) = record;
        let chance = f64::from(worked + 1) / f64::from(worked + failed + 2);
        if chance < LEAST_CHANCE {
            return Err(format!("its plan worked {worked} times of {}", worked + failed));
        }
        let both = facts.intersection(&self.facts).count();
        let scene_overlap = both as f64 / facts.union(&self.facts).count().max(1) as f64;
        let likeness = match (same_scene, same_words) {
            (true, _) => Likeness::SameScene,
            (_, true) => Likeness::SameWords,
            _ => Likeness::OtherWords,
        };
        Ok(Found {
            plan,
            plan_id: past.plan_id,
            episode: past.episode,
            instruction: past.instruction.clone(),
            likeness,
            similarity,
            scene_overlap,
            renamed: other.into_iter().map(|(then, now)| (then.clone(), now.clone())).collect(),
            record,
        })
    }
}

/// Lasting facts that are known to hold.
fn holding(scene: &Scene) -> BTreeSet<String> {
    crate::seen(scene).into_iter().filter(|seen| seen.holds).map(|seen| seen.triple.to_string()).collect()
}

impl Store {
    /// Successes in the same words, and those of these numbers, oldest first, each with its plan. An episode that had
    /// to plan twice is none: its last plan did only the rest of the job.
    fn candidates(&self, template: &str, near: &[i64]) -> Result<Vec<Past>> {
        const PAST: &str = "SELECT e.id, e.instruction, e.template, e.mentions, e.embedding, e.objects, e.start_facts, \
            a.plan, p.body FROM episodes e JOIN attempts a ON a.episode = e.id JOIN plans p ON p.id = a.plan \
            WHERE e.outcome = 'success' AND (SELECT count(*) FROM attempts WHERE episode = e.id) = 1 AND";
        let mut found =
            self.past(&format!("{PAST} e.template = ?1 ORDER BY e.id DESC LIMIT {CANDIDATES}"), [template])?;
        for id in near {
            if found.iter().all(|past| past.episode.0 != *id) {
                found.extend(self.past(&format!("{PAST} e.id = ?1"), [id])?);
            }
        }
        found.sort_by_key(|past| past.episode);
        Ok(found)
    }

    fn past(&self, sql: &str, params: impl Params) -> Result<Vec<Past>> {
        let texts = |row: &Row| {
            let json: [String; 4] = [row.get(3)?, row.get(5)?, row.get(6)?, row.get(8)?];
            let past = Past {
                episode: EpisodeId(row.get(0)?),
                instruction: row.get(1)?,
                wording: Wording { template: row.get(2)?, mentions: Vec::new() },
                embedding: row.get(4)?,
                objects: Vec::new(),
                facts: Vec::new(),
                plan_id: PlanId(row.get(7)?),
                plan: RawPlan::default(),
            };
            Ok((past, json))
        };
        let rows: Vec<_> =
            self.query(|db| db.prepare_cached(sql)?.query_map(params, texts)?.collect::<rusqlite::Result<_>>())?;
        let read = |(mut past, [mentions, objects, facts, plan]): (Past, [String; 4])| {
            let damaged = |e: serde_json::Error| self.corrupt(format!("episode {}: {e}", past.episode));
            past.wording.mentions = serde_json::from_str(&mentions).map_err(damaged)?;
            past.objects = serde_json::from_str(&objects).map_err(damaged)?;
            past.facts = serde_json::from_str(&facts).map_err(damaged)?;
            past.plan = serde_json::from_str(&plan).map_err(damaged)?;
            Ok(past)
        };
        rows.into_iter().map(read).collect()
    }

    /// How often a plan, or one derived from it, led to its goal in its last [`TRIALS`], and how often not.
    fn record(&self, plan: PlanId) -> Result<(u32, u32)> {
        let sql = format!(
            "SELECT coalesce(sum(worked), 0), coalesce(sum(1 - worked), 0) FROM ( \
             SELECT * FROM (SELECT id, worked FROM attempts WHERE plan = ?1 ORDER BY id DESC LIMIT {TRIALS}) UNION \
             SELECT * FROM (SELECT id, worked FROM attempts WHERE derived_from = ?1 ORDER BY id DESC LIMIT {TRIALS}) \
             ORDER BY id DESC LIMIT {TRIALS})"
        );
        self.query(|db| db.prepare_cached(&sql)?.query_row([plan.0], |row| Ok((row.get(0)?, row.get(1)?))))
    }
}
