//! A robot on ROS 2 for trying what drives one: it publishes joint states and cameras, takes commands on three
//! controllers' topics and a gripper's, and misbehaves on request.
//!
//! | name | type | direction |
//! |---|---|---|
//! | `joint_states` | `sensor_msgs/JointState`, the joints in an order of its own, both fingers among them | out |
//! | `~/truth` | the same, never misbehaving: what the arm does, whatever it says | out |
//! | `<camera>/image`, `/depth`, `/camera_info`, `/pose` | as [`crate::topics`] says | out |
//! | `/tf` | `tf2_msgs/TFMessage`, `world` to `<camera>_seat`, where the camera's optical frame is | out |
//! | `forward_position_controller/commands` | `std_msgs/Float64MultiArray` [rad] | in |
//! | `forward_velocity_controller/commands` | `std_msgs/Float64MultiArray` [rad/s]; older than 100 ms it is braked to rest | in |
//! | `joint_trajectory_controller/joint_trajectory` | `trajectory_msgs/JointTrajectory` | in |
//! | `gripper_controller/commands` | `std_msgs/Float64MultiArray`, distance between the pads [m] | in |
//! | `gripper_controller/gripper_cmd` | `control_msgs/GripperCommand`, the same | action |
//! | `gripper/command` | `std_msgs/Float64`, the same | in |
//! | `~/misbehave` | `std_srvs/Trigger`, from now on it does what it was started to do wrong (`KIND@asked`) | service |
//!
//! The world behind it is the caller's, who gets the newest command once a millisecond.

mod gripper;
mod misbehave;
mod node;
mod setpoint;

pub use misbehave::{Misbehave, Misbehaviour};
pub use node::{PlantNode, PlantPorts, PlantStats};
