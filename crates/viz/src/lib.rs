//! The window: everything the robot sees, thinks and does, in Rerun, as a file or live. A pure sink: nothing comes back.

mod blueprint;
mod brain;
mod config;
mod curves;
mod error;
mod heat;
mod layout;
mod other;
mod paths;
mod shapes;
mod show;
mod sink;
mod source;
mod styles;

pub use config::VizConfig;
pub use curves::Curves;
pub use error::VizError;
pub use heat::overlay;
pub use other::Answers;
pub use sink::Viz;
pub use source::Target;

pub use neuraxis_episode::{BrainPanel, GazeRay, Level, Monitor, Points, PredictionDetail, SeenThing, VirtualView};
