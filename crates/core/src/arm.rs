//! The hardware behind the brainstem.

use serde::{Deserialize, Serialize};

use crate::{Fault, Joints, Nanos, PERIOD_BRAINSTEM};

/// What an arm reports each tick.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmState {
    /// When the state was measured, in the loop's clock.
    pub stamp: Nanos,
    /// Joint positions [rad].
    pub q: Joints,
    /// Joint velocities [rad/s].
    pub qd: Joints,
    /// Joint torques [N m], gravity compensated away where the arm does that.
    pub tau_nm: Joints,
    /// Distance between the finger pads [m].
    pub gripper_width_m: f64,
    /// Force with which the finger pads squeeze, negative when they push apart; `None` if the gripper does not measure
    /// it [N].
    pub grip_force_n: Option<f64>,
}

/// What an arm is told each tick.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmCommand {
    /// Joint positions [rad].
    pub q: Joints,
    /// Joint velocities, for feed-forward [rad/s].
    pub qd: Joints,
    /// Joint accelerations, for feed-forward [rad/s²].
    pub qdd: Joints,
    /// Torques that this motion takes without gravity, which arms compensate themselves, for feed-forward; within the
    /// joints' torque and torque-rate limits [N m].
    pub tau_nm: Joints,
    /// Distance between the finger pads [m].
    pub gripper_width_m: f64,
    /// Most that the finger pads may squeeze with on the way there [N].
    pub grip_force_n: f64,
}

impl ArmCommand {
    /// Stand at `q` [rad] with this finger distance [m] and grip force [N].
    pub fn hold(q: Joints, gripper_width_m: f64, grip_force_n: f64) -> Self {
        let zero = Joints::zeros(q.len());
        Self { q, qd: zero, qdd: zero, tau_nm: zero, gripper_width_m, grip_force_n }
    }
}

/// Who gives the rhythm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// The loop sleeps until absolute deadlines of its clock.
    Clock,
    /// `read` returns when the device has a new state; commands are made for the time of its stamp, so that jitter of the
    /// receipt does not shake the motion.
    Device,
}

/// An arm: read a state, write a command, once a tick. Called from the brainstem's thread only.
pub trait Arm: Send {
    /// Number of joints.
    fn dof(&self) -> usize;
    /// Who gives the rhythm.
    fn pacing(&self) -> Pacing;
    /// Time between two states of a device that gives the rhythm.
    fn period(&self) -> Nanos {
        PERIOD_BRAINSTEM
    }
    /// True for hardware: it is driven only with the real-time privileges asked for, unless told otherwise.
    fn is_real(&self) -> bool {
        false
    }
    /// The newest state. Must not allocate.
    fn read(&mut self) -> Result<ArmState, Fault>;
    /// Sends a command that the brainstem has already limited. Must not allocate.
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault>;
}
