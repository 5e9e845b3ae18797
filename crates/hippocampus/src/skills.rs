//! How well skills work: counted over the leaves that ran.

use std::fmt;

use neuraxis_plan::Class;
use rusqlite::Row;

use crate::{Result, Store, episode::class_name};

/// A skill on a class of things with one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct SkillRecord {
    /// Its name.
    pub skill: String,
    /// Name of the class of what it acts on; `none` without.
    pub class: String,
    /// The arm.
    pub embodiment: String,
    /// Times that its postcondition was observed.
    pub worked: u32,
    /// Times that the contrary was observed.
    pub failed: u32,
    /// Mean time of those that worked [s]; 0 if none did.
    pub mean_secs: f64,
}

/// A number over the leaves that worked, in the unit of its argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Name of the argument.
    pub name: String,
    /// How many there are.
    pub count: u32,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (divided by n).
    pub deviation: f64,
}

impl fmt::Display for SkillRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { skill, class, embodiment, worked, failed, mean_secs } = self;
        write!(f, "{skill} of {class} with {embodiment}: {worked} of {} worked, {mean_secs:.1} s", worked + failed)
    }
}

impl Store {
    /// Every skill that ever ran, by name, class and arm.
    pub fn skills(&self) -> Result<Vec<SkillRecord>> {
        self.query(|db| {
            let sql = "SELECT skill, class, embodiment, sum(worked), sum(1 - worked), \
                       coalesce(avg(secs) FILTER (WHERE worked = 1), 0.0) \
                       FROM leaves WHERE worked IS NOT NULL GROUP BY skill, class, embodiment";
            db.prepare_cached(sql)?.query_map([], record)?.collect()
        })
    }

    /// How its failures looked, the most frequent first.
    pub fn failures(&self, skill: &str, class: Option<Class>) -> Result<Vec<(String, u32)>> {
        self.query(|db| {
            let sql = "SELECT failure, count(*) FROM leaves WHERE skill = ?1 AND class = ?2 AND failure IS NOT NULL \
                       GROUP BY failure ORDER BY count(*) DESC, failure";
            let rows = |row: &Row| Ok((row.get(0)?, row.get(1)?));
            db.prepare_cached(sql)?.query_map([skill, class_name(class)], rows)?.collect()
        })
    }

    /// Arguments with which it worked.
    pub fn parameters(&self, skill: &str, class: Option<Class>, embodiment: &str) -> Result<Vec<Spread>> {
        self.query(|db| {
            let sql = "SELECT name, count(*), avg(value), avg(value * value) FROM numbers JOIN leaves ON leaf = id \
                       WHERE skill = ?1 AND class = ?2 AND embodiment = ?3 AND worked = 1 AND kind = 'parameter' \
                       GROUP BY name ORDER BY name";
            let spread = |row: &Row| {
                let (mean, squares): (f64, f64) = (row.get(2)?, row.get(3)?);
                let deviation = (squares - mean * mean).max(0.0).sqrt();
                Ok(Spread { name: row.get(0)?, count: row.get(1)?, mean, deviation })
            };
            db.prepare_cached(sql)?.query_map([skill, class_name(class), embodiment], spread)?.collect()
        })
    }
}

fn record(row: &Row) -> rusqlite::Result<SkillRecord> {
    Ok(SkillRecord {
        skill: row.get(0)?,
        class: row.get(1)?,
        embodiment: row.get(2)?,
        worked: row.get(3)?,
        failed: row.get(4)?,
        mean_secs: row.get(5)?,
    })
}
