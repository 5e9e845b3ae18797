//! From RGB-D images to what the networks look at: a coloured point cloud, orthographic views of it, and back to 3D.
//!
//! Single-threaded f32, no allocation once the buffers have grown.

pub mod argmax;
pub mod cloud;
pub mod cube;
pub mod error;
pub mod render;

pub use argmax::{ArgMax, arg_max_3d, gaussian_target};
pub use cloud::{Cloud, FuseConfig, fuse_into};
pub use cube::{CubeFrame, OrthoView};
pub use error::VisionError;
pub use render::{CHANNELS, RenderConfig, Renderer};
