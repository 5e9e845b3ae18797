//! The memory of the brain: what happened, how things are done, what is and was so. SQLite on disk, exact search in
//! memory.
//!
//! | tier | holds | written | read by |
//! |---|---|---|---|
//! | short-term ([`Working`]) | what is so now, the last 30 s, open anomalies | as it is seen; in memory only | whoever runs the episode |
//! | 1 episodic ([`Memory::recall`], [`Memory::reuse`]) | instruction, start scene, plans, leaves, anomalies, outcome | at the episode's end | planner, a model's prompt |
//! | 2 procedural ([`Store::skills`], [`Store::repairs`]) | counts over leaves, parameters; repairs, which are skills after two successes | with the episode | ladder, a model's prompt |
//! | 3 semantic ([`Store::facts_now`], [`Store::last_move`], [`Memory::consolidate`]) | facts with the times between which they held; what is usually so | with the episode; after it | "put it back", a model's prompt |
//!
//! An episode is a [`Draft`] until its outcome is observed ([`Draft::conclude`]) or it is given up; only then can it be
//! remembered ([`Memory::commit`]), in one transaction that is on the disk when the call returns. What ends before,
//! `kill -9` included, never was. Nothing here reads a clock or starts a thread; texts from outside are data.
//!
//! The caller validates ([`neuraxis_plan::Validator`]) every plan and repair that comes from here.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod consolidate;
mod draft;
mod embedding;
mod episode;
mod error;
mod facts;
mod fits;
mod forget;
mod index;
mod memory;
mod recall;
mod rename;
mod repairs;
mod reuse;
mod schema;
mod show;
mod skills;
mod stamp;
mod store;
mod text;
mod triple;
mod why;
mod words;
mod working;
mod write;

pub use draft::{Concluded, Draft, Undecided};
pub use embedding::{Embedding, MOST_WIDTH};
pub use episode::{Anomaly, Attempt, EpisodeId, Leaf, Mending, Outcome, PlanId};
pub use error::{MemoryError, Result};
pub use facts::{Cause, Known, KnownId, LastMove, MOVED_M};
pub use forget::{Forgotten, What};
pub use memory::Memory;
pub use recall::{Ranking, Recalled};
pub use repairs::{Repair, RepairId, SKILL_AFTER};
pub use reuse::{Found, LEAST_CHANCE, Likeness, PARAPHRASE, Reuse};
pub use show::{LeafRun, Overview, Remembered, Tried};
pub use skills::{SkillRecord, Spread};
pub use stamp::Stamp;
pub use store::Store;
pub use text::{MOST_NAME, MOST_SENTENCE};
pub use triple::{Seen, Triple, seen};
pub use why::{Evidence, Why};
pub use working::{MOST_EVENTS, REACH_SECS, Working};

/// The scene of `sim/scenes/workbench.yaml`.
#[cfg(test)]
fn workbench() -> neuraxis_plan::Scene {
    let file: neuraxis_plan::SceneFile =
        serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
    file.try_into().unwrap()
}

/// The plan that puts the red block into the top drawer and closes it.
#[cfg(test)]
fn stow_block() -> neuraxis_plan::RawPlan {
    serde_json::from_str(include_str!("../../plan/tests/plans/stow_block.json")).unwrap()
}
