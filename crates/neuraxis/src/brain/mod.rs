//! The brain of a run: plans once, looks at its rate, steers the arm at 200 Hz.
//!
//! | part      | does                                          | on a robot                     |
//! |-----------|-----------------------------------------------|--------------------------------|
//! | [`Reflex`] | ticks the plan, steers the arm, never waits  | in the thread `cerebellum`     |
//! | [`Mind`]  | looks, knows facts, tells what happened       | thread `brain`                 |
//! | [`Plans`] | asks memory, planner or model for a plan      | thread `planner`               |
//!
//! [`BrainPilot`] runs the three in turn on simulated time, [`live`] on the wall clock.

mod apprentice;
mod context;
mod feel;
pub mod live;
mod mind;
mod pilot;
mod plans;
mod recent;
mod reflex;
mod story;
mod thought;

use serde::{Deserialize, Serialize};

pub use self::thought::Thought;
pub use self::{
    apprentice::Apprentice,
    context::check_cameras,
    mind::Mind,
    pilot::{BrainPilot, Poisoned},
    plans::{Plans, drafter, open_memory},
    reflex::{Manner, Moment, Reflex, Steer},
    story::Story,
};

/// After its plan has ended the brain waits so long for the judge [s].
const AFTER_SECS: f64 = 3.0;

/// What a brain goes without, to see what it is good for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Without {
    /// Guards, maintained facts, what is carried, and thresholds of the body's signals.
    Monitors,
    /// Recovery: the first failure is the last.
    Ladder,
    /// Looking: the scene is looked at once, and every step is taken for done.
    Feedback,
}
