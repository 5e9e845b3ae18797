//! Episodes like the one that is asked for.

use std::fmt;

use crate::{EpisodeId, Memory, MemoryError, Result, Stamp};

/// How episodes are ranked: `score = cosine + recency_weight * 2^(-age / half_life) + outcome_weight * success`.
///
/// The form is ours: similarity, recency and outcome. The two bonuses are small beside the differences of cosines: they
/// order what means about the same.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Most episodes.
    pub most: usize,
    /// Least cosine, -1 to 1; below it there is no memory rather than a wrong one.
    pub least_similarity: f32,
    /// Weight of recency, 0 to 1.
    pub recency_weight: f32,
    /// Age at which recency counts half [s].
    pub half_life_secs: f64,
    /// Weight of a success, 0 to 1.
    pub outcome_weight: f32,
}

impl Default for Ranking {
    fn default() -> Self {
        let week = 7.0 * 86_400.0;
        Self { most: 3, least_similarity: 0.5, recency_weight: 0.05, half_life_secs: week, outcome_weight: 0.05 }
    }
}

/// An episode that came to mind.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Recalled {
    /// Which; [`crate::Store::episode`] tells about it.
    pub episode: EpisodeId,
    /// Cosine of the two instructions.
    pub similarity: f32,
    /// Its age [s].
    pub age_secs: f64,
    /// Whether its goal was reached.
    pub success: bool,
    /// What it was ranked by.
    pub score: f32,
}

impl fmt::Display for Recalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.success { "success" } else { "failure" };
        let Self { episode, similarity, age_secs, score, .. } = self;
        write!(
            f,
            "episode {episode}: similarity {similarity:.2}, {:.1} h ago, {outcome}; score {score:.2}",
            age_secs / 3600.0
        )
    }
}

impl Memory {
    /// The episodes whose instruction is most like this one, best first; an exact search. The sentence is data: it is
    /// compared, never obeyed.
    pub fn recall(&mut self, instruction: &str, now: Stamp, ranking: &Ranking) -> Result<Vec<Recalled>> {
        let ranking = ranking.checked()?;
        let query = self.embed(instruction)?;
        let most_bonus = ranking.recency_weight + ranking.outcome_weight;
        let hits = self.index.best(&query, ranking.most, ranking.least_similarity, most_bonus, |entry, cosine| {
            let halves = now.secs_since(entry.ended) / ranking.half_life_secs;
            let success = if entry.success { ranking.outcome_weight } else { 0.0 };
            Some(cosine + ranking.recency_weight * (-halves).exp2() as f32 + success)
        })?;
        let recalled = |hit: &crate::index::Hit| Recalled {
            episode: hit.entry.episode,
            similarity: hit.cosine,
            age_secs: now.secs_since(hit.entry.ended),
            success: hit.entry.success,
            score: hit.score,
        };
        Ok(hits.iter().map(recalled).collect())
    }
}

impl Ranking {
    fn checked(self) -> Result<Self> {
        let weights = [("recency_weight", self.recency_weight), ("outcome_weight", self.outcome_weight)];
        for (what, value) in weights {
            if !(0.0..=1.0).contains(&value) {
                return Err(MemoryError::Number { what, value: value.into(), range: "0 to 1" });
            }
        }
        if !(-1.0..=1.0).contains(&self.least_similarity) {
            let value = self.least_similarity.into();
            return Err(MemoryError::Number { what: "least_similarity", value, range: "-1 to 1" });
        }
        if self.half_life_secs.is_nan() || self.half_life_secs <= 0.0 {
            let value = self.half_life_secs;
            return Err(MemoryError::Number { what: "half_life_secs", value, range: "greater than 0" });
        }
        // More than that nobody reads.
        Ok(Self { most: self.most.min(1000), ..self })
    }
}
