//! Data sets for training: a folder of three files, mapped into memory, nothing pickled.
//!
//! - `index.json`: format, the writer's metadata, bounds, and where each record lies. Replaced atomically: what it
//!   names is whole, and bytes beyond it belong to a writer that did not finish.
//! - `clouds.bin`: per record a Zstandard frame of n points, one plane of bytes after another: x, y, z as u16 steps of
//!   0.25 mm from the lower bound (low bytes, then high bytes), r, g, b as u8; each value as its difference from the
//!   point before: what cameras see is smooth.
//! - `records.jsonl`: per record one line of JSON.

mod index;
mod points;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use self::{
    index::{Bounds, INDEX, MOST_POINTS},
    reader::Dataset,
    writer::{CloudSample, DatasetWriter},
};
