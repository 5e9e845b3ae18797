//! The arm as the loop drives it.

use std::{sync::Arc, time::Duration};

use franka::{
    JointVelocityLimitsConfig,
    wire::{
        f32s_to_f64,
        robot::{MotionGeneratorMode, RobotState},
    },
};
use neuraxis_channel::{MailboxReader, MailboxWriter};
use neuraxis_core::{Arm, ArmCommand, ArmState, Clock, Fault, Joints, Nanos, PERIOD_BRAINSTEM, Pacing};

use crate::{
    FrankaConfig, FrankaError, RobotMode,
    grid::Grid,
    hand::{HandCommand, HandState},
    link::{Link, moves},
    shared::Shared,
    takeover::TakeOver,
};

/// Joints of the arm.
const DOF: usize = 7;
/// Between two looks at a robot that is silent, and looks before it is called so.
const PAUSE: Duration = Duration::from_millis(1);
const LOOKS: u32 = 3;
/// A robot told to be this close to a command stands there [rad].
const NEAR_RAD: f64 = 1e-4;
/// Commanded speed that counts as standing [rad/s].
const STANDS_RAD_S: f64 = 1e-9;
/// The loop makes good at most this much of lost time with one command [s].
const LONGEST_STEP_SECS: f64 = 0.004;
/// A moving command may differ by this from where its velocity leads, in a millisecond, and by this share of the way.
const LEAP_RAD: f64 = 1e-3;
const LEAP_SHARE: f64 = 0.5;
/// Repeats of the last command of a motion.
const FAREWELLS: u32 = 200;

/// Whether the robot follows us.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// No motion yet: the next standing command starts one.
    Ready,
    /// The robot follows.
    Driven,
    /// Ended by the robot or the network; commands are refused with this until an operator has recovered the robot.
    Stopped(Fault),
}

/// What was commanded last, and for which of the robot's milliseconds.
#[derive(Copy, Clone, Debug)]
struct Sent {
    id: u64,
    q_rad: [f64; DOF],
    qd_rad_s: [f64; DOF],
    sum_rad: [f64; DOF],
}

/// The ends of the hand's mailboxes that the loop holds.
#[derive(Debug)]
pub(crate) struct HandLinks {
    pub(crate) commands: MailboxWriter<Option<HandCommand>>,
    pub(crate) states: MailboxReader<HandState>,
    pub(crate) timeout_secs: f64,
}

/// A Franka arm, driven by joint positions at the pace of its packets. See the crate's documentation.
///
/// The first command, which must stand near where the robot is told to be, starts the robot's motion and blocks for some
/// tens of milliseconds; after it neither `read` nor `write` calls the allocator while the connection lives. Dropping it
/// ends the motion.
pub struct FrankaArm {
    config: FrankaConfig,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    link: Arc<Link>,
    limits: JointVelocityLimitsConfig,
    hand: Option<HandLinks>,
    grid: Grid,
    phase: Phase,
    newest: RobotState,
    takeover: TakeOver,
    sent: Option<Sent>,
    /// Since the last command more time has gone by for the loop than for the robot.
    is_time_lost: bool,
}

impl FrankaArm {
    pub(crate) fn new(
        config: FrankaConfig,
        clock: Arc<dyn Clock>,
        shared: Arc<Shared>,
        limits: JointVelocityLimitsConfig,
        hand: Option<HandLinks>,
        newest: RobotState,
    ) -> Self {
        let link = shared.link();
        shared.see(&newest);
        Self {
            config,
            clock,
            shared,
            link,
            limits,
            hand,
            grid: Grid::default(),
            phase: Phase::Ready,
            newest,
            takeover: TakeOver::default(),
            sent: None,
            is_time_lost: false,
        }
    }

    /// Remembers why, in words for the operator; allocates, as the arm is lost to the loop anyway.
    fn stop(&mut self, fault: Fault, trouble: FrankaError) -> Fault {
        self.shared.set_trouble(Some(trouble));
        self.phase = Phase::Stopped(fault);
        self.shared.set_driven(false);
        fault
    }

    /// Takes a state: is the robot still with us?
    fn observe(&mut self, state: RobotState) -> Result<ArmState, Fault> {
        let received = self.clock.now();
        let id = state.message_id.get();
        self.shared.count_lost(id.saturating_sub(self.newest.message_id.get()).saturating_sub(1));
        self.shared.see(&state);
        self.newest = state;
        if self.phase == Phase::Driven && !moves(&state) {
            let mode = RobotMode::from_wire(state.robot_mode);
            self.stop(Fault::ArmStopped, FrankaError::Mode { mode });
        }
        let (stamp, is_anew) = self.grid.stamp(id, received);
        self.is_time_lost |= is_anew;
        let joints = |values: &[f64; DOF]| Joints::from_slice(values).unwrap_or(Joints::zeros(0));
        Ok(ArmState {
            stamp,
            q: joints(&f32s_to_f64(&{ state.q })),
            qd: joints(&f32s_to_f64(&{ state.dq })),
            tau_nm: joints(&f32s_to_f64(&{ state.tau_J_d })),
            gripper_width_m: self.gripper_width_m(received),
            grip_force_n: None,
        })
    }

    /// Not a number if the hand no longer says where its fingers are; zero without a hand.
    fn gripper_width_m(&mut self, now: Nanos) -> f64 {
        match &mut self.hand {
            None => 0.0,
            Some(hand) => {
                let state = hand.states.latest();
                if now.secs_since(state.stamp) > hand.timeout_secs { f64::NAN } else { state.width_m }
            }
        }
    }

    /// Waits for a state, or a few milliseconds if the robot has been silent.
    fn receive(&self) -> Result<RobotState, FrankaError> {
        let after = Some(self.newest.message_id.get());
        if !matches!(self.phase, Phase::Stopped(Fault::ReadFailed | Fault::WriteFailed)) {
            return self.link.receive(after);
        }
        for _ in 0..LOOKS {
            if let Some(state) = self.link.try_receive(after)? {
                return Ok(state);
            }
            std::thread::sleep(PAUSE);
        }
        Err(FrankaError::Silent { what: "state" })
    }

    /// A first command: starts a motion where the robot stands, or says why not and waits for another command.
    fn begin(&mut self, q_rad: &[f64; DOF], qd_rad_s: &[f64; DOF]) -> Result<(), Fault> {
        if qd_rad_s.iter().any(|qd| qd.abs() > STANDS_RAD_S) {
            return Err(Fault::WriteFailed);
        }
        let offset_rad = difference(&f32s_to_f64(&{ self.newest.q_d }), q_rad);
        // After a stop the loop repeats its old command until its reset, which must not pull the arm back there.
        let is_old = self.sent.is_some_and(|sent| sent.q_rad == *q_rad);
        if is_old && offset_rad.iter().any(|off| off.abs() > NEAR_RAD) {
            return Err(Fault::ArmStopped);
        }
        if let Err(error) = self.check_reach(&offset_rad) {
            self.shared.set_trouble(Some(error));
            return Err(Fault::WriteFailed);
        }
        self.start(q_rad).map_err(|error| {
            let fault = match error {
                FrankaError::Mode { .. } | FrankaError::Refused { .. } => Fault::ArmStopped,
                _ => Fault::WriteFailed,
            };
            self.stop(fault, error)
        })
    }

    /// Starts a motion of the robot where it stands. Blocks and allocates, once.
    fn start(&mut self, q_rad: &[f64; DOF]) -> Result<(), FrankaError> {
        let mode = RobotMode::from_wire(self.newest.robot_mode);
        if mode != RobotMode::Idle {
            return Err(FrankaError::Mode { mode });
        }
        self.newest = self.link.start_motion(&self.config)?;
        let offset_rad = difference(&f32s_to_f64(&{ self.newest.q_d }), q_rad);
        self.takeover = TakeOver::from_offset(offset_rad);
        (self.phase, self.sent) = (Phase::Driven, None);
        self.shared.set_driven(true);
        self.shared.set_trouble(None);
        self.check_reach(&offset_rad)
    }

    fn check_reach(&self, offset_rad: &[f64; DOF]) -> Result<(), FrankaError> {
        let off_rad = offset_rad.iter().fold(0.0, |most, off| f64::max(most, off.abs()));
        let max_rad = self.config.takeover_max_rad;
        // `contains` is false for NaN.
        if (0.0..=max_rad).contains(&off_rad) { Ok(()) } else { Err(FrankaError::TakeOver { off_rad, max_rad }) }
    }

    /// A standing command may step a little, which is worked off; a moving one may not.
    fn continues(&mut self, q_rad: &[f64; DOF], qd_rad_s: &[f64; DOF], periods: u64) -> Result<(), FrankaError> {
        let Some(sent) = self.sent else { return Ok(()) };
        let stands = |qd: &[f64; DOF]| qd.iter().all(|qd| qd.abs() <= STANDS_RAD_S);
        if stands(qd_rad_s) && stands(&sent.qd_rad_s) {
            let step_rad = difference(q_rad, &sent.q_rad);
            self.check_reach(&step_rad)?;
            self.takeover.absorb(&step_rad);
            return Ok(());
        }
        let dt_secs = LONGEST_STEP_SECS.max(periods as f64 * PERIOD_BRAINSTEM.secs());
        let joints = q_rad.iter().zip(qd_rad_s).zip(sent.q_rad.iter().zip(&sent.qd_rad_s));
        for ((q, qd), (q_before, qd_before)) in joints {
            let way_rad = qd.abs().max(qd_before.abs()) * dt_secs;
            let off_rad = (q - q_before).abs() - way_rad;
            let max_rad = LEAP_RAD + LEAP_SHARE * way_rad;
            if off_rad > max_rad {
                return Err(FrankaError::TakeOver { off_rad, max_rad });
            }
        }
        Ok(())
    }

    /// True if a joint nears the robot's velocity limit where it is.
    fn is_too_fast(&self, q_rad: &[f64; DOF], qd_rad_s: &[f64; DOF]) -> bool {
        let (upper, lower) = (self.limits.upper_limits(q_rad), self.limits.lower_limits(q_rad));
        let margin = self.config.velocity_margin_rad_s;
        let offset = self.takeover.velocity_rad_s();
        qd_rad_s.iter().zip(offset).zip(upper.iter().zip(&lower)).any(|((qd, offset), (upper, lower))| {
            let sum = qd + offset;
            qd.abs() > STANDS_RAD_S && (sum > (upper - margin).max(0.0) || sum < (lower + margin).min(0.0))
        })
    }

    /// Begins a new offset: from where the robot will be in this millisecond on its own to where it is commanded to be.
    fn continue_from_robot(&mut self, q_rad: &[f64; DOF], qd_rad_s: &[f64; DOF], qdd_rad_s2: &[f64; DOF]) {
        let dt_secs = PERIOD_BRAINSTEM.secs();
        let (mut q, mut qd) = (f32s_to_f64(&{ self.newest.q_d }), f32s_to_f64(&{ self.newest.dq_d }));
        let qdd = f32s_to_f64(&{ self.newest.ddq_d });
        for ((q, qd), qdd) in q.iter_mut().zip(&mut qd).zip(&qdd) {
            // The robot's velocity is a difference: that of half a millisecond ago.
            *q += dt_secs * (*qd + dt_secs * qdd);
            *qd += 1.5 * dt_secs * qdd;
        }
        self.takeover =
            TakeOver::from_motion(difference(&q, q_rad), difference(&qd, qd_rad_s), difference(&qdd, qdd_rad_s2));
    }

    /// One command to the robot that follows us.
    fn send(&mut self, q_rad: [f64; DOF], qd_rad_s: [f64; DOF], qdd_rad_s2: [f64; DOF]) -> Result<(), Fault> {
        let id = self.newest.message_id.get();
        let periods = self.sent.map_or(1, |sent| id.saturating_sub(sent.id));
        if periods == 0 {
            // This millisecond has its command: the robot would take a second one for the next.
            return Ok(());
        }
        if let Err(error) = self.continues(&q_rad, &qd_rad_s, periods) {
            return Err(self.stop(Fault::WriteFailed, error));
        }
        let elapsed_secs = periods as f64 * PERIOD_BRAINSTEM.secs();
        if self.sent.is_none() {
            // The offset of a first command is the robot's own target: it does not move in that millisecond.
        } else if self.is_time_lost || elapsed_secs > LONGEST_STEP_SECS {
            // The robot has gone on by itself for longer than the loop makes good, or less than the loop has.
            self.continue_from_robot(&q_rad, &qd_rad_s, &qdd_rad_s2);
        } else {
            self.takeover.step(elapsed_secs);
        }
        let mut sum_rad = q_rad;
        for (sum, offset) in sum_rad.iter_mut().zip(self.takeover.offset_rad()) {
            *sum += offset;
        }
        if let Err(error) = self.link.send(id, &sum_rad, false) {
            return Err(self.stop(Fault::WriteFailed, error));
        }
        self.is_time_lost = false;
        self.sent = Some(Sent { id, q_rad, qd_rad_s, sum_rad });
        if self.is_too_fast(&sum_rad, &qd_rad_s) { Err(Fault::VelocityLimit) } else { Ok(()) }
    }
}

impl Arm for FrankaArm {
    fn dof(&self) -> usize {
        DOF
    }

    fn pacing(&self) -> Pacing {
        Pacing::Device
    }

    fn is_real(&self) -> bool {
        true
    }

    /// The robot's newest state, within `state_timeout_secs`; a silent robot is a fault each millisecond.
    ///
    /// The stamp is the receipt, smoothed to the robot's own milliseconds. Torques are those that the robot's controller
    /// asks for beyond gravity. A robot that stopped by itself goes on to tell where it is.
    fn read(&mut self) -> Result<ArmState, Fault> {
        if let Phase::Stopped(_) = self.phase
            && self.shared.recovered.take()
        {
            self.link = self.shared.link();
            self.phase = Phase::Ready;
        }
        let is_silent = self.phase == Phase::Stopped(Fault::ReadFailed);
        match self.receive() {
            Ok(state) => self.observe(state),
            // Known already.
            Err(_) if is_silent => Err(Fault::ReadFailed),
            Err(error) => Err(self.stop(Fault::ReadFailed, error)),
        }
    }

    /// Sends the command for this of the robot's milliseconds.
    ///
    /// Errors: [`Fault::WriteFailed`] if the command is malformed, leaps, or cannot be sent, [`Fault::ArmStopped`] if the
    /// robot has stopped by itself or is not ready, [`Fault::VelocityLimit`] if it was sent but is the last before the
    /// robot's own limit: the loop then stops within its limits.
    fn write(&mut self, command: &ArmCommand) -> Result<(), Fault> {
        let is_sound = command.q.is_finite()
            && command.qd.is_finite()
            && command.qdd.is_finite()
            && command.gripper_width_m.is_finite()
            && command.grip_force_n.is_finite();
        let arrays = (array(&command.q), array(&command.qd), array(&command.qdd), is_sound);
        let (Some(q_rad), Some(qd_rad_s), Some(qdd_rad_s2), true) = arrays else {
            return Err(Fault::WriteFailed);
        };
        match self.phase {
            Phase::Stopped(fault) => return Err(fault),
            Phase::Driven => {}
            Phase::Ready => self.begin(&q_rad, &qd_rad_s)?,
        }
        if let Some(hand) = &mut self.hand {
            let (width_m, force_n) = (command.gripper_width_m, command.grip_force_n);
            hand.commands.write(Some(HandCommand { width_m, force_n }));
        }
        self.send(q_rad, qd_rad_s, qdd_rad_s2)
    }
}

impl Drop for FrankaArm {
    /// Says that the motion is over, as a motion that just falls silent is an error to the robot.
    fn drop(&mut self) {
        let (Phase::Driven, Some(sent)) = (self.phase, self.sent) else { return };
        if sent.qd_rad_s.iter().all(|qd| qd.abs() <= STANDS_RAD_S) {
            for _ in 0..FAREWELLS {
                let Ok(state) = self.link.receive(Some(self.newest.message_id.get())) else { break };
                self.newest = state;
                if state.motion_generator_mode == MotionGeneratorMode::Idle.to_u8() {
                    self.link.forget_motion();
                    return;
                }
                if self.link.send(state.message_id.get(), &sent.sum_rad, true).is_err() {
                    break;
                }
            }
        }
        // Still moving, or it does not listen: its own controller brakes.
        let _ = self.link.stop_motion(&self.config);
    }
}

fn array(joints: &Joints) -> Option<[f64; DOF]> {
    joints.iter().as_slice().try_into().ok()
}

fn difference(a: &[f64; DOF], b: &[f64; DOF]) -> [f64; DOF] {
    let mut result = *a;
    for (result, b) in result.iter_mut().zip(b) {
        *result -= b;
    }
    result
}
