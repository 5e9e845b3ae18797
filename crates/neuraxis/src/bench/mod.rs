//! `neuraxis bench`: measurements beside a peer or the physical limit, in one run. Numbers are printed, never asserted.
//!
//! | bench | measures | beside |
//! |---|---|---|
//! | `loop` | wake-up and tick of the 1 kHz loop in motion: idle, beside inference, under a flood of ROS messages | cyclictest |
//! | `kinematics` | forward kinematics, Jacobian, inverse dynamics, inverse kinematics | k, Pinocchio |
//! | `motion` | a step and a new goal of jerk-limited motion | rsruckig, ruckig |
//! | `channels` | mailbox and ring, on one thread and across two | rtrb |
//! | `policy` | a policy tick by stage | |
//! | `recorder` | four cameras and the loop into a file: drops, MB/s, processor, enqueue | a plain write of the same bytes |
//! | `replay` | how long a long recording takes to open | |

mod bars;
mod channels;
mod control_loop;
mod cyclictest;
mod kinematics;
mod load;
mod machine;
mod measured;
mod motion;
mod moving;
mod peers;
mod policy;
mod recorder;
mod replay;

pub use channels::channels;
pub use control_loop::{LoopPlan, control_loop};
pub use kinematics::kinematics;
pub use machine::Machine;
pub use measured::{Measured, rows};
pub use motion::motion;
pub use policy::policy;
pub use recorder::recorder;
pub use replay::replay;
