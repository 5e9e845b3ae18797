//! The scene as the cameras see it: things in a fused cloud, their identities over time, and the facts of the plan
//! language that follow, each true, false or unknown.
//!
//! | step | from | to |
//! |---|---|---|
//! | [`segment()`] | a cloud in the world frame and the hand's pose | [`Sight`]: table and [`Thing`]s with box, colour and shape |
//! | [`Tracker`] | sights, one after the other | [`Track`]s: identity, held, out of sight, in doubt |
//! | [`FactReader`] | tracks, and the objects of a plan's scene | [`Findings`]: each fact with its margin and the reason |
//!
//! Positions are in the world frame in metres, z up; times in nanoseconds of the cloud's clock. No clock, thread or
//! I/O, no learning, and nothing from a simulator: cameras, joint angles and the gripper's width are all that is used.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod assign;
mod bounding;
mod cluster;
mod colour;
mod config;
mod error;
mod facts;
mod finding;
mod fronts;
mod grip;
mod hand;
mod naming;
mod parts;
mod segment;
mod shape;
mod split;
mod table;
mod thing;
mod track;

pub use bounding::OrientedBox;
pub use colour::{Colour, Palette};
pub use config::SceneConfig;
pub use error::SightError;
pub use facts::{FactReader, Findings, SeenFront};
pub use finding::{Finding, Why};
pub use fronts::{Fronts, Row};
pub use grip::Grip;
pub use hand::Hand;
pub use naming::{Names, scene_file};
pub use segment::{Sight, segment};
pub use table::Table;
pub use thing::{Shape, Thing};
pub use track::{ThingId, Track, Tracker};
