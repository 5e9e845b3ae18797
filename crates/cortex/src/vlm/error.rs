//! Why there is no answer of the model that can be used.

use neuraxis_plan::PlanErrors;

use super::budget::Purpose;

/// Errors of a call, from the configuration to the trust gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VlmError {
    /// A setting out of its range.
    #[error("{key} = {value}, allowed: {allowed}")]
    Config {
        /// Which.
        key: &'static str,
        /// As it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The circuit breaker is open: nothing was sent.
    #[error("the model counts as down for another {left_millis} ms")]
    Down {
        /// Until it is tried again [ms].
        left_millis: u64,
    },
    /// The task's calls are spent: nothing was sent.
    #[error("no {} call: the {most} calls of this task are spent", purpose.name())]
    Budget {
        /// What the call was for.
        purpose: Purpose,
        /// Calls of a task.
        most: u32,
    },
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// Nobody answers there.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system says.
        why: String,
    },
    /// Its time was over.
    #[error("no {} within {millis} ms", stage.awaited())]
    TimedOut {
        /// What was waited for.
        stage: Stage,
        /// How long at most [ms].
        millis: u64,
    },
    /// The connection ended before the answer did, or what came was no HTTP.
    #[error("the answer broke off: {why}")]
    Closed {
        /// What is known about it.
        why: String,
    },
    /// The answer is longer than it may be.
    #[error("an answer of more than {most_bytes} bytes")]
    TooLarge {
        /// The bound.
        most_bytes: u64,
    },
    /// A status other than success.
    #[error("HTTP status {status}: {said}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of what the server said.
        said: String,
        /// How long it asks to be left alone [s].
        retry_after_secs: Option<u64>,
    },
    /// Success, but the body is not what a chat server sends.
    #[error("the answer cannot be read: {why}")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// The model's words hold no plan, also after it was told so.
    #[error("the model gave no plan: {0}")]
    Unusable(Unusable),
    /// The plan is refused by the validator, also after the errors were sent back.
    #[error("the model's plan is refused:\n{0}")]
    Refused(PlanErrors),
    /// The plan may be run for all that the validator knows, but it is not trusted.
    #[error("the model's plan is not trusted: {why}")]
    Untrusted {
        /// What speaks against it.
        why: String,
    },
    /// Replay, and this request was never recorded.
    #[error("{path} was recorded with no answer to request {key} ({purpose} at {place}); record it anew")]
    NotRecorded {
        /// The cassette.
        path: String,
        /// Hash of the request.
        key: String,
        /// What the request was for.
        purpose: &'static str,
        /// Path of the request.
        place: String,
    },
    /// The file of recorded answers cannot be used.
    #[error("{path}: {why}")]
    Cassette {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// An image that cannot be sent.
    #[error("image {name:?}: {why}")]
    Image {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl VlmError {
    /// True if the same bytes may be sent again: the fault is the way's or the server's, not the request's. These also
    /// count for the circuit breaker.
    pub fn is_transport(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Closed { .. } | Self::Unreadable { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// What is waited for in a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The connection.
    Connect,
    /// The first byte of the answer.
    FirstByte,
    /// The whole answer, a second try included.
    Total,
}

impl Stage {
    fn awaited(self) -> &'static str {
        match self {
            Self::Connect => "connection",
            Self::FirstByte => "first byte",
            Self::Total => "whole answer",
        }
    }
}

/// Why a readable answer holds no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// No words at all.
    #[error("the answer is empty")]
    Empty,
    /// It reached the bound of tokens.
    #[error("the answer is cut off at {tokens} tokens; write less")]
    CutOff {
        /// Tokens that came.
        tokens: u32,
    },
    /// It will not answer.
    #[error("it declines: {0}")]
    Declined(String),
    /// It names something that it was not offered.
    #[error("{0:?} is none of the answers that there are")]
    NoChoice(String),
    /// Words, but no JSON object.
    #[error("there is no JSON object in the answer")]
    NoObject,
}
