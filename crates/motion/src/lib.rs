//! Jerk-limited motion: from a key-frame to joint states at 200 Hz, and from any state to rest; paths around obstacles.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod config;
mod error;
mod field;
mod line;
mod mover;
mod planner;
mod posture;
mod stop;
mod target;

pub use config::MotionConfig;
pub use error::MotionError;
pub use field::{DistanceField, FieldConfig, Shape, Solid};
pub use mover::{Mover, towards};
pub use planner::{PathError, PathPlanner, PathRequest, PlannerConfig, ToolCapsule};
pub use stop::{StopProfile, StopRange};
