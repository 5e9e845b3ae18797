//! The client contract in one place: breaker, budget, deadline, one second try, costs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    breaker::{Breaker, Health},
    budget::{Budget, Costs, Purpose},
    cancel::Cancel,
    cassette::{CassetteMode, Player, Recorder},
    chat::{Chat, Images, Manner, WireChat},
    config::VlmConfig,
    dialect::{Capabilities, SchemaForm},
    error::{Stage, VlmError},
    http::{Answer, Below, Body, Call, Http, Wire},
    probe,
    reply::{Reply, beginning},
};

/// Tries of a request whose failure is not its own fault.
const MOST_TRIES: u32 = 2;
/// The longest pause that a server is granted.
const MOST_PAUSE: Duration = Duration::from_secs(600);

/// What everybody may see of a client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// How the server is, as of the last call.
    pub health: Health,
    /// What was spent.
    pub costs: Costs,
    /// Calls that the task has left.
    pub calls_left: u32,
    /// What the server can do, once it was asked.
    pub capabilities: Option<Capabilities>,
    /// Why the last call failed, if it did.
    pub last_error: Option<String>,
}

/// Looks at a client from another thread.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Mutex<Status>>);

impl Monitor {
    /// As it is now.
    pub fn status(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Talks to one server. Blocks: it belongs into a thread of its own, with [`Cancel`] and [`Monitor`] outside.
pub struct VlmClient {
    config: VlmConfig,
    wire: Box<dyn Wire>,
    clock: Box<dyn Fn() -> Duration + Send>,
    breaker: Breaker,
    budget: Budget,
    capabilities: Option<Capabilities>,
    cancel: Cancel,
    monitor: Monitor,
}

impl VlmClient {
    /// Reads the key and the cassette; sends nothing yet.
    pub fn new(config: VlmConfig) -> Result<Self, VlmError> {
        config.validate()?;
        let path = &config.cassette.path;
        let wire: Box<dyn Wire> = match config.cassette.mode {
            CassetteMode::Off => Box::new(Http::new(&config)?),
            CassetteMode::Record => Box::new(Recorder::new(Box::new(Http::new(&config)?), path)?),
            CassetteMode::Replay => Box::new(Player::new(path)?),
        };
        let start = Instant::now();
        let client = Self {
            wire,
            clock: Box::new(move || start.elapsed()),
            breaker: Breaker::new(&config.breaker),
            budget: Budget::new(config.calls_per_task),
            capabilities: None,
            cancel: Cancel::default(),
            monitor: Monitor::default(),
            config,
        };
        client.monitor.set(|status| status.calls_left = client.budget.left());
        Ok(client)
    }

    /// With another clock, for the breaker and the deadline. Time limits on the wire stay real.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Breaks calls off, from any thread.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Looks at it, from any thread.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Its settings.
    pub fn config(&self) -> &VlmConfig {
        &self.config
    }

    /// How the server is now.
    pub fn health(&self) -> Health {
        self.breaker.health((self.clock)())
    }

    /// A new task: its calls are counted anew, and it is armed again if the last one was cancelled.
    pub fn begin_task(&mut self) {
        self.cancel.rearm();
        self.budget.refill();
        self.monitor.set(|status| status.calls_left = self.budget.left());
    }

    /// What the server can do; asks it once, and again after it has refused a call.
    pub fn probe(&mut self) -> Result<Capabilities, VlmError> {
        if let Some(known) = &self.capabilities {
            return Ok(known.clone());
        }
        let found = probe::probe(self)?;
        self.capabilities = Some(found.clone());
        self.monitor.set(|status| status.capabilities = Some(found.clone()));
        Ok(found)
    }

    /// Takes it for known what the server can do, in place of a probe, until it refuses a call.
    pub fn assume(&mut self, capabilities: Capabilities) {
        self.capabilities = Some(capabilities.clone());
        self.monitor.set(|status| status.capabilities = Some(capabilities));
    }

    /// Asks the model.
    pub fn ask(&mut self, purpose: Purpose, chat: &Chat) -> Result<Reply, VlmError> {
        let capabilities = self.probe()?;
        let logprobs = (capabilities.has_logprobs && self.config.logprobs > 0).then_some(self.config.logprobs);
        let asked = self.ask_as(purpose, chat, &capabilities.model, capabilities.schema, logprobs);
        if let Err(VlmError::Status { status: 404, .. }) = &asked {
            // It may have been started again, with another model.
            self.capabilities = None;
        }
        asked
    }

    pub(super) fn ask_as(
        &mut self,
        purpose: Purpose,
        chat: &Chat,
        model: &str,
        form: SchemaForm,
        logprobs: Option<u8>,
    ) -> Result<Reply, VlmError> {
        let body = self.body(chat, model, form, logprobs)?;
        let call = Call { purpose, path: "/chat/completions", below: Below::Api, body: Some(body) };
        self.call(&call, |answer| {
            check_status(answer)?;
            Reply::read(&answer.body)
        })
    }

    /// A look at the server; `None`: it knows no such path.
    pub(super) fn look(
        &mut self,
        path: &str,
        below: Below,
        body: Option<String>,
    ) -> Result<Option<serde_json::Value>, VlmError> {
        let body = body.map(|body| Body { canonical: body.clone(), sent: body });
        let call = Call { purpose: Purpose::Probe, path, below, body };
        let reply = self.call(&call, |answer| match check_status(answer) {
            // Some servers answer every path, with a page or a text.
            Ok(()) => Ok(Reply { content: answer.body.clone(), ..Reply::default() }),
            Err(VlmError::Status { status: 404 | 405 | 501, .. }) => Ok(Reply::default()),
            Err(error) => Err(error),
        })?;
        Ok(serde_json::from_str(&reply.content).ok())
    }

    fn body(&self, chat: &Chat, model: &str, form: SchemaForm, logprobs: Option<u8>) -> Result<Body, VlmError> {
        let unwritable = |error: serde_json::Error| VlmError::Unreadable { why: format!("the request: {error}") };
        let schema = chat.schema.as_deref().unwrap_or("{}");
        let form = if chat.schema.is_none() { SchemaForm::PromptOnly } else { form };
        let schema = form.fields(schema).map_err(unwritable)?;
        let (stream, seed) = (self.config.stream, self.config.seed);
        let manner = Manner { model, seed, stream, logprobs, schema };
        let written = |images| serde_json::to_string(&WireChat::new(chat, &manner, images)).map_err(unwritable);
        Ok(Body { sent: written(Images::Data)?, canonical: written(Images::Hash)? })
    }

    /// One call: at most two requests within one deadline.
    fn call(&mut self, call: &Call, read: impl Fn(&Answer) -> Result<Reply, VlmError>) -> Result<Reply, VlmError> {
        let start = (self.clock)();
        if self.cancel.is_cancelled() {
            return Err(VlmError::Cancelled);
        }
        self.breaker.allow(start)?;
        self.budget.take(call.purpose)?;

        let mut requests = 0;
        let result = loop {
            let left = self.config.total().saturating_sub((self.clock)().saturating_sub(start));
            if left.is_zero() {
                break Err(self.late());
            }
            requests += 1;
            let result = self.wire.exchange(call, left, &self.cancel).and_then(|answer| read(&answer));
            match result {
                Err(error) if error.is_transport() && requests < MOST_TRIES => match self.pause(&error, start) {
                    Ok(()) => {}
                    Err(other) => break Err(other.unwrap_or(error)),
                },
                result => break result,
            }
        };

        let now = (self.clock)();
        let latency = now.saturating_sub(start);
        match &result {
            Err(error) if error.is_transport() => self.breaker.failed(now),
            Err(VlmError::Cancelled | VlmError::NotRecorded { .. } | VlmError::Cassette { .. }) => {}
            _ => self.breaker.succeeded(),
        }
        let result = result.map(|reply| Reply { latency, ..reply });
        let (health, calls_left) = (self.breaker.health(now), self.budget.left());
        self.monitor.set(|status| {
            status.costs.add(call.purpose, requests, latency, result.as_ref().ok());
            status.health = health;
            status.calls_left = calls_left;
            status.last_error = result.as_ref().err().map(ToString::to_string);
        });
        result
    }

    /// Waits before the second try. `Err(None)`: there is no time for one.
    fn pause(&self, error: &VlmError, start: Duration) -> Result<(), Option<VlmError>> {
        let asked = match error {
            VlmError::Status { retry_after_secs: Some(secs), .. } => Duration::from_secs(*secs).min(MOST_PAUSE),
            _ => self.config.retry_pause(),
        };
        if (self.clock)().saturating_sub(start) + asked >= self.config.total() {
            return Err(None);
        }
        if self.cancel.wait(asked) { Err(Some(VlmError::Cancelled)) } else { Ok(()) }
    }

    fn late(&self) -> VlmError {
        VlmError::TimedOut { stage: Stage::Total, millis: self.config.total().as_millis() as u64 }
    }
}

fn check_status(answer: &Answer) -> Result<(), VlmError> {
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let said = beginning(&answer.body);
    Err(VlmError::Status { status: answer.status, said, retry_after_secs: answer.retry_after_secs })
}
