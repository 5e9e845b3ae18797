//! What of a recording is kept, and where its messages go.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use neuraxis_core::Nanos;

use crate::{
    EpisodeError,
    container::Channel,
    parts::{Parts, Rotation},
    ring::{Ring, RingConfig, Saved},
    sink::Sink,
};

/// What of a recording is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Keep {
    /// Everything, in one file.
    #[default]
    All,
    /// Everything, in numbered files.
    Parts(Rotation),
    /// The last seconds, in memory; a numbered file of them where something happens.
    Ring(RingConfig),
}

/// Where messages go.
pub(crate) enum Output {
    One(Box<Sink>),
    Parts(Box<Parts>),
    Ring(Box<Ring>),
}

impl Output {
    pub(crate) fn create(path: &Path, keep: Keep) -> Result<Self, EpisodeError> {
        Ok(match keep {
            Keep::All => Self::One(Box::new(Sink::create(path)?)),
            Keep::Parts(rotation) => Self::Parts(Box::new(Parts::create(path, rotation)?)),
            Keep::Ring(config) => Self::Ring(Box::new(Ring::create(path, config)?)),
        })
    }

    pub(crate) fn write(
        &mut self,
        channel: &Arc<Channel>,
        sequence: u32,
        stamp: Nanos,
        bytes: &[u8],
    ) -> Result<(), EpisodeError> {
        match self {
            Self::One(sink) => sink.write(channel, sequence, stamp, bytes).map(|_| ()),
            Self::Parts(parts) => parts.write(channel, sequence, stamp, bytes),
            Self::Ring(ring) => ring.write(channel, sequence, stamp, bytes),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), EpisodeError> {
        match self {
            Self::One(sink) => sink.flush(),
            Self::Parts(parts) => parts.flush(),
            Self::Ring(_) => Ok(()),
        }
    }

    pub(crate) fn finish(self) -> Result<(Vec<PathBuf>, Vec<Saved>), EpisodeError> {
        match self {
            Self::One(sink) => Ok((vec![sink.finish()?], Vec::new())),
            Self::Parts(parts) => Ok((parts.finish()?, Vec::new())),
            Self::Ring(ring) => ring.finish(),
        }
    }
}
