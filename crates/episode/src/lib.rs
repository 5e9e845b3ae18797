//! Recorded experience on disk: episodes as MCAP files that other tools open, data sets that training maps into memory.

pub mod cdr;
pub mod container;
pub mod dataset;
mod display;
mod edit;
mod error;
mod info;
mod keyframes;
mod messages;
mod own;
mod reader;
mod record;
mod recorded;
mod save;
mod schemas;
mod shown;
mod sink;
mod tick;
mod writer;

pub use dataset::{CloudSample, Dataset, DatasetWriter};
pub use edit::{Edited, cut, merge};
pub use error::EpisodeError;
pub use info::{Info, TopicInfo};
pub use keyframes::{keyframes, settled};
pub use messages::{CommandSample, DepthEncoding};
pub use own::OwnRecording;
pub use reader::{End, EpisodeReader, Records};
pub use record::Record;
pub use recorded::{About, Lacks, Moment, Picture, Pictures, Recorded, check_for_training, judge_gripper};
pub use save::{Body, save};
pub use shown::{BrainPanel, GazeRay, Level, Monitor, Points, PredictionDetail, SeenThing, VirtualView};
pub use tick::{Decision, LoopInputs, TickSample};
pub use writer::{EpisodeWriter, Header};
