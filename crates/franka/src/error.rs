//! Why a Franka arm cannot be driven.

use crate::RobotMode;

/// Errors of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrankaError {
    /// A value out of its range.
    #[error("franka configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// More of the robot's limits than may be used.
    #[error(
        "{key} = {value}, allowed: 0 to {greatest:.3}: a real Franka arm is asked for at most {percent:.0} % of what it can"
    )]
    Share {
        /// The key of the scale.
        key: &'static str,
        /// Its value.
        value: f64,
        /// The greatest one.
        greatest: f64,
        /// The share of Franka's limits that this would be.
        percent: f64,
    },
    /// No address.
    #[error("franka configuration: host = {host:?} is not an address or a name")]
    Host {
        /// What was given.
        host: String,
    },
    /// The kernel is not a real-time one.
    #[error(
        "this kernel has no PREEMPT_RT, which a real arm needs to be driven at 1 kHz (for a simulated one: realtime: ignore)"
    )]
    NoRealtimeKernel,
    /// Nobody answers.
    #[error(
        "{peer} cannot be reached: {reason} (is it powered, is FCI activated in Desk, is this machine in its network?)"
    )]
    Unreachable {
        /// Host and port.
        peer: String,
        /// What the network says.
        reason: String,
    },
    /// The robot's software speaks another version of the interface.
    #[error("{peer} speaks version {server} of its interface, this program {ours}: update the robot or this program")]
    Version {
        /// Host and port.
        peer: String,
        /// Theirs.
        server: u16,
        /// Ours.
        ours: u16,
    },
    /// The robot answers, but in a way that the protocol does not know.
    #[error("{what}: the robot's answer is not understood: {reason}")]
    Protocol {
        /// What was asked.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The robot does not answer in time.
    #[error("{what}: the robot does not answer")]
    Silent {
        /// What was asked.
        what: &'static str,
    },
    /// The connection broke.
    #[error("{what}: the connection to the robot is lost: {reason}")]
    Lost {
        /// What was asked.
        what: &'static str,
        /// What the network says.
        reason: String,
    },
    /// The robot says no.
    #[error("{what}: the robot refuses: {reason}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its status, in words.
        reason: String,
    },
    /// The robot is in a mode in which it takes no commands.
    #[error("the robot is {mode}: {remedy}", remedy = mode.remedy())]
    Mode {
        /// Its mode.
        mode: RobotMode,
    },
    /// The motion would begin with a leap.
    #[error(
        "the command is {off_rad} rad away from where the robot is told to be; at most {max_rad} may be worked off"
    )]
    TakeOver {
        /// Largest difference of a joint [rad].
        off_rad: f64,
        /// What the configuration allows [rad].
        max_rad: f64,
    },
}
