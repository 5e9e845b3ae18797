//! What every part of Neuraxis agrees on: frames, time, joints, observations, key-frames, segments, faults, traits.
//!
//! No I/O, no threads, no clock, no back-end. Everything that crosses the control path is `Copy` and heap-free.
//! SI units everywhere (metres, radians, seconds, newtons); integer times are nanoseconds.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod arm;
pub mod fault;
pub mod frames;
pub mod joints;
pub mod keyframe;
pub mod median;
pub mod observation;
pub mod order;
pub mod path;
pub mod segment;
pub mod task;
pub mod time;

pub use arm::{Arm, ArmCommand, ArmState, Pacing};
pub use fault::{Fault, Reaction};
pub use frames::{Base, Camera, Frame, Point, Pose, Tool, World};
pub use joints::{Joints, MAX_JOINTS};
pub use keyframe::{Gripper, KeyFrame, Prediction, StageTimes};
pub use median::{median, upper_median};
pub use observation::{CameraView, Intrinsics, Observation, Progress};
pub use order::{TaskOrder, TaskReport, TaskState};
pub use path::{JointPath, MOST_WAYPOINTS};
pub use segment::{Commanded, Segment, SegmentState};
pub use task::{Instruction, Policy, PolicyError, TextEmbedder, TextFeatures};
pub use time::{Clock, Nanos, PERIOD_BRAINSTEM, PERIOD_CEREBELLUM};
