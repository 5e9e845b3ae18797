//! The ROS 2 side of Neuraxis: one node, `neuraxis`, beside the control loop and off its path.
//!
//! [`RosNode`] publishes what the arm measures and what the cameras see, takes instructions, and answers stop and reset.
//! It touches the loop only through lock-free channel ends, [`RosPorts`], and blocks nothing: give it a thread.
//! [`topics`] lists every name with type and quality of service. r2r, all of it, stays inside this crate.
//!
//! For a robot that ROS 2 drives there are [`control`] (an arm behind ros2_control) and [`cameras_in`] (any driver's
//! cameras); [`plant`] is such a robot, which misbehaves on request.
//!
//! By default the node talks to this machine only: see [`keep_local`].

pub mod cameras_in;
pub mod config;
pub mod control;
pub mod conversions;
pub mod environment;
pub mod error;
mod inbox;
pub mod instruction;
pub mod node;
pub mod plant;
pub mod ports;
mod publish;
mod serve;
mod sync;
mod timeline;
pub mod topics;

pub use cameras_in::{CameraSet, CamerasConfig, CamerasIn, CamerasNode, ToolAt, cameras_in};
pub use config::RosConfig;
pub use control::{
    ControlArm, ControlConfig, ControlNode, ControlReport, ControlStats, GripperConfig, Ros2Control, ros2_control,
};
pub use environment::{keep_local, without_ros_args};
pub use error::RosError;
pub use node::{RosNode, RosStats};
pub use plant::{Misbehave, PlantNode, PlantPorts};
pub use ports::RosPorts;
