//! A simulated FR3 at a table: physics, cameras, tasks with seeded scenes, their judges and scripted experts.
//!
//! Ground truth is for judges and experts only; everything else sees camera images. The tasks are our own; their ideas
//! and success semantics follow RLBench's (James et al. 2020).

mod body;
pub mod camera;
pub mod colour;
pub mod disturb;
pub mod error;
pub mod grasp;
pub mod lens;
pub mod model;
pub mod moving;
pub mod perturb;
pub mod plant;
pub mod realtime;
pub mod setup;
pub mod tasks;

pub use camera::CameraRig;
pub use disturb::Disturbance;
pub use error::SimError;
pub use grasp::Grasp;
pub use moving::Moving;
pub use perturb::{Factor, Perturbation, Sizes};
pub use plant::{Plant, Snapshot};
pub use realtime::{Frame, MujocoArm, RealtimePlant, realtime};
pub use setup::{Setup, SimConfig, Spec};
pub use tasks::Goal;

/// Version of the physics engine in use.
pub fn mujoco_version() -> String {
    mujoco_rs::mujoco_version().to_string()
}
