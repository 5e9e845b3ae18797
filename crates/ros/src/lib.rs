//! The ROS 2 side of Neuraxis: one node, `neuraxis`, beside the control loop and off its path.
//!
//! [`RosNode`] publishes what the arm measures and what the cameras see, takes instructions, carries tasks out as goals of an
//! action, and answers stop and reset. It has the [`lifecycle`] and the parameters of other ROS 2 nodes, says how
//! everything is on `/diagnostics`, and shows where the arm goes.
//! It touches the loop only through lock-free channel ends, [`RosPorts`], and blocks nothing: give it a thread.
//! [`topics`] lists every name with type and quality of service. r2r, all of it, stays inside this crate.
//!
//! For a robot that ROS 2 drives there are [`control`] (an arm behind ros2_control) and [`cameras_in`] (any driver's
//! cameras); [`plant`] is such a robot, which misbehaves on request. [`apart`] joins a robot with a policy in another
//! process.
//!
//! By default the node talks to this machine only: see [`keep_local`].

mod action;
pub mod apart;
pub mod cameras_in;
pub mod config;
pub mod control;
pub mod conversions;
mod description;
pub mod diagnostics;
pub mod environment;
pub mod error;
mod frames;
pub mod health;
mod inbox;
pub mod instruction;
pub mod lifecycle;
mod lifecycle_services;
pub mod load;
pub mod looked;
mod looks_in;
mod markers;
pub mod node;
mod parameter_services;
pub mod parameters;
pub mod plant;
pub mod ports;
mod publish;
mod serve;
mod sight;
pub mod stats;
mod status;
pub mod supervision;
mod sync;
mod tasks;
mod timeline;
pub mod topics;
pub mod watch;

pub use apart::{
    AnswerRefusal, LinkConfig, LinkNode, LinkReport, LinkTrouble, PolicyCard, PolicyNode, PolicyNodeStats, Remote,
    RemotePolicy, Said, Thought, remote_policy,
};
pub use cameras_in::{CameraSet, CamerasConfig, CamerasIn, CamerasNode, ToolAt, cameras_in};
pub use config::RosConfig;
pub use control::{
    ControlArm, ControlConfig, ControlNode, ControlReport, ControlStats, GripperConfig, GripperTrouble, Ros2Control,
    ros2_control, watched_arm,
};
pub use environment::{keep_local, without_ros_args};
pub use error::RosError;
pub use health::{ArmHealth, Health, LoopTiming, PolicyHealth, Spread};
pub use looked::{Looks, PolicyLook, PolicyView};
pub use node::RosNode;
pub use plant::{Misbehave, Misbehaviour, PlantNode, PlantPorts};
pub use ports::{Others, RosPorts};
pub use sight::PolicySight;
pub use stats::RosStats;
pub use status::{Level, Status};
pub use supervision::{Boundaries, Gaze, Intent, Kinematics, Supervision, Wall, with_mesh_uris};
pub use watch::{Seen, WatchNode, WatchStats, WatchedJoints};
