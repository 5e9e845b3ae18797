//! The simulated arm on a real clock: physics keeps up with a clock in its own thread, everybody else holds mailboxes.
//!
//! No thread is started here: the caller's physics thread calls [`RealtimePlant::advance`], its brainstem thread holds
//! the [`MujocoArm`], its camera thread reads [`Frame`]s into a [`crate::CameraRig`] of its own.

use neuraxis_channel::{MailboxReader, MailboxWriter, mailbox};
use neuraxis_core::{Arm, ArmCommand, ArmState, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Pacing};

use crate::{Plant, SimError, Snapshot, tasks::Goal};

/// Joint positions and mocap bodies that fit a frame.
const QPOS_ROOM: usize = 128;
const MOCAP_ROOM: usize = 8;
/// Steps after which one call gives up catching up: the rest of the delay is lost time.
const CATCH_UP_STEPS: u64 = 20;
/// Steps without a new command after which the arm only holds its last position.
const SILENT_STEPS: u32 = 20;
/// Grip force until the first command [N].
const GRIP_FORCE_N: f64 = 35.0;

/// The world at one moment, for cameras and scoring; of fixed size, so that it travels in a mailbox.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Frame {
    /// When, in the caller's clock.
    pub stamp: Nanos,
    /// The goal is met.
    pub success: bool,
    /// The goal can no longer be met.
    pub failed: bool,
    qpos: [f64; QPOS_ROOM],
    qpos_len: usize,
    mocap: [[f64; 3]; MOCAP_ROOM],
    mocap_len: usize,
}

impl Frame {
    /// What a renderer takes; allocates only the first time.
    pub fn copy_into(&self, snapshot: &mut Snapshot) {
        snapshot.stamp = self.stamp;
        snapshot.qpos.clear();
        snapshot.qpos.extend_from_slice(&self.qpos[..self.qpos_len]);
        snapshot.mocap.clear();
        snapshot.mocap.extend_from_slice(&self.mocap[..self.mocap_len]);
    }
}

/// Physics that keeps up with a clock. Belongs to one thread.
pub struct RealtimePlant {
    plant: Plant,
    goal: Goal,
    /// Clock time at simulated time zero.
    origin: Nanos,
    lost: Nanos,
    command: ArmCommand,
    silent_steps: u32,
    commands: MailboxReader<Option<ArmCommand>>,
    states: MailboxWriter<ArmState>,
    frames: MailboxWriter<Frame>,
    snapshot: Snapshot,
}

/// The brainstem's end of a [`RealtimePlant`].
pub struct MujocoArm {
    dof: usize,
    states: MailboxReader<ArmState>,
    commands: MailboxWriter<Option<ArmCommand>>,
}

/// Splits a plant into its ends: physics, the arm, the newest frame. `now` becomes the plant's present time.
///
/// Until the first command the arm holds where it is.
pub fn realtime(
    plant: Plant,
    goal: Goal,
    now: Nanos,
) -> Result<(RealtimePlant, MujocoArm, MailboxReader<Frame>), SimError> {
    let mut snapshot = Snapshot::default();
    plant.snapshot_into(&mut snapshot);
    for (what, count, room) in
        [("joint positions", snapshot.qpos.len(), QPOS_ROOM), ("mocap bodies", snapshot.mocap.len(), MOCAP_ROOM)]
    {
        if count > room {
            return Err(SimError::TooLarge { what, count, room });
        }
    }
    let origin = now - plant.now();
    let state = ArmState { stamp: now, ..plant.state() };
    let command = ArmCommand::hold(state.q, state.gripper_width_m, GRIP_FORCE_N);
    let (command_writer, commands) = mailbox(None);
    let (states, state_reader) = mailbox(state);
    let (frames, frame_reader) = mailbox(frame(&plant, &goal, now, &mut snapshot));
    let dof = plant.dof();
    let physics = RealtimePlant {
        plant,
        goal,
        origin,
        lost: Nanos(0),
        command,
        silent_steps: 0,
        commands,
        states,
        frames,
        snapshot,
    };
    Ok((physics, MujocoArm { dof, states: state_reader, commands: command_writer }, frame_reader))
}

impl RealtimePlant {
    /// Steps the physics up to `now` and publishes the state and a frame; the number of steps made.
    ///
    /// At most 20 steps a call: a longer delay is dropped and counted, so that the arm never leaps to catch up.
    pub fn advance(&mut self, now: Nanos) -> u64 {
        let mut steps = 0;
        while self.now() + PERIOD_BRAINSTEM <= now && steps < CATCH_UP_STEPS {
            self.step();
            steps += 1;
        }
        let behind = Nanos((now - self.now()).0 / PERIOD_BRAINSTEM.0 * PERIOD_BRAINSTEM.0);
        self.origin = self.origin + behind;
        self.lost = self.lost + behind;
        if steps > 0 {
            let stamp = self.now();
            self.states.write(ArmState { stamp, ..self.plant.state() });
            self.frames.write(frame(&self.plant, &self.goal, stamp, &mut self.snapshot));
        }
        steps
    }

    /// The world's present time in the caller's clock.
    pub fn now(&self) -> Nanos {
        self.origin + self.plant.now()
    }

    /// Time dropped because physics could not keep up.
    pub fn lost(&self) -> Nanos {
        self.lost
    }

    /// True state, for experts and scoring only.
    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    /// One millisecond under the newest command. Whoever falls silent in motion must not be followed onwards.
    fn step(&mut self) {
        match self.commands.fresh().flatten() {
            Some(command) => {
                self.command = command;
                self.silent_steps = 0;
            }
            None => self.silent_steps = self.silent_steps.saturating_add(1),
        }
        if self.silent_steps >= SILENT_STEPS {
            let dof = self.plant.dof();
            self.command.qd = Joints::zeros(dof);
            self.command.qdd = Joints::zeros(dof);
            self.command.tau_nm = Joints::zeros(dof);
        }
        self.plant.step(&self.command);
    }
}

impl Arm for MujocoArm {
    fn dof(&self) -> usize {
        self.dof
    }

    fn pacing(&self) -> Pacing {
        Pacing::Clock
    }

    /// If physics stands still so does the stamp, which the brainstem takes for a failed read.
    fn read(&mut self) -> Result<ArmState, Fault> {
        Ok(self.states.latest())
    }

    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        let sound = |joints: &Joints| joints.len() == self.dof && joints.is_finite();
        let gripper_is_sound = command.gripper_width_m.is_finite() && command.grip_force_n.is_finite();
        if !(sound(&command.q) && sound(&command.qd) && sound(&command.tau_nm) && gripper_is_sound) {
            return Err(Fault::WriteFailed);
        }
        self.commands.write(Some(*command));
        Ok(())
    }
}

/// The lengths were checked at the start and never change.
fn frame(plant: &Plant, goal: &Goal, stamp: Nanos, snapshot: &mut Snapshot) -> Frame {
    plant.snapshot_into(snapshot);
    let mut frame = Frame {
        stamp,
        success: plant.success(goal),
        failed: plant.failed(goal),
        qpos: [0.0; QPOS_ROOM],
        qpos_len: snapshot.qpos.len(),
        mocap: [[0.0; 3]; MOCAP_ROOM],
        mocap_len: snapshot.mocap.len(),
    };
    frame.qpos[..snapshot.qpos.len()].copy_from_slice(&snapshot.qpos);
    frame.mocap[..snapshot.mocap.len()].copy_from_slice(&snapshot.mocap);
    frame
}
