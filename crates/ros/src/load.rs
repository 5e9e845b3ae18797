//! Load for measurements, from a process of its own: a flood of messages with a storm of requests, or cameras that send as
//! much as real ones do. Both say what they sent, so that nothing can be lost unnoticed.

mod pictures;
mod storm;

pub use pictures::{Pictures, PicturesSent, pictures};
pub use storm::{Storm, StormSent, storm};
