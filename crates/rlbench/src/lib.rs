//! Recorded episodes of RLBench and PerAct, read and written without Python.
//!
//! `TASK/{variationK|all_variations}/episodes/episodeN` holds `low_dim_obs.pkl` and a PNG for each camera and frame. The
//! pickle is read into plain data; nothing that stands in it is ever run.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod array;
pub mod episode;
pub mod error;
pub mod export;
pub mod images;
pub mod pickle;
pub mod pickler;

pub use episode::{Episode, Frame, find};
pub use error::RecordingError;
pub use export::export;
