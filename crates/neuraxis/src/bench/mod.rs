//! `neuraxis bench`: measurements beside a peer or the physical limit, in one run. Numbers are printed, never asserted.
//!
//! | bench | measures | beside |
//! |---|---|---|
//! | `loop` | wake-up and tick of the 1 kHz loop in motion: idle, beside inference, under a flood of ROS messages | cyclictest |
//! | `ros` | the same in the process of the ROS 2 node: under a flood of messages and a storm of requests, and beside cameras whose every picture is accounted for | the same, quiet |
//! | `kinematics` | forward kinematics, Jacobian, inverse dynamics, inverse kinematics | k, Pinocchio |
//! | `motion` | a step and a new goal of jerk-limited motion | rsruckig, ruckig |
//! | `channels` | mailbox and ring, on one thread and across two | rtrb |
//! | `policy` | a policy tick by stage; also while the loop runs | |
//! | `agree` | the same weights on two devices | |
//! | `apart` | from image to motion over ROS 2 with the policy in another process | the same in one process |
//! | `recorder` | four cameras and the loop into a file: drops, MB/s, processor, enqueue | a plain write of the same bytes |
//! | `replay` | how long a long recording takes to open | |

mod agree;
#[cfg(feature = "ros")]
mod apart;
mod bars;
mod channels;
mod control_loop;
mod cyclictest;
mod kinematics;
mod load;
mod machine;
mod measured;
mod motion;
mod moving;
mod peers;
mod policy;
mod recorder;
mod replay;
#[cfg(feature = "ros")]
mod ros;
#[cfg(feature = "ros")]
mod ros_load;

pub use agree::{AgreePlan, agree};
#[cfg(feature = "ros")]
pub use apart::apart;
pub use channels::channels;
pub use control_loop::{LoopPlan, control_loop};
pub use kinematics::kinematics;
pub use machine::Machine;
pub use measured::{Measured, rows};
pub use motion::motion;
pub use policy::policy;
pub use recorder::{is_new, recorder};
pub use replay::replay;
#[cfg(feature = "ros")]
pub use ros::{RosPlan, ros};
#[cfg(feature = "ros")]
pub use ros_load::LoadArgs;
