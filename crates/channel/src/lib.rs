//! The only lock-free code of Neuraxis: newest-wins mailboxes, bounded rings, recycled slots, flags and counters.
//!
//! Nothing here blocks, and nothing here allocates after construction. Every loss is counted.
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
