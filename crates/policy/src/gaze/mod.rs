//! The dynamic stream's gaze network: a clip of the virtual camera in, where to look and what is there out.
//!
//! Global-Local Correlation (Lai et al. 2022, "In the Eye of Transformer") on a multiscale vision transformer (Fan et
//! al. 2021), pre-trained on the pixel of the tool or of the next key-frame, then frozen.

pub mod checkpoint;
pub mod config;
pub mod evaluate;
pub mod frozen;
pub mod loss;
pub mod network;
pub mod pooled;
pub mod samples;
pub mod stream;
pub mod train;

pub use config::{GazeConfig, GazeTraining};
pub use frozen::FrozenGaze;
pub use network::{GazeNet, GazeOutput, Mode};
pub use stream::{Gaze, GazeStream};

#[cfg(test)]
mod tests;
