//! Parquet files, read with care: what LeRobot's tables use of the format, and nothing that takes a length on trust.
//!
//! Columns of whole numbers, floats, truth values and bytes, flat or in one list; pages of both versions, plain or with a
//! dictionary, not compressed or with Snappy or Zstandard. Apache Parquet format 2.10, and Thrift's compact protocol.
//! (The public crate, with which we write, sizes its memory by what a file says.)

mod column;
mod footer;
mod page;
mod thrift;

pub use column::{Column, Values};
pub use footer::Table;
