//! Other people's simulators, and ours for other people: both ends of `neuraxis-bridge`.

mod command;
mod dense;
mod evaluate;
mod pilot;
mod simulator;

pub use command::{BridgeCommand, BridgeTarget, measure, run};
pub use evaluate::BridgePlan;
