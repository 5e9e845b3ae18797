//! Runs a proved plan at 200 Hz: the tree, its skills, its monitors, and what to do when something goes wrong.
//!
//! ```text
//!   Plan (proved) --compile, once--> Program (flat arrays)
//!                                       |
//!   facts, poses, signals, faults --> Executor::tick --> KeyFrame, speed   (to the cerebellum's motion chain)
//!                                       |   |    \--> Request              (to memory, to the planner)
//!                              Perform (skills)  \--> Events               (to the recorder)
//! ```
//! It hands out key-frames and knows neither joints nor motion; [`neuraxis_core::KeyFrame`] is all that goes between.
//! What counts as success is only what was *observed* since (R8); unknown is not success. Rules of recovery stand in
//! `ladder.rs`, monitors in [`monitor`], epochs (R2) at [`Executor::begin`] and [`Executor::answer`]. A plan always ends:
//! by success, failure, or at the latest when the task's time is over, and then the arm holds still.
//!
//! No clock, thread, lock or log; the tick does not touch the heap.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod carry;
pub mod config;
pub mod error;
pub mod event;
pub mod executor;
mod knowledge;
mod ladder;
mod leaf;
mod ledger;
mod memory;
pub mod monitor;
pub mod primitive;
mod program;
pub mod skill;
mod vary;
mod walk;
mod watch;

pub use config::{Budget, Budgets, ExecutorConfig, LEVELS};
pub use error::ExecutorError;
pub use event::{Event, Events, Reason, WHOLE_PLAN, What};
pub use executor::{Answer, Ask, Counts, Debrief, Executor, ExecutorTick, Input, Outcome, Request};
pub use knowledge::Observed;
pub use ledger::Spent;
pub use monitor::{Calibration, Channel, Score, Scores, Signals, Tally, Thresholds};
pub use primitive::{LearnedSkill, Primitive, PrimitiveConfig, primitives};
pub use program::{MOST_OPERATIONS_AT_ONCE, MOST_WATCHES, Program};
pub use skill::{Order, Perform, Pool, RunId, Sights, SkillFault, SkillReport, SkillStatus, Task, View, Want, Wish};
pub use vary::{GRASP_RANKS, MOST_SHIFT_M, MOST_TURN_RAD, Variation};
