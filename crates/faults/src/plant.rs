//! The arm under the loop.

use neuraxis_core::{ArmCommand, ArmState, Joints, Nanos, PERIOD_BRAINSTEM};

/// Fingers move at this speed [m/s].
const FINGER_M_S: f64 = 0.2;

/// A simulated arm: one millisecond per step.
pub trait Plant: Send {
    /// What its sensors report. The stamp is the rig's business.
    fn state(&self) -> ArmState;
    /// One millisecond under a command. Must not allocate.
    fn step(&mut self, command: &ArmCommand);
}

/// An arm that is where it was told to be.
#[derive(Clone, Debug)]
pub struct IdealArm {
    state: ArmState,
}

impl IdealArm {
    /// At rest at `q` [rad], fingers open.
    pub fn new(q: Joints) -> Self {
        let zero = Joints::zeros(q.len());
        Self {
            state: ArmState { stamp: Nanos(0), q, qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None },
        }
    }
}

impl Plant for IdealArm {
    fn state(&self) -> ArmState {
        self.state
    }

    fn step(&mut self, command: &ArmCommand) {
        // A command that is repeated is a position to stand at.
        let stands = command.q == self.state.q;
        self.state.qd = if stands { Joints::zeros(command.q.len()) } else { command.qd };
        self.state.q = command.q;
        let most_m = FINGER_M_S * PERIOD_BRAINSTEM.secs();
        self.state.gripper_width_m += (command.gripper_width_m - self.state.gripper_width_m).clamp(-most_m, most_m);
    }
}
