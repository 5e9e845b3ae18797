//! From RGB-D images to what the networks look at: a coloured point cloud, orthographic views of it, and back to 3D.
//!
//! Single-threaded f32. Fusing and rendering reuse their buffers; the arg-max allocates a few small tables per call.

pub mod argmax;
pub mod ball;
pub mod cloud;
pub mod cube;
pub mod error;
pub mod frozen;
pub mod hand_eye;
pub mod health;
pub mod keypoints;
pub mod perspective;
#[cfg(test)]
mod random;
pub mod render;

pub use argmax::{ArgMax, arg_max_3d, gaussian_target};
pub use ball::{Ball, find_ball};
pub use cloud::{Cloud, FuseConfig, fuse, fuse_into, fuse_usable_into};
pub use cube::{CubeFrame, OrthoView};
pub use error::VisionError;
pub use frozen::FrozenWatch;
pub use hand_eye::{HandEye, Sighting, hand_eye};
pub use health::{CameraFault, MaskedCamera};
pub use keypoints::{GeometricKeypoints, KeypointProvider, Keypoints};
pub use perspective::{PerspectiveRenderer, PerspectiveView};
pub use render::{CHANNELS, MOST_POINTS, RenderConfig, Renderer, SPLAT_RADIUS_IN_CUBE};
