//! The incoming side: instructions, stop and reset.

use futures::{FutureExt, Stream, StreamExt};
use neuraxis_channel::RingSender;
use neuraxis_core::TaskOrder;
use r2r::{
    Node, ServiceRequest, WrappedServiceTypeSupport,
    std_msgs::msg::String as StringMsg,
    std_srvs::srv::Trigger::{Response, Service as Trigger},
};

use crate::{RosConfig, RosError, RosStats, instruction, lifecycle::State, topics};

/// What r2r hands over.
pub(crate) type Inbox<T> = Box<dyn Stream<Item = T> + Send + Unpin>;

/// What comes in from ROS 2, and where it goes.
pub(crate) struct Inputs {
    instruction_inbox: Inbox<StringMsg>,
    stop_inbox: Inbox<ServiceRequest<Trigger>>,
    reset_inbox: Inbox<ServiceRequest<Trigger>>,
    newest_text: Option<String>,
    stops: Vec<ServiceRequest<Trigger>>,
    resets: Vec<ServiceRequest<Trigger>>,
    orders: RingSender<TaskOrder>,
    stop: Box<dyn FnMut() + Send>,
    reset: Box<dyn FnMut() + Send>,
    max_chars: usize,
    logger: String,
}

impl Inputs {
    pub(crate) fn new(
        node: &mut Node,
        config: &RosConfig,
        orders: RingSender<TaskOrder>,
        stop: Box<dyn FnMut() + Send>,
        reset: Box<dyn FnMut() + Send>,
    ) -> Result<Self, RosError> {
        let failed = |source| RosError::Make { what: format!("subscription {}", topics::INSTRUCTION), source };
        let texts = node.subscribe(topics::INSTRUCTION, topics::instruction_qos());
        Ok(Self {
            instruction_inbox: Box::new(texts.map_err(failed)?),
            stop_inbox: service::<Trigger>(node, topics::STOP)?,
            reset_inbox: service::<Trigger>(node, topics::RESET)?,
            newest_text: None,
            stops: Vec::new(),
            resets: Vec::new(),
            orders,
            stop,
            reset,
            max_chars: config.instruction_max_chars,
            logger: node.logger().to_string(),
        })
    }

    /// Takes what has arrived; returns how many messages that were. Nothing is acted on before [`Inputs::act`].
    pub(crate) fn gather(&mut self, stats: &mut RosStats) -> usize {
        let before = self.stops.len() + self.resets.len();
        drain(&mut self.stop_inbox, |request| self.stops.push(request));
        drain(&mut self.reset_inbox, |request| self.resets.push(request));
        let mut texts = 0;
        drain(&mut self.instruction_inbox, |StringMsg { data }| {
            texts += 1;
            // The newest counts: its sender has replaced the others.
            stats.instructions_superseded += u64::from(self.newest_text.replace(data).is_some());
        });
        self.stops.len() + self.resets.len() - before + texts
    }

    /// Longest instruction taken from here on [characters].
    pub(crate) fn set_max_chars(&mut self, max_chars: usize) {
        self.max_chars = max_chars;
    }

    /// Acts on what was gathered, in the node's state. Stops first, always. True if an instruction was handed on.
    pub(crate) fn act(&mut self, state: State, stats: &mut RosStats) -> bool {
        let stopped = !self.stops.is_empty();
        if stopped {
            (self.stop)();
            r2r::log_warn!(&self.logger, "a stop was requested over ROS 2");
        }
        for request in self.stops.drain(..) {
            stats.stops += 1;
            answer(request, true, "controlled stop requested; the arm holds until ~/reset", stats);
        }
        // A reset that comes together with a stop was sent before its sender could know of that stop.
        for request in self.resets.drain(..) {
            if stopped {
                answer(request, false, "a stop came at the same time and holds; call again to reset it", stats);
            } else {
                (self.reset)();
                stats.resets += 1;
                answer(request, true, "reset requested", stats);
            }
        }
        self.newest_text.take().is_some_and(|text| self.take_instruction(&text, state, stats))
    }

    fn take_instruction(&mut self, data: &str, state: State, stats: &mut RosStats) -> bool {
        match instruction::accept(data, self.max_chars, state) {
            Ok(text) => {
                stats.instructions += 1;
                // If it pushed out one that nobody had read, that one is superseded.
                let order = TaskOrder { goal: None, words: Some(text.to_string()) };
                stats.instructions_superseded += u64::from(!self.orders.push_newest(order));
                true
            }
            Err(refusal) => {
                stats.instructions_refused += 1;
                // A flood of bad sentences must not become a flood of log lines.
                if stats.instructions_refused.is_power_of_two() {
                    let start: String = data.chars().take(64).collect();
                    let count = stats.instructions_refused;
                    r2r::log_warn!(&self.logger, "instruction {start:?} refused: {refusal} ({count} refused so far)");
                }
                false
            }
        }
    }
}

/// A service of the node.
pub(crate) fn service<S: WrappedServiceTypeSupport + 'static>(
    node: &mut Node,
    name: &str,
) -> Result<Inbox<ServiceRequest<S>>, RosError> {
    let made = node.create_service::<S>(name, topics::service_qos());
    Ok(Box::new(made.map_err(|source| RosError::Make { what: format!("service {name}"), source })?))
}

/// All that is there; waits for nothing.
pub(crate) fn drain<T>(inbox: &mut Inbox<T>, mut take: impl FnMut(T)) {
    while let Some(Some(item)) = inbox.next().now_or_never() {
        take(item);
    }
}

fn answer(request: ServiceRequest<Trigger>, success: bool, message: &str, stats: &mut RosStats) {
    if request.respond(Response { success, message: message.into() }).is_err() {
        stats.failed += 1;
    }
}
