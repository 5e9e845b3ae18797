//! What decides where the arm goes, and what its threads come back with.

use anyhow::Result;
use neuraxis_policy::text::MiniLm;

use crate::{
    brain::{Apprentice, Mind, Plans, Reflex, live::BrainReport},
    source::Source,
    threads::PolicyReport,
};

/// What decides where the arm goes.
// There is one of it in a run.
#[allow(clippy::large_enum_variant)]
pub enum Thinker {
    /// A source of key-frames.
    Source {
        /// Where they come from.
        source: Source,
        /// Reads sentences that come later; `None` if the source reads none.
        embedder: Option<MiniLm>,
    },
    /// A brain.
    Brain(Box<Brain>),
}

/// A brain: its fast half, its slow half, who plans, and the learned policy if it has anything to do.
pub struct Brain {
    /// In the cerebellum's thread.
    pub reflex: Reflex,
    /// In thread `brain`.
    pub mind: Mind,
    /// In thread `planner`.
    pub plans: Plans,
    /// In thread `brain`.
    pub apprentice: Option<Apprentice>,
}

/// The work of a thread that thinks.
pub(super) type Think<'a> = Box<dyn FnOnce() -> Result<Thinking> + Send + 'a>;

/// The work of a thread that plans.
pub(super) type Planning = Box<dyn FnOnce() -> Result<Plans> + Send>;

/// How it ended.
pub(super) enum Thinking {
    Policy(Box<PolicyReport>),
    Brain(Box<BrainReport>),
}
