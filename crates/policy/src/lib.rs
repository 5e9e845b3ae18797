//! Cortical Policy: from RGB-D views and a sentence to the key-frame to approach (arXiv 2603.21051; RVT-2, arXiv
//! 2406.08545, for the static stream). "The paper" in this crate is the former.
//!
//! A coarse network looks at three orthographic views of the whole scene and names a point; a fine network looks again
//! at a zoom around that point and names the pose, the gripper state and whether contact is meant. Written from
//! published equations; no code of the published systems is used.

pub mod adopt;
pub mod checkpoint;
pub mod choices;
pub mod confidence;
pub mod config;
pub mod consistency;
pub mod device;
pub mod dynamic;
pub mod error;
pub mod feed;
pub mod gaze;
pub mod imported;
pub mod infer;
pub mod layers;
pub mod look;
pub mod loss;
pub mod nearest;
pub mod network;
pub mod optim;
pub mod outlook;
pub mod preset;
pub mod recipe;
pub mod rotation;
pub mod sample;
pub mod text;
pub mod train;
pub mod views;
mod warm_up;

pub use config::{ConsistencyConfig, PolicyConfig, TrainConfig};
pub use device::DeviceChoice;
pub use error::{Error, Result, Unusable};
pub use infer::{CorticalPolicy, PredictionViews};
pub use look::{DynamicLook, GazeLook};
pub use network::StaticStream;

/// Inference beside a control loop uses one torch thread. Call it on the thread that infers.
pub fn use_one_thread() {
    tch::set_num_threads(1);
}
