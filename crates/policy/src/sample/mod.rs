//! From recorded observations to batches: which sample, which goal, augmentation, rendering, targets.

mod augment;
mod batch;
mod body;
mod fits;
mod record;
mod rows;
mod samples;
mod wordings;

pub use batch::Batch;
pub use body::Body;
pub(crate) use fits::check_made_for;
pub use record::{LabelledGoal, Record, previous};
pub(crate) use record::{SAME_M, is_held_out};
pub use rows::Rows;
pub use samples::Samples;
