//! From an instruction to a proposed plan. What a planner proposes is checked by [`neuraxis_plan::Validator`] before
//! anything moves.
//!
//! [`SymbolicPlanner`] needs no language model: a small grammar turns the instruction into goals ([`read_goals`]), a
//! search over the skills' preconditions and effects turns goals into steps, and steps become a tree with guards,
//! postconditions and a ladder of recovery. [`PlanFile`] reads a plan that somebody wrote. [`VlmPlanner`] asks a
//! vision-language model ([`vlm`]), believes it as far as [`trust`] goes, and has a [`Fallback`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod clauses;
mod error;
mod fallback;
mod file;
mod planner;
mod relaxed;
mod search;
mod symbolic;
mod tree;
pub mod trust;
pub mod vlm;
mod words;

pub use clauses::{Goals, read_goals};
pub use error::CortexError;
pub use fallback::Fallback;
pub use file::PlanFile;
pub use planner::{PlanRequest, Planner, Proposal};
pub use search::{Found, MOST_EXPANDED, search};
pub use symbolic::SymbolicPlanner;
pub use vlm::{VlmClient, VlmConfig, VlmError, VlmPlanner};

/// The scene of `sim/scenes/workbench.yaml`.
#[cfg(test)]
fn workbench() -> neuraxis_plan::Scene {
    let file: neuraxis_plan::SceneFile =
        serde_yaml::from_str(include_str!("../../../sim/scenes/workbench.yaml")).unwrap();
    file.try_into().unwrap()
}
