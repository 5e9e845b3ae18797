//! Data sets of LeRobot (Hugging Face), version 3: tables in Parquet, pictures inside of them or as videos.
//!
//! They know neither depth nor calibration, so the Cortical Policy cannot learn from them; they can be looked at, and
//! our recordings can be given to those who train on them.

mod episode;
mod export;
mod info;
mod tables;
mod video;

pub use episode::{DataSet, Episode, Options};
pub use export::{Exported, export};
