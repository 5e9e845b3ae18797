//! One request over HTTP: time limits for every stage, a bound on the answer, no redirects, no proxy.

use std::{io::ErrorKind, time::Duration};

use super::{
    budget::Purpose,
    cancel::Cancel,
    config::VlmConfig,
    error::{Stage, VlmError},
};

/// A request.
pub(super) struct Call<'a> {
    pub purpose: Purpose,
    /// Path below the address of the interface (`/v1`), or below the server's root.
    pub path: &'a str,
    pub below: Below,
    /// With a body it is a POST.
    pub body: Option<Body>,
}

/// Where a path begins.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Below {
    Api,
    Root,
}

/// A body as it is sent, and as it is told apart.
pub(super) struct Body {
    pub sent: String,
    pub canonical: String,
}

impl Call<'_> {
    /// The path, whatever the server's address.
    pub(super) fn place(&self) -> String {
        format!("{}{}", if self.below == Below::Api { "v1" } else { "" }, self.path)
    }
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
    pub retry_after_secs: Option<u64>,
}

/// Who answers requests: the server, or a cassette.
pub(super) trait Wire: Send {
    /// One request, with the time that is left for it.
    fn exchange(&mut self, call: &Call, left: Duration, cancel: &Cancel) -> Result<Answer, VlmError>;
}

/// The server.
pub(super) struct Http {
    api: String,
    root: String,
    key: Option<String>,
    connect: Duration,
    first_byte: Duration,
    most_bytes: u64,
}

impl Http {
    pub(super) fn new(config: &VlmConfig) -> Result<Self, VlmError> {
        let key = config.api_key_env.as_ref().map(|name| {
            // The value is shown nowhere.
            let allowed = "the name of a variable that is set";
            std::env::var(name).map_err(|_| VlmError::Config { key: "api_key_env", value: name.clone(), allowed })
        });
        let api = config.base_url.trim_end_matches('/').to_string();
        Ok(Self {
            root: api.strip_suffix("/v1").unwrap_or(&api).to_string(),
            api,
            key: key.transpose()?,
            connect: config.connect(),
            first_byte: config.first_byte(),
            most_bytes: config.most_body_bytes.saturating_mul(1 + u64::from(config.logprobs)),
        })
    }

    fn error(&self, error: ureq::Error, url: &str, left: Duration, cancel: &Cancel) -> VlmError {
        use ureq::Timeout;
        if cancel.is_cancelled() {
            return VlmError::Cancelled;
        }
        let timed_out = |stage, time: Duration| VlmError::TimedOut { stage, millis: time.as_millis() as u64 };
        let unreachable = |why: String| VlmError::Unreachable { url: url.to_string(), why };
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => timed_out(Stage::Connect, self.connect),
            ureq::Error::Timeout(Timeout::RecvResponse) => timed_out(Stage::FirstByte, self.first_byte),
            ureq::Error::Timeout(_) => timed_out(Stage::Total, left),
            ureq::Error::BodyExceedsLimit(_) => VlmError::TooLarge { most_bytes: self.most_bytes },
            ureq::Error::HostNotFound => unreachable("no such host".into()),
            ureq::Error::ConnectionFailed => unreachable("no connection".into()),
            ureq::Error::Io(error) if is_unreachable(error.kind()) => unreachable(error.to_string()),
            error => VlmError::Closed { why: error.to_string() },
        }
    }
}

fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
    )
}

impl Wire for Http {
    fn exchange(&mut self, call: &Call, left: Duration, cancel: &Cancel) -> Result<Answer, VlmError> {
        // One connection per request: what is cancelled is this call and no other.
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_resolve(Some(self.connect))
            .timeout_connect(Some(self.connect))
            .timeout_recv_response(Some(self.first_byte))
            .timeout_global(Some(left))
            .build()
            .into();
        let _watch = cancel.watch(&agent).ok_or(VlmError::Cancelled)?;

        let url = format!("{}{}", if call.below == Below::Api { &self.api } else { &self.root }, call.path);
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let sent = match &call.body {
            Some(body) => {
                let mut request = agent.post(&url).header("content-type", "application/json");
                if let Some(bearer) = &bearer {
                    request = request.header("authorization", bearer);
                }
                request.send(body.sent.as_str())
            }
            None => {
                let mut request = agent.get(&url);
                if let Some(bearer) = &bearer {
                    request = request.header("authorization", bearer);
                }
                request.call()
            }
        };
        let mut response = sent.map_err(|error| self.error(error, &url, left, cancel))?;

        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after");
        let retry_after_secs = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let read = response.body_mut().with_config().limit(self.most_bytes).read_to_vec();
        let bytes = read.map_err(|error| self.error(error, &url, left, cancel))?;
        // A body without a length looks complete when its connection is shut down.
        if cancel.is_cancelled() {
            return Err(VlmError::Cancelled);
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned(), retry_after_secs })
    }
}
