//! A session with the robot: states and commands by UDP for the loop, requests by TCP for everybody else.
//!
//! Built on `franka-rs`'s sockets and wire structures, not on its `Robot`: see the crate's documentation.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use franka::{
    FrankaError as WireError, JointVelocityLimitsConfig, MoveStatus,
    network::{Network, connect_handshake},
    wire::{
        HeaderLayout, ROBOT_VERSION, f64s_to_wire, message_payload,
        robot::{
            AutomaticErrorRecoveryStatus, Command, Deviation, GetterSetterStatus, MotionGeneratorCommand,
            MotionGeneratorMode, MoveControllerMode, MoveMotionGeneratorMode, MoveRequest, RobotCommand, RobotState,
            SetCollisionBehaviorRequest, SetJointImpedanceRequest, StopMoveStatus,
        },
    },
};
use zerocopy::{IntoBytes, little_endian::U64};

use crate::{FrankaConfig, FrankaError, RobotMode};

/// Between two looks for an answer.
const LOOK: std::time::Duration = std::time::Duration::from_millis(1);
/// No motion of ours.
const NONE: u32 = u32::MAX;

/// One connection. The loop's thread receives and sends, other threads make requests.
#[derive(Debug)]
pub(crate) struct Link {
    network: Network,
    /// Number of the request that started the motion in progress: its last answer comes when the motion ends.
    motion: AtomicU32,
}

impl Link {
    /// Connects and shakes hands.
    pub(crate) fn connect(config: &FrankaConfig) -> Result<Self, FrankaError> {
        let network = open(config, config.port, HeaderLayout::Robot, ROBOT_VERSION)?;
        Ok(Self { network, motion: AtomicU32::new(NONE) })
    }

    /// Tells the robot how stiff it is and when it stops by reflex; the velocity limits of its own description.
    pub(crate) fn set_up(&self, config: &FrankaConfig) -> Result<JointVelocityLimitsConfig, FrankaError> {
        let c = config;
        let collision = SetCollisionBehaviorRequest::new(
            &c.contact_torques_nm,
            &c.collision_torques_nm,
            &c.contact_torques_nm,
            &c.collision_torques_nm,
            &c.contact_forces_n_nm,
            &c.collision_forces_n_nm,
            &c.contact_forces_n_nm,
            &c.collision_forces_n_nm,
        );
        self.set(Command::SetCollisionBehavior, "collision thresholds", collision.as_bytes(), config)?;
        let stiffness = SetJointImpedanceRequest::new(&c.joint_impedance_nm_rad);
        self.set(Command::SetJointImpedance, "joint impedance", stiffness.as_bytes(), config)?;
        const WHAT: &str = "robot description";
        let answer = self.ask(Command::GetRobotModel, WHAT, &[], config)?;
        let urdf = answer.get(1..).map(String::from_utf8_lossy).unwrap_or_default();
        JointVelocityLimitsConfig::from_urdf(&urdf)
            .map_err(|error| FrankaError::Protocol { what: WHAT, reason: error.to_string() })
    }

    /// The newest state with a number other than `after`; waits for one as long as the configuration says. No heap but in
    /// the error.
    pub(crate) fn receive(&self, after: Option<u64>) -> Result<RobotState, FrankaError> {
        match self.try_receive(after)? {
            Some(state) => Ok(state),
            None => self.network.udp.blocking_receive_struct().map_err(|error| lost("state", error)),
        }
    }

    /// The newest state that is waiting and has a number other than `after`.
    pub(crate) fn try_receive(&self, after: Option<u64>) -> Result<Option<RobotState>, FrankaError> {
        let mut newest: Option<RobotState> = None;
        while let Some(state) = self.network.udp.try_receive_struct::<RobotState>().map_err(|e| lost("state", e))? {
            if newest.is_none_or(|newest| state.message_id.get() > newest.message_id.get()) {
                newest = Some(state);
            }
        }
        Ok(newest.filter(|state| Some(state.message_id.get()) != after))
    }

    /// Sends where the joints shall be [rad], as the answer to the state `id`. No heap but in the error.
    pub(crate) fn send(&self, id: u64, q_rad: &[f64; 7], is_last: bool) -> Result<(), FrankaError> {
        let motion = MotionGeneratorCommand {
            q_c: f64s_to_wire(q_rad),
            motion_generation_finished: u8::from(is_last),
            ..Default::default()
        };
        let command = RobotCommand { message_id: U64::new(id), motion, ..Default::default() };
        self.network.tcp.throw_if_connection_closed().map_err(|error| lost("command", error))?;
        self.network.send_udp(command.as_bytes()).map_err(|error| lost("command", error))
    }

    /// True while the robot has not closed the connection.
    pub(crate) fn is_open(&self) -> bool {
        self.network.tcp.is_alive() && self.network.tcp.throw_if_connection_closed().is_ok()
    }

    /// Starts a motion and waits until the states tell that it runs; the state that did. Calls the allocator.
    pub(crate) fn start_motion(&self, config: &FrankaConfig) -> Result<RobotState, FrankaError> {
        const WHAT: &str = "start of a motion";
        let wide = || Deviation::new(10.0, 3.12, std::f64::consts::TAU);
        let request = MoveRequest::new(
            MoveControllerMode::JointImpedance,
            MoveMotionGeneratorMode::JointPosition,
            wide(),
            wide(),
        );
        let number = self
            .network
            .tcp
            .send_request(Command::Move.to_u32(), request.as_bytes())
            .map_err(|error| lost(WHAT, error))?;
        let deadline = Instant::now() + FrankaConfig::secs(config.answer_timeout_secs);
        let mut is_accepted = false;
        while Instant::now() < deadline {
            let answer = self.network.tcp.try_receive_response(number).map_err(|error| lost(WHAT, error))?;
            if let Some(message) = answer {
                match status(WHAT, &message, MoveStatus::from_u8)? {
                    MoveStatus::MotionStarted if !is_accepted => is_accepted = true,
                    other => return Err(FrankaError::Refused { what: WHAT, reason: format!("{other:?}") }),
                }
            }
            let state = self.receive(None)?;
            if is_accepted && moves(&state) {
                // Relaxed: a number on its own; requests are in order by the socket's lock.
                self.motion.store(number, Ordering::Relaxed);
                return Ok(state);
            }
        }
        Err(FrankaError::Silent { what: WHAT })
    }

    /// Stops the motion in progress, if there is one.
    pub(crate) fn stop_motion(&self, config: &FrankaConfig) -> Result<(), FrankaError> {
        const WHAT: &str = "stop of a motion";
        let answer = self.ask(Command::StopMove, WHAT, &[], config)?;
        match byte(WHAT, &answer, StopMoveStatus::from_u8)? {
            StopMoveStatus::Success => Ok(()),
            other => Err(FrankaError::Refused { what: WHAT, reason: format!("{other:?}") }),
        }
    }

    /// Clears the errors of a reflex.
    pub(crate) fn recover(&self, config: &FrankaConfig) -> Result<(), FrankaError> {
        const WHAT: &str = "error recovery";
        let answer = self.ask(Command::AutomaticErrorRecovery, WHAT, &[], config)?;
        match byte(WHAT, &answer, AutomaticErrorRecoveryStatus::from_u8)? {
            AutomaticErrorRecoveryStatus::Success => Ok(()),
            other => Err(FrankaError::Refused { what: WHAT, reason: format!("{other:?}") }),
        }
    }

    /// Takes the last answer to a motion that has ended, which nobody needs: the states say how it ended.
    pub(crate) fn forget_motion(&self) {
        // Relaxed: see `start_motion`.
        let number = self.motion.swap(NONE, Ordering::Relaxed);
        if number != NONE {
            // A broken connection is noticed by whoever uses it next.
            let _ = self.network.tcp.try_receive_response(number);
        }
    }

    fn set(
        &self,
        command: Command,
        what: &'static str,
        payload: &[u8],
        config: &FrankaConfig,
    ) -> Result<(), FrankaError> {
        let answer = self.ask(command, what, payload, config)?;
        match byte(what, &answer, GetterSetterStatus::from_u8)? {
            GetterSetterStatus::Success => Ok(()),
            other => Err(FrankaError::Refused { what, reason: format!("{other:?}") }),
        }
    }

    /// Sends a request and waits for its answer, without its header.
    fn ask(
        &self,
        command: Command,
        what: &'static str,
        payload: &[u8],
        config: &FrankaConfig,
    ) -> Result<Vec<u8>, FrankaError> {
        let tcp = &self.network.tcp;
        let number = tcp.send_request(command.to_u32(), payload).map_err(|error| lost(what, error))?;
        let deadline = Instant::now() + FrankaConfig::secs(config.answer_timeout_secs);
        while Instant::now() < deadline {
            if let Some(message) = tcp.try_receive_response(number).map_err(|error| lost(what, error))? {
                return Ok(message_payload(HeaderLayout::Robot, &message).to_vec());
            }
            // A message of a hundred kilobytes comes in many pieces; each look takes one.
            std::thread::sleep(LOOK);
        }
        Err(FrankaError::Silent { what })
    }
}

/// The robot's motion generator follows our positions.
pub(crate) fn moves(state: &RobotState) -> bool {
    RobotMode::from_wire(state.robot_mode) == RobotMode::Move
        && state.motion_generator_mode == MotionGeneratorMode::JointPosition.to_u8()
}

/// Connects and shakes hands, as the arm or as the hand.
pub(crate) fn open(
    config: &FrankaConfig,
    port: u16,
    layout: HeaderLayout,
    version: u16,
) -> Result<Network, FrankaError> {
    let peer = format!("{}:{port}", config.host);
    let silence_secs = if layout == HeaderLayout::Robot { config.state_timeout_secs } else { config.hand_timeout_secs };
    let network = Network::connect_with_timeouts(
        &peer,
        port,
        layout,
        FrankaConfig::secs(config.connect_timeout_secs),
        FrankaConfig::secs(silence_secs),
    )
    .map_err(|error| FrankaError::Unreachable { peer: peer.clone(), reason: error.to_string() })?;
    match connect_handshake(&network, version) {
        Ok(server) if server == version => Ok(network),
        Ok(server) => Err(FrankaError::Version { peer, server, ours: version }),
        Err(WireError::IncompatibleVersion { server_version, library_version }) => {
            Err(FrankaError::Version { peer, server: server_version, ours: library_version })
        }
        Err(error) => Err(FrankaError::Unreachable { peer, reason: error.to_string() }),
    }
}

/// An error of the sockets while doing something.
pub(crate) fn lost(what: &'static str, error: WireError) -> FrankaError {
    match error {
        WireError::Protocol(reason) => FrankaError::Protocol { what, reason },
        other => FrankaError::Lost { what, reason: other.to_string() },
    }
}

fn status<T>(what: &'static str, message: &[u8], parse: fn(u8) -> Option<T>) -> Result<T, FrankaError> {
    byte(what, message_payload(HeaderLayout::Robot, message), parse)
}

/// The status at the head of an answer.
fn byte<T>(what: &'static str, answer: &[u8], parse: fn(u8) -> Option<T>) -> Result<T, FrankaError> {
    let Some(&first) = answer.first() else {
        return Err(FrankaError::Protocol { what, reason: "the answer is empty".into() });
    };
    parse(first).ok_or_else(|| FrankaError::Protocol { what, reason: format!("status {first} is unknown") })
}
