//! The window: everything the robot sees, thinks and does, in Rerun, as a file or live. A pure sink: nothing comes back.

mod brain;
mod config;
mod curves;
mod error;
mod heat;
mod layout;
mod paths;
mod sink;
mod source;

pub use brain::{BrainPanel, SeenThing};
pub use config::VizConfig;
pub use curves::Curves;
pub use error::VizError;
pub use heat::{GazeRay, PredictionDetail, VirtualView};
pub use sink::{Level, Viz};
