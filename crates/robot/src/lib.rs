//! A robot's kinematics: URDF to an immutable model, forward kinematics, Jacobian, inverse kinematics.
//!
//! `urdf-rs` parses, `k` is the reference that every loaded model is checked against; the tick itself uses
//! fixed-size code without heap or locks.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod config;
mod error;
mod ik;
mod kinematics;
mod model;

pub use config::RobotConfig;
pub use error::RobotError;
pub use ik::{IkError, IkRequest};
pub use kinematics::Jacobian;
pub use model::{JointLimits, Robot};
