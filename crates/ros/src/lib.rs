//! The ROS 2 side of Neuraxis: one node, `neuraxis`, beside the control loop and off its path.
//!
//! [`RosNode`] publishes what the arm measures and what the cameras see, takes instructions, carries
//! tasks out as goals of an action, and answers stop and reset.
//! It touches the loop only through lock-free channel ends, [`RosPorts`], and blocks nothing: give it a thread.
//! [`topics`] lists every name with type and quality of service. r2r, all of it, stays inside this crate.
//!
//! By default the node talks to this machine only: see [`keep_local`].

mod action;
pub mod config;
pub mod conversions;
pub mod environment;
pub mod error;
mod frames;
pub mod instruction;
pub mod node;
pub mod ports;
mod publish;
mod serve;
mod tasks;
pub mod topics;

pub use config::RosConfig;
pub use environment::{keep_local, without_ros_args};
pub use error::RosError;
pub use node::{RosNode, RosStats};
pub use ports::RosPorts;
