//! Recorded experience on disk: episodes as MCAP files that other tools open, data sets that training maps into memory.

mod cdr;
mod container;
pub mod dataset;
mod error;
mod messages;
mod reader;
mod schemas;
mod writer;

pub use dataset::{CloudSample, Dataset, DatasetWriter};
pub use error::EpisodeError;
pub use messages::{CommandSample, DepthEncoding};
pub use reader::{End, EpisodeReader, Record, Records};
pub use writer::{EpisodeWriter, Header};
