//! A real arm behind ros2_control's topics, as two ends joined by mailboxes.
//!
//! [`ControlArm`] is what the brainstem drives: it reads the newest joint state and leaves a command, lock-free and
//! without the heap. [`ControlNode`] owns everything of r2r and runs in a thread of its own: it matches joint states by
//! name, refuses what cannot be true, and publishes the newest command at a fixed rate.
//!
//! What ends in what state:
//!
//! | what happens | what is done |
//! |---|---|
//! | no state yet | nothing is published; the arm reports a state that is not finite, so that the loop does not start |
//! | states stop, or are refused, for `state_timeout_secs` | `read` fails: [`Fault::ReadFailed`](neuraxis_core::Fault), the loop brakes, its commands still go out, then latches |
//! | two nodes speak for the same joints, or a joint is elsewhere all at once | as if states stopped: nothing is believed until all that is said has agreed for twice `state_timeout_secs`, 0.2 s at least; at the start the first that is heard is not believed for 0.2 s, so that others have time to contradict |
//! | the robot is started again, or only after us | its states count 3.5 s after the first of them, no reset is granted before: it may hear our commands later than we hear it, and would leap to where it is told to be by then |
//! | the loop falls silent for `silence_secs`, 20 ms | the node brakes within the joints' limits from the last command; then positions stop being published, and velocities are zero |
//! | commands that do not continue from there | not published; `write` fails: `Fault::WriteFailed`, until a reset begins at the measured position |
//! | somebody else publishes commands | refused at the start (an arm that is only watched, [`watched_arm`], is theirs to move); later `write` fails, the loop brakes, then nothing is published until they are gone and the loop was reset |
//! | the program begins, and the fingers may hold something | they are told nothing before they are wished elsewhere than they were found |
//! | a gripper behind an action is served by nobody for 5 s, refuses, gives up, jams on its way open, is cancelled by others, or does not answer | `write` fails, the loop brakes and latches; the goal is given again each second, and once one has ended well a reset leads on |
//! | our process is killed | nobody brakes but the controller: a trajectory ends at rest by itself, the last position is held (how hard the arm stops there is its drives' affair), a velocity goes on for ever unless whoever takes it has a time-out of its own, which ros2_controllers' `forward_command_controller` has not |
//!
//! So of the three interfaces, trajectories are the safest where the link may break, positions the most exact, and
//! velocities need a controller or a driver that times out. All three are tried with a program that is killed in
//! `tests/tests/a_killed_program_leaves_the_arm_at_rest.rs`.

mod arm;
mod config;
mod course;
mod goals;
mod gripper;
mod judge;
mod node;
mod order;
mod out;
mod refused;
mod report;
mod states;

use std::sync::Arc;

use neuraxis_channel::{RingReceiver, mailbox, ring};
use neuraxis_core::Clock;
use neuraxis_robot::{Robot, Shares};

pub use arm::ControlArm;
pub use config::{CommandInterface, ControlConfig, GripperConfig, GripperKind, LengthUnit};
pub use goals::GripperTrouble;
pub use node::ControlNode;
pub use report::{ControlReport, ControlStats};
pub use states::StateRefusal;

use crate::RosError;

/// The ends of an arm behind ros2_control.
pub struct Ros2Control {
    /// For the brainstem's thread.
    pub arm: ControlArm,
    /// For a thread of its own, of ordinary priority: `node.run(&stop)`.
    pub node: ControlNode,
    /// What the node did, ten times a second and at its end; for diagnostics. The newest replaces the oldest.
    pub reports: RingReceiver<ControlReport>,
}

/// Starts ROS 2 in this process, if it is not yet, and makes both ends. Of the robot's limits these `shares` may be used, as
/// by the loop, also where the node brakes on its own; `clock` is the loop's.
///
/// Takes three and a half seconds: that long it listens for others who command the same arm.
///
/// Errors: a setting out of its range; joints that are not the robot's, or that the controller takes in another order;
/// [`RosError::DiscoveryRangeUnset`]; [`RosError::Rivals`]; whatever rcl refuses.
pub fn ros2_control(
    config: ControlConfig,
    robot: &Robot,
    shares: &Shares,
    clock: Arc<dyn Clock>,
) -> Result<Ros2Control, RosError> {
    ends(config, robot, shares, clock, Role::Drives)
}

/// As [`ros2_control`] for an arm that somebody else moves: nothing is published, no gripper is told, and it does not matter
/// who else commands the arm. Every command to the arm's end fails.
///
/// Errors: as there, but for rivals.
pub fn watched_arm(
    config: ControlConfig,
    robot: &Robot,
    shares: &Shares,
    clock: Arc<dyn Clock>,
) -> Result<Ros2Control, RosError> {
    ends(config, robot, shares, clock, Role::Watches)
}

/// What we are to the arm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Who commands it.
    Drives,
    /// Who looks on.
    Watches,
}

fn ends(
    mut config: ControlConfig,
    robot: &Robot,
    shares: &Shares,
    clock: Arc<dyn Clock>,
    role: Role,
) -> Result<Ros2Control, RosError> {
    config.complete(robot.joint_names(), robot.limits())?;
    let (states_in, states) = mailbox(None);
    let (commands_in, commands) = mailbox(None);
    let (reports_in, reports) = ring(2);
    let verdict = Arc::new(arm::Verdict::default());
    let arm = ControlArm::new(&config, role, clock.clone(), states, commands_in, verdict.clone());
    let ends = node::Ends { states_in, commands, reports_in, verdict };
    let node = ControlNode::new(config, role, robot, shares, clock, ends)?;
    Ok(Ros2Control { arm, node, reports })
}
