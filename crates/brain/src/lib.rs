//! The modules of the brain put together, without threads: what is seen becomes places and facts, a sentence becomes a
//! proved plan, and what the plan's executor does can be read.
//!
//! ```text
//!   clouds, hand --Perception--> Look (places, facts) --Eyes--> Executor (200 Hz) --> key-frames
//!                      |                                           |
//!   sentence ----------+--> Scene --Drafter (cortex, validator)--> Program      Journal <-- events
//!                                      |                                           |
//!                                  Memory: plans, repairs, places <----- Scribe <--+
//! ```
//! Whoever composes a program decides which thread does what: [`Perception`] at the rate of the cameras, [`Drafter`] on
//! demand, the executor with the cerebellum. A [`Look`] is of fixed size, made for a mailbox.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod asked;
mod config;
mod dead_end;
mod draft;
mod error;
mod eyes;
mod give_way;
mod journal;
mod learned;
mod look;
mod mend;
mod monitors;
mod perceive;
mod permanence;
mod put_back;
mod recollect;
mod remember;
mod repair;
mod room;
mod runs;
mod seat;
mod signature;
mod told;
mod withdraw;

pub use asked::ModelUse;
pub use config::{BrainConfig, DrawerConfig, Furniture, PlanIn, PlannerKind, WithdrawConfig};
pub use dead_end::{DeadEnd, is_same_place};
pub use draft::{Draft, Drafter, Origin, Reach};
pub use error::BrainError;
pub use eyes::{BodySense, Eyes};
pub use give_way::GiveWay;
pub use journal::{describe, outcome_text, reason_text};
pub use learned::Learned;
pub use look::{Look, Place};
pub use monitors::{MonitorConfig, Peak, Threshold};
pub use perceive::Perception;
pub use put_back::{NotKnown, put_back_instruction, where_it_was};
pub use recollect::recollect;
pub use remember::Scribe;
pub use repair::{FailedLeaf, NoRepair};
pub use withdraw::Withdraw;
