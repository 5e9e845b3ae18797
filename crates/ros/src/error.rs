//! What can go wrong between us and ROS 2.

/// An error of the ROS 2 node. All arise before it runs; a running node counts and logs instead, see
/// [`crate::RosStats`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RosError {
    /// A setting is out of its range.
    #[error("ROS node: {key} is {value}; allowed is {allowed}")]
    Setting {
        /// Key in the configuration, or name of the ROS parameter.
        key: String,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// Nobody said with which machines to talk.
    #[error(
        "ROS node: ROS_AUTOMATIC_DISCOVERY_RANGE is not set, and without it ROS 2 announces itself to the whole network; \
         set it (LOCALHOST, SUBNET, OFF or SYSTEM_DEFAULT), or call neuraxis_ros::keep_local first in main"
    )]
    DiscoveryRangeUnset,
    /// The arguments after `--ros-args` cannot be read, or the middleware does not start.
    #[error("ROS 2 did not start: {reason}; look at the arguments after --ros-args and at RMW_IMPLEMENTATION")]
    Start {
        /// What rcl said.
        reason: String,
    },
    /// A part of the node could not be made.
    #[error("ROS node: cannot make {what}: {source}")]
    Make {
        /// Kind and name.
        what: String,
        /// What rcl said.
        source: r2r::Error,
    },
    /// Somebody else commands the arm.
    #[error(
        "topic {topic} has other publishers already: {others}; two that command one arm fight: stop them, then start again"
    )]
    Rivals {
        /// The topic of commands.
        topic: String,
        /// Their nodes.
        others: String,
    },
    /// A name of the configuration was changed on the command line.
    #[error(
        "topic {topic} is remapped on the command line: its publishers cannot be watched; name it in the file instead"
    )]
    Remapped {
        /// As in the file.
        topic: String,
    },
    /// A message does not say what we need.
    #[error("{message}: {reason}")]
    Message {
        /// Type of the message.
        message: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
