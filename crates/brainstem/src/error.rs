//! What can go wrong outside the loop.

use neuraxis_core::Fault;

use crate::{Mode, RealtimeReport};

/// Errors of set-up and of operator requests. Faults of the running loop are [`Fault`]s.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BrainstemError {
    /// A configuration value is out of range.
    #[error("brainstem configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// Name of the key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The robot description has a limit that no motion can respect.
    #[error("joint {joint} ({index}): {limit} = {value}, allowed: {allowed}")]
    Limit {
        /// Name of the joint.
        joint: String,
        /// Its place in the joint order.
        index: usize,
        /// Which limit.
        limit: &'static str,
        /// What the description says.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A wall or the tool's box is not one.
    #[error("brainstem configuration: wall {wall}: {reason}")]
    Wall {
        /// Its name.
        wall: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The arm and the robot description do not belong together.
    #[error("the arm has {arm} joints, the robot description {robot}")]
    JointCount {
        /// Joints of the arm.
        arm: usize,
        /// Joints of the description.
        robot: usize,
    },
    /// A real arm, and a thread without the privileges that were asked for.
    #[error(
        "a real arm is not armed without real-time privileges ({report}); grant them (ulimit -r 99 -l unlimited), or \
         set arm_when_degraded: true in brainstem.yaml"
    )]
    Degraded {
        /// What was granted and what was not.
        report: RealtimeReport,
    },
    /// The loop or the arm's driver panicked.
    #[error("the loop panicked ({message}); {}", if *.stopped { "the arm was braked to rest" } else { "the arm took no more commands: its own time-out must stop it" })]
    Panicked {
        /// What the panic said.
        message: String,
        /// The arm took every command of the stop.
        stopped: bool,
    },
    /// A reset was asked for where none is possible.
    #[error("reset refused in mode {mode:?} (fault: {fault:?}): {reason}")]
    ResetRefused {
        /// Mode at that moment.
        mode: Mode,
        /// Cause of the latch.
        fault: Option<Fault>,
        /// What has to be different.
        reason: &'static str,
    },
}
