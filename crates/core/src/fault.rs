//! Everything that can go wrong in the loop, as `Copy` codes, with one table to text, reaction and remedy.

use serde::{Deserialize, Serialize};

/// What the brainstem does about a fault.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reaction {
    /// Refuse this input, keep going on the last good one.
    Reject,
    /// Decelerate within the limits and hold; motion may resume with fresh commands.
    Stop,
    /// Decelerate within the limits, hold, and stay so until an operator resets.
    Latch,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident : $reaction:ident, $text:literal, $remedy:literal;)*) => {
        /// A fault of the control loop.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every fault, in table order.
            pub const ALL: &[Fault] = &[$(Fault::$name,)*];
            /// What happened, for people.
            pub fn text(self) -> &'static str { match self { $(Fault::$name => $text,)* } }
            /// What to do about it.
            pub fn remedy(self) -> &'static str { match self { $(Fault::$name => $remedy,)* } }
            /// What the brainstem does.
            pub fn reaction(self) -> Reaction { match self { $(Fault::$name => Reaction::$reaction,)* } }
        }
    };
}

faults! {
    /// No segment was ever received, or the last one's lease ran out.
    LeaseExpired: Stop, "the motion segment's lease expired", "find out why the cerebellum stopped sending (its thread, its policy, its cameras)";
    /// A number in a segment is NaN or infinite, or lengths differ.
    SegmentMalformed: Reject, "a motion segment holds a non-finite number or vectors of different length", "the producer is defective: look at its last inputs in the recording";
    /// A segment is older than the one in use.
    SegmentOutOfOrder: Reject, "a motion segment is older than the one in use", "two producers, or a replayed message: stop one of them";
    /// The segment's first state is too far from what is commanded now.
    SegmentJump: Stop, "a motion segment does not continue from the commanded state", "the producer must start from the commanded state";
    /// A joint position would leave its range.
    PositionLimit: Stop, "a joint would leave its position range", "move the goal away from the joint's limit";
    /// A joint would move faster than its limit.
    VelocityLimit: Stop, "a joint would exceed its velocity limit", "lower the motion's speed";
    /// A joint would accelerate harder than its limit.
    AccelerationLimit: Stop, "a joint would exceed its acceleration limit", "lower the motion's acceleration";
    /// A joint would need more torque than it has.
    TorqueLimit: Stop, "a joint would need more torque than its limit, to go on or to stop from there", "lower the motion's acceleration, or the load";
    /// The arm could not stop before a wall, or the tool not inside its box.
    WorkspaceLimit: Stop, "the arm would pass a wall or leave the tool's box before it could come to rest", "move the goal away from the wall named in brainstem.yaml";
    /// The arm could not stop before touching itself.
    SelfCollision: Stop, "two links would come too close before the arm could come to rest", "choose a goal or a posture with more room";
    /// The arm reports a NaN or infinite number.
    StateMalformed: Latch, "the arm reports a non-finite or incomplete state", "check the arm's driver and wiring, then reset";
    /// The arm does not follow.
    TrackingError: Latch, "the arm is too far from where it was commanded to be", "remove the obstacle or the load, then reset";
    /// Reading the arm failed.
    ReadFailed: Latch, "the arm could not be read", "check the connection, then reset";
    /// Writing to the arm failed.
    WriteFailed: Latch, "the arm did not take a command", "check the connection, then reset";
    /// An operator, a service or a signal asked for a stop.
    StopRequested: Latch, "a stop was requested", "reset when it is safe";
    /// No camera image arrived for too long.
    CameraStale: Stop, "a camera stopped delivering images", "check the camera named in the log";
    /// The policy gave no valid prediction for too long.
    PolicyStale: Stop, "the policy stopped delivering predictions", "look at the policy thread's log";
    /// A key-frame cannot be reached.
    Unreachable: Stop, "no joint configuration reaches the key-frame", "the goal is outside the arm's reach or limits";
    /// The loop fell behind its deadline repeatedly.
    Overrun: Stop, "the loop missed its deadline repeatedly", "grant real-time priority, isolate a core, stop other work on the machine";
    /// The arm's own controller stopped it, or is not ready to move.
    ArmStopped: Latch, "the arm's own controller stopped it: a reflex, a limit, or a person", "see what its driver says and remove the cause, recover the arm, then reset";
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {} ({})", self, self.text(), self.remedy())
    }
}

impl std::error::Error for Fault {}
