//! The only lock-free code of Neuraxis: newest-wins mailboxes, bounded rings, recycled slots, flags and counters.
//!
//! Nothing here blocks, and nothing here allocates after construction. Every loss is counted.
//!
//! Orderings and the one `unsafe` are proved under miri, which also explores weak-memory reorderings and schedules:
//! `MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-many-seeds=0..8" cargo +nightly miri test -p neuraxis-channel --lib`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![deny(clippy::undocumented_unsafe_blocks)]

pub mod mailbox;
pub mod ring;
pub mod signal;
pub mod slots;

pub use mailbox::{MailboxReader, MailboxWriter, mailbox};
pub use ring::{RingReceiver, RingSender, ring};
pub use signal::{Counter, Flag};
pub use slots::{Slot, SlotPool};
