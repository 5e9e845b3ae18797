//! Other people's recordings as episodes of ours, and ours as theirs: bags of ROS 2, data sets of LeRobot.
//!
//! Files come from anywhere: every length is compared with what is there before it is believed, what is damaged is said
//! with its place, and nothing that stands in a file is run.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod lerobot;
pub mod parquet;
pub mod rosbag;
