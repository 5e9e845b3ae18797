//! The Franka Hand, in a thread of its own: its commands take seconds, and are answered when they are done.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use franka::{
    network::Network,
    wire::{
        HeaderLayout,
        gripper::{
            GRIPPER_VERSION, GraspRequest, GripperCommand, GripperCommandResponse, GripperMoveRequest, GripperState,
            GripperStatus,
        },
        parse_response,
    },
};
use neuraxis_channel::{Flag, MailboxReader, MailboxWriter};
use neuraxis_core::{Clock, Nanos};
use zerocopy::IntoBytes;

use crate::{
    FrankaConfig, FrankaError,
    grip::{Grip, Order},
    link::{lost, open},
};

/// Between two looks at wishes, states and answers.
const LOOK: Duration = Duration::from_millis(2);
/// Between two attempts at connecting again.
const PATIENCE: Duration = Duration::from_millis(500);
/// An order that was not carried out is given again after this time, for as long as it is wished.
const AGAIN: Duration = Duration::from_millis(1000);
/// Whatever width an object has, squeezing it is what was wanted [m].
const ANY_WIDTH_M: f64 = 0.1;

/// What the loop wishes of the hand.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct HandCommand {
    pub(crate) width_m: f64,
    pub(crate) force_n: f64,
}

/// What the hand says.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct HandState {
    pub(crate) stamp: Nanos,
    pub(crate) width_m: f64,
}

/// The hand's worker: give it a thread and call [`Self::run`] there, before the loop starts.
///
/// The loop's wishes come by a mailbox, newest wins; the width of the fingers goes back the same way. A hand that falls silent
/// for `hand_timeout_secs`, or a worker that has ended, makes the arm's state malformed, which latches the loop.
pub struct FrankaGripper {
    config: FrankaConfig,
    clock: Arc<dyn Clock>,
    network: Network,
    wishes: MailboxReader<Option<HandCommand>>,
    states: MailboxWriter<HandState>,
    grip: Grip,
    width_m: f64,
    /// The order that the hand is still at work on, with its number.
    pending: Option<(u32, Order)>,
    /// When an order ended without being carried out that is to be given again.
    failed: Option<Instant>,
    /// Why, until it is told.
    trouble: Option<FrankaError>,
}

/// A connection to the hand, and where its fingers are [m].
pub(crate) fn connect(config: &FrankaConfig) -> Result<(Network, f64), FrankaError> {
    let network = open(config, config.hand_port, HeaderLayout::Gripper, GRIPPER_VERSION)?;
    let state = network.udp.blocking_receive_struct::<GripperState>().map_err(|error| lost("hand state", error))?;
    Ok((network, state.width.get()))
}

impl FrankaGripper {
    pub(crate) fn new(
        config: FrankaConfig,
        clock: Arc<dyn Clock>,
        (network, width_m): (Network, f64),
        wishes: MailboxReader<Option<HandCommand>>,
        states: MailboxWriter<HandState>,
    ) -> Self {
        let grip = Grip::default();
        Self { config, clock, network, wishes, states, grip, width_m, pending: None, failed: None, trouble: None }
    }

    /// Finds out how wide the fingers open, which the hand needs after it was switched on: they move. Blocks.
    pub fn home(&mut self) -> Result<(), FrankaError> {
        const WHAT: &str = "homing of the hand";
        let number = self.send(WHAT, GripperCommand::Homing, &[])?;
        let deadline = Instant::now() + 4 * FrankaConfig::secs(self.config.answer_timeout_secs);
        match self.wait_for(WHAT, number, deadline)? {
            GripperStatus::Success => Ok(()),
            other => Err(FrankaError::Refused { what: WHAT, reason: format!("{other:?}") }),
        }
    }

    /// Serves the loop's wishes until `stop` is raised.
    ///
    /// A lost connection is told to `on_trouble` and made again; the fingers stay as they are until the next wish that
    /// differs. An order that the hand does not carry out is told, too, and given again each second, unless somebody else broke
    /// it off. At the end an order still under way is broken off; what is held stays held.
    pub fn run(&mut self, stop: &Flag, mut on_trouble: impl FnMut(&FrankaError)) {
        while !stop.is_raised() {
            if let Err(error) = self.serve(stop, &mut on_trouble) {
                on_trouble(&error);
                self.pending = None;
                self.connect_again(stop);
            }
        }
        if let Err(error) = self.break_off() {
            on_trouble(&error);
        }
    }

    fn serve(&mut self, stop: &Flag, on_trouble: &mut impl FnMut(&FrankaError)) -> Result<(), FrankaError> {
        while !stop.is_raised() {
            self.look()?;
            if let Some(trouble) = self.trouble.take() {
                on_trouble(&trouble);
            }
            if self.failed.is_some_and(|at| at.elapsed() >= AGAIN) {
                self.failed = None;
                self.grip.forget();
            }
            if let Some(wish) = self.wishes.latest()
                && let Some(order) = self.grip.order(wish, self.width_m, &self.config)
            {
                self.break_off()?;
                self.give(order)?;
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn connect_again(&mut self, stop: &Flag) {
        while !stop.is_raised() {
            match connect(&self.config) {
                Ok((network, width_m)) => {
                    (self.network, self.width_m) = (network, width_m);
                    return;
                }
                Err(_) => std::thread::sleep(PATIENCE),
            }
        }
    }

    /// Takes what has come: states and the answer to an order. How far an order got the fingers' width tells.
    fn look(&mut self) -> Result<(), FrankaError> {
        while let Some(state) =
            self.network.udp.try_receive_struct::<GripperState>().map_err(|error| lost("hand state", error))?
        {
            self.width_m = state.width.get();
            self.states.write(HandState { stamp: self.clock.now(), width_m: self.width_m });
        }
        if let Some((number, order)) = self.pending
            && let Some(status) = self.answer("hand", number)?
        {
            self.pending = None;
            self.trouble = trouble_of(order, status);
            // Whoever broke it off does not want the fingers to move.
            let is_to_come = self.trouble.is_some() && status != GripperStatus::Aborted;
            self.failed = is_to_come.then(Instant::now);
        }
        self.network.tcp.throw_if_connection_closed().map_err(|error| lost("hand", error))
    }

    fn give(&mut self, order: Order) -> Result<(), FrankaError> {
        let speed = self.config.hand_speed_m_s;
        self.failed = None;
        let number = match order {
            Order::Move { width_m } => {
                self.send("hand", GripperCommand::Move, GripperMoveRequest::new(width_m, speed).as_bytes())?
            }
            Order::Grasp { width_m, force_n } => {
                let request = GraspRequest::new(width_m, ANY_WIDTH_M, ANY_WIDTH_M, speed, force_n);
                self.send("hand", GripperCommand::Grasp, request.as_bytes())?
            }
        };
        self.pending = Some((number, order));
        Ok(())
    }

    /// Stops an order under way. Its own answer, which need not come any more, is no longer waited for.
    fn break_off(&mut self) -> Result<(), FrankaError> {
        if self.pending.take().is_none() {
            return Ok(());
        }
        const WHAT: &str = "stop of the hand";
        let number = self.send(WHAT, GripperCommand::Stop, &[])?;
        let deadline = Instant::now() + FrankaConfig::secs(self.config.answer_timeout_secs);
        self.wait_for(WHAT, number, deadline).map(|_| ())
    }

    fn send(&self, what: &'static str, command: GripperCommand, payload: &[u8]) -> Result<u32, FrankaError> {
        self.network.tcp.send_request(u32::from(command.to_u16()), payload).map_err(|error| lost(what, error))
    }

    fn wait_for(&mut self, what: &'static str, number: u32, deadline: Instant) -> Result<GripperStatus, FrankaError> {
        while Instant::now() < deadline {
            self.look()?;
            if let Some(status) = self.answer(what, number)? {
                return Ok(status);
            }
            std::thread::sleep(LOOK);
        }
        Err(FrankaError::Silent { what })
    }

    fn answer(&self, what: &'static str, number: u32) -> Result<Option<GripperStatus>, FrankaError> {
        let answer = self.network.tcp.try_receive_response(number).map_err(|error| lost(what, error))?;
        let Some(message) = answer else { return Ok(None) };
        let response: GripperCommandResponse =
            parse_response(HeaderLayout::Gripper, &message).map_err(|error| lost(what, error))?;
        let status = response.status.get();
        GripperStatus::from_u16(status)
            .map(Some)
            .ok_or_else(|| FrankaError::Protocol { what, reason: format!("status {status} is unknown") })
    }
}

/// Why an order was not carried out. Fingers that found nothing to hold have done what they were told.
fn trouble_of(order: Order, status: GripperStatus) -> Option<FrankaError> {
    let what = match order {
        Order::Move { .. } => "move of the hand",
        Order::Grasp { .. } => "grasp of the hand",
    };
    let reason = match (status, order) {
        (GripperStatus::Success, _) | (GripperStatus::Unsuccessful, Order::Grasp { .. }) => return None,
        (GripperStatus::Fail, _) => "was it homed since it was switched on (`neuraxis arm gripper home`)?",
        (GripperStatus::Unsuccessful, Order::Move { .. }) => "the fingers do not get there",
        (GripperStatus::Aborted, _) => "it was broken off, and not by this program",
    };
    Some(FrankaError::Refused { what, reason: reason.into() })
}

#[cfg(test)]
#[path = "hand_tests.rs"]
mod tests;
