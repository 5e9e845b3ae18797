//! From key-frames to motion at 200 Hz: commit rule, arrival, gripper, and segments for the brainstem.
//!
//! [`Cerebellum::step`] takes the newest prediction of a policy and emits a short segment of motion each 5 ms. It has
//! no clock, thread, lock or I/O. Successive segments meet exactly in position and velocity; if the brainstem had to
//! stop, the cerebellum notices from the commanded state, waits until it is still, and starts again from there.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod chain;
pub mod commit;
pub mod config;
pub mod error;
mod grip;
pub mod intake;
mod late;
pub mod step;

pub use commit::{CommitConfig, CommitRule, Decision};
pub use config::CerebellumConfig;
pub use error::CerebellumError;
pub use grip::Grasp;
pub use intake::{Refusal, Refusals};
pub use step::{Cerebellum, CerebellumTick, Phase, STOP_ACCELERATION_SHARE, STOP_JERK_SHARE};
