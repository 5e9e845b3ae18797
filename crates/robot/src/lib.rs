//! A robot's body: URDF to an immutable model, forward kinematics, Jacobian, inverse
//! kinematics, inverse dynamics, mass matrix and momentum, torques from outside, self collision.
//!
//! `urdf-rs` parses, `k` is the reference that every loaded model is checked against; the tick itself uses
//! fixed-size code without heap or locks.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod chain;
mod check;
mod collision;
mod columns;
mod config;
pub mod contact;
mod descent;
mod dynamics;
mod error;
mod frames;
mod ik;
mod inertia;
mod kinematics;
mod mass;
mod model;
mod momentum;
mod segments;
mod trig;

pub use collision::MAX_CAPSULES;
pub use config::{CapsuleConfig, RobotConfig};
pub use dynamics::{GRAVITY_M_S2, Gravity};
pub use error::RobotError;
pub use frames::LinkFrames;
pub use ik::{IK_SPARE_RAD, IkError, IkRequest};
pub use kinematics::Jacobian;
pub use mass::MassMatrix;
pub use model::{JointLimits, Robot, Shares};
pub use momentum::Momentum;
