//! What can go wrong while setting up.

/// Errors of set-up. Faults of the running loop are [`neuraxis_core::Fault`]s.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CerebellumError {
    /// A configuration value is out of range.
    #[error("cerebellum configuration: {key} = {value}, allowed: {allowed}")]
    Config {
        /// Name of the key.
        key: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The motion layer refused its configuration or the robot.
    #[error("motion: {0}")]
    Motion(String),
}
