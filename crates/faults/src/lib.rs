//! Fault injection: every stream of the body under every fault, over a simulated arm, judged by seven assertions.
//!
//! The matrix has eight sources and seventeen faults, [`Cell::all`]. [`Expectation::of`] says for each cell what must
//! happen, or why the fault cannot happen there. [`Matrix::run_cell`] warms the body up on a virtual clock until the arm
//! moves, disturbs one stream, ends the fault, resets where that is the way out, and asserts:
//!
//! 1. no command leaves a limit: position, velocity, acceleration by value and by difference, jerk ([`Monitor`]);
//! 2. where a stop is due, rest comes within the stop budget (`budget.rs` says how it is computed);
//! 3. faults, refusals and their order are exactly the expected ones;
//! 4. counters add up on every stream: sent = used + refused + overwritten + dropped + waiting;
//! 5. motion resumes by the defined way and by no other: at once, when the fault ends, or after a reset;
//! 6. no tick of loop or executor calls the allocator;
//! 7. two runs decide the same, byte for byte; what nobody may notice (viewer, disk) changes no byte either.
//!
//! What a thread does is played as the loop would see it: one that hangs no longer steps while time goes on, one that
//! panics unwinds for real and is started again with a new task, a process that is killed never lets go of what it
//! held. A panic and an overrun of the arm's driver run on real threads and the real clock. The full disk is
//! `/dev/full` under the real recorder. A process killed as a whole cannot be played in that process: those cells say so.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![deny(clippy::undocumented_unsafe_blocks)]

mod audience;
mod body;
mod budget;
mod cell;
mod clock;
pub mod conformance;
mod corrupt;
mod error;
mod expectation;
mod eyed;
mod heap;
mod injector;
mod mind;
mod monitor;
mod operator;
mod plant;
mod real;
mod report;
mod rig;
mod run;
mod seen;
mod thinker;

pub use cell::{Cell, FaultKind, Source};
pub use clock::SharedClock;
pub use corrupt::Corrupt;
pub use error::FaultsError;
pub use expectation::{Expectation, Notice, Outcome};
pub use eyed::EyedPolicy;
pub use heap::CountingAllocator;
pub use injector::{Counts, Injector, Severity};
pub use monitor::Monitor;
pub use plant::{IdealArm, Plant};
pub use report::{CellReport, CellResult, MatrixReport};
pub use run::Matrix;
