//! Poses on topics of their own (PoseStamped), in the frame that their messages name.

use nalgebra::Isometry3;
use neuraxis_core::Nanos;

use super::frames::{Frames, Track};

/// Poses of one topic, all in one frame.
#[derive(Clone, Debug, Default)]
pub(super) struct PoseTrack {
    /// Name of the frame; empty: the messages name none.
    frame: Option<String>,
    track: Track,
}

impl PoseTrack {
    /// Adds a pose.
    ///
    /// # Errors
    /// It is in another frame than the first one.
    pub(super) fn add(&mut self, stamp: Nanos, frame: &str, pose: Isometry3<f64>) -> Result<(), String> {
        let known = self.frame.get_or_insert_with(|| frame.to_string());
        if *known != frame {
            return Err(format!("a pose in frame {frame:?}, the first one is in {known:?}"));
        }
        self.track.push(stamp, pose);
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.track.sort();
    }

    /// The frame that the poses are in; `None`: it is not named, and taken for the world.
    pub(super) fn frame(&self) -> Option<&str> {
        self.frame.as_deref().filter(|frame| !frame.is_empty())
    }

    /// The pose in the world, by tf if it was told in another frame.
    pub(super) fn in_world(&self, frames: &Frames, world: Option<&str>, stamp: Nanos) -> Option<Isometry3<f64>> {
        let pose = self.track.at(stamp)?;
        match self.frame() {
            Some(frame) => Some(frames.pose(world?, frame, stamp)? * pose),
            None => Some(pose),
        }
    }
}
