//! The arm as an immutable kinematic model: URDF in, forward kinematics, Jacobian, inverse kinematics, limits out.
//!
//! [`Robot`] is built once, checked against the independent implementation in `k`, and then shared by `Arc`. After
//! that nothing allocates, locks or fails except by a typed error.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chain;
pub mod config;
pub mod error;
pub mod ik;
pub mod jacobian;
mod reference;
pub mod robot;

pub use config::{JointLimits, RobotConfig};
pub use error::{IkError, RobotError};
pub use ik::IkRequest;
pub use jacobian::Jacobian;
pub use robot::Robot;
