//! The 1 kHz loop: deadlines, leases, limits, reflexes, and the real-time set-up of its thread.
//!
//! [`Brainstem::step`] is pure: no clock, heap, lock, log or I/O; the same function runs in lockstep, on a robot and in
//! tests. [`run_realtime`] gives it a rhythm. The brainstem can always veto: whatever the segments say, what reaches
//! the arm is finite, inside the limits and continuous, and every way out of motion is a jerk-limited stop.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![deny(clippy::undocumented_unsafe_blocks)]

pub mod clearance;
pub mod clock;
pub mod config;
pub mod error;
mod follow;
pub mod gate;
mod guard;
pub mod histogram;
pub mod inputs;
pub mod pace;
mod panic_stop;
pub mod privileges;
mod range;
pub mod realtime;
pub mod step;
mod torque;
pub mod watchdog;

pub use clearance::{Clearance, ToolBoxConfig, WallConfig};
pub use clock::MonotonicClock;
pub use config::{BrainstemConfig, PrivilegeConfig};
pub use error::BrainstemError;
pub use gate::RefusedSegments;
pub use histogram::{Histogram, Percentiles};
pub use inputs::{Requests, TickInputs};
pub use pace::{Pacer, Wake};
pub use privileges::{Grant, RealtimeReport, request_privileges};
pub use realtime::{BodyState, LoopStats, LoopSummary, RealtimeLinks, Signals, TickRecord, run_realtime};
pub use step::{Brainstem, Mode, Tick};
pub use watchdog::{Watchdog, WatchdogReport};
