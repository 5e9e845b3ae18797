//! A Franka arm (FR3, version 10 of the Franka Control Interface) and its hand, as an [`Arm`](neuraxis_core::Arm).
//!
//! [`connect`] gives three ends: [`FrankaArm`] for the loop's thread, [`FrankaDesk`] for operators, [`FrankaGripper`] for a
//! thread of its own. Nothing here starts a thread.
//!
//! # Bring up
//!
//! **Untested on a real robot.** What ran: the public simulators `franky-sim` (contact and a hand) and `franka-sim` (the
//! robot's limits and packet rules enforced), `crates/franka/tests`. Before the first motion read the robot's manual;
//! Neuraxis is no safety function.
//!
//! 1. *Emergency stop.* Within reach, tested with the arm standing. It cuts the motors' power whatever this program does.
//! 2. *Network.* A cable from this machine to the control unit (not to the arm's base), without a switch; this machine
//!    on `172.16.0.1/24`, the robot on `172.16.0.2`. `ping -i 0.001 -D -c 10000 172.16.0.2` as root: no loss, below 0.3 ms.
//! 3. *Real-time kernel.* `cat /sys/kernel/realtime` says 1 (Debian: `linux-image-rt-amd64`; Ubuntu: Pro's real-time
//!    kernel). Rights: `/etc/security/limits.d` with `rtprio 99` and `memlock unlimited`. Frequency scaling off:
//!    `cpupower frequency-set -g performance`. `neuraxis doctor` says what is granted; without it
//!    a real arm is not driven (`arm_when_degraded` in brainstem.yaml, `realtime: ignore` here).
//! 4. *Desk.* In a browser on `https://172.16.0.2`: unlock the joints, tell it the hand is mounted, activate FCI, release the
//!    enabling device. The lights are green.
//! 5. *Look first.* Read states without a command: nothing moves before the loop's first command.
//! 6. *Slowly.* `velocity_scale`, `acceleration_scale`, `jerk_scale`: 0.5 in brainstem.yaml (above 0.9 is refused), a wall and a
//!    tool box there too, thresholds of collisions low (the defaults are), nobody in reach. Check that the robot stops by
//!    reflex when it is held.
//! 7. *After a stop* see [`FrankaDesk::status`] for the reason, make room, then [`FrankaDesk::recover`] and the loop's reset.
//!
//! # How it drives
//!
//! *Joint positions.* The brainstem owns position: it commands a jerk-limited `q`, with a way to rest kept ready. Sent as
//! positions, a lost packet costs its millisecond and no drift; as velocities the robot would integrate, and drift apart
//! from where the brainstem checked walls and self-collision.
//!
//! *The robot gives the rhythm.* Each state packet is a tick. Its stamp is the receipt, smoothed onto the robot's own
//! milliseconds, and the loop decides for that time; after a lost packet it decides for two milliseconds.
//!
//! *No step.* The loop begins at the measured position; the robot's target differs from it by its sag. The difference
//! (at most `takeover_max_rad`) is added to the commands and dies out within a second, after resets too.
//!
//! *Limits.* `configs/fr3/robot.yaml` holds Franka's limits of acceleration (10 rad/s^2) and jerk (5000 rad/s^3), the URDF its
//! velocities; the brainstem keeps them. Shipped scales of velocity and jerk are 1, exactly Franka's limits, for simulated robots: a real arm is
//! refused until `velocity_scale`, `acceleration_scale` and `jerk_scale` in brainstem.yaml leave a tenth of them
//! ([`limits::SHARE_MAX`]), as a millisecond on the robot's grid is not quite one of ours and offsets come on top. motion.yaml stays
//! far below in any case.
//! Franka's velocity limit also shrinks towards the ends of a joint's range, which the brainstem does not know: here the last
//! `velocity_margin_rad_s` below it is a [`VelocityLimit`](neuraxis_core::Fault::VelocityLimit), and so a smooth stop.
//!
//! *Stops.* A silent robot is `ReadFailed`, a closed connection `WriteFailed`, a reflex, a user's stop or guiding `ArmStopped`;
//! all latch. Nothing recovers by itself.
//!
//! # Built on
//!
//! Crate `franka-rs` 0.4: its sockets ([`franka::network`]) and wire structures ([`franka::wire`]). Its `Robot` with
//! `start_joint_position_control` also reads and writes apart, but (a) the handle borrows the robot and is `!Send`,
//! so it cannot be an `Arm`; (b) making a `Robot` raises the calling thread to the highest real-time priority, whatever
//! is configured; (c) the end of a motion formats, allocates and prints in the control loop. Its lower layer has none of this,
//! calls no allocator in a cycle, and is what this crate uses.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![deny(clippy::undocumented_unsafe_blocks)]

mod arm;
mod config;
mod desk;
mod error;
mod grid;
mod grip;
mod hand;
pub mod limits;
mod link;
mod mode;
mod shared;
mod takeover;

use std::sync::Arc;

pub use arm::FrankaArm;
pub use config::{FrankaConfig, Realtime};
pub use desk::{FrankaDesk, FrankaStatus};
pub use error::FrankaError;
pub use hand::FrankaGripper;
pub use mode::{Reflexes, RobotMode};
use neuraxis_channel::mailbox;
use neuraxis_core::Clock;

use crate::{arm::HandLinks, hand::HandState, link::Link, shared::Shared};

/// The ends of a connection.
pub struct Franka {
    /// For the loop.
    pub arm: FrankaArm,
    /// For operators.
    pub desk: FrankaDesk,
    /// For a thread of its own; none if the configuration says that there is no hand.
    pub gripper: Option<FrankaGripper>,
}

/// Connects to a robot that is ready, and tells it its thresholds and stiffness. Nothing moves.
///
/// `clock` is the loop's. Errors: a value out of range, no real-time kernel, no answer, another version of the interface,
/// a robot that is not ready (each with what to do), a setting that it refuses.
pub fn connect(config: &FrankaConfig, clock: Arc<dyn Clock>) -> Result<Franka, FrankaError> {
    let link = Arc::new(reach(config)?);
    let mode = RobotMode::from_wire(link.receive(None)?.robot_mode);
    if mode != RobotMode::Idle {
        return Err(FrankaError::Mode { mode });
    }
    let limits = link.set_up(config)?;
    let hand = if config.hand { Some(hand::connect(config)?) } else { None };
    let newest = link.receive(None)?;
    let shared = Arc::new(Shared::new(link));

    let (gripper, hand) = match hand {
        None => (None, None),
        Some((network, width_m)) => {
            let (commands, wishes) = mailbox(None);
            let (to_loop, states) = mailbox(HandState { stamp: clock.now(), width_m });
            let gripper = FrankaGripper::new(config.clone(), clock.clone(), (network, width_m), wishes, to_loop);
            (Some(gripper), Some(HandLinks { commands, states, timeout_secs: config.hand_timeout_secs }))
        }
    };
    let desk = FrankaDesk::new(shared.clone(), config.clone());
    let arm = FrankaArm::new(config.clone(), clock, shared, limits, hand, newest);
    Ok(Franka { arm, desk, gripper })
}

/// Clears the errors of a robot that stands in a reflex, before anybody is connected to it. An operator's decision.
pub fn recover(config: &FrankaConfig) -> Result<(), FrankaError> {
    let link = reach(config)?;
    match RobotMode::from_wire(link.receive(None)?.robot_mode) {
        RobotMode::Idle => Ok(()),
        RobotMode::Reflex => link.recover(config),
        mode => Err(FrankaError::Mode { mode }),
    }
}

fn reach(config: &FrankaConfig) -> Result<Link, FrankaError> {
    config.validate()?;
    if config.realtime == Realtime::Enforce && !franka::realtime::has_realtime_kernel() {
        return Err(FrankaError::NoRealtimeKernel);
    }
    Link::connect(config)
}
