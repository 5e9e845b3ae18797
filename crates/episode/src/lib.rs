//! Recorded experience on disk: episodes as MCAP files that other tools open, data sets that training maps into memory.

pub mod dataset;
mod error;

pub use dataset::{CloudSample, Dataset, DatasetWriter};
pub use error::EpisodeError;
