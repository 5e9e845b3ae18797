//! Bags of ROS 2 (`ros2 bag record`), of any arm with joint states and cameras: MCAP and SQLite storage.
//!
//! Frames are those of the first camera; joint states, the other cameras and depth are the nearest in time.

mod bag;
mod frames;
mod gathered;
mod joints;
mod messages;
mod metadata;
mod options;
mod pass;
mod poses;
mod roles;
mod sqlite;
mod storage;

pub use bag::Bag;
pub use options::{CameraTopics, Options};
