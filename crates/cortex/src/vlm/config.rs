//! How the model is reached, and what it may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    breaker::BreakerConfig,
    cassette::{CassetteConfig, CassetteMode},
    dialect::Dialect,
    error::VlmError,
};
use crate::trust::TrustConfig;

/// Settings of the client. By default it talks to a server on this machine and to no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VlmConfig {
    /// Where the server is, `/v1` included. Another host than this machine must be written here; `https` needs the
    /// crate's feature `tls`. Default `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// Name of the model; without it, the first that the server lists.
    pub model: Option<String>,
    /// What the server speaks; without it, the probe finds out.
    pub dialect: Option<Dialect>,
    /// Name of the environment variable that holds the API key. The key itself is written nowhere, and goes in the clear
    /// to this machine only.
    pub api_key_env: Option<String>,
    /// Time for the connection [s], 0.01 to 60. Default 2.
    pub connect_secs: f64,
    /// Time from the request to the head of the answer [s], 0.01 to 600. Default 15. Without `stream` the whole answer is
    /// made in this time.
    pub first_byte_secs: f64,
    /// Time for a call, its second try included [s], 0.01 to 600. Default 45.
    pub total_secs: f64,
    /// Pause before a second try, unless the server names one [s], 0 to 60. Default 0.5.
    pub retry_pause_secs: f64,
    /// Whether words are to be sent as they come. Default true.
    pub stream: bool,
    /// Whether images may be sent. Default true.
    pub images: bool,
    /// Alternatives per token whose probability is asked for, 0 to 20; 0: none. Default 5.
    pub logprobs: u8,
    /// Most tokens of an answer, 16 to 65536. Default 4096.
    pub max_tokens: u32,
    /// Seed of the model's choices. Default 7.
    pub seed: u32,
    /// Most bytes of an answer, 1024 to 16 MiB, and as many again for each alternative of `logprobs`. Default 1 MiB.
    pub most_body_bytes: u64,
    /// Calls of one task, second plans included, 0 to 1000. Default 6.
    pub calls_per_task: u32,
    /// When the server counts as down.
    pub breaker: BreakerConfig,
    /// Recorded answers.
    pub cassette: CassetteConfig,
    /// What is believed.
    pub trust: TrustConfig,
}

impl Default for VlmConfig {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:8000/v1".into(),
            model: None,
            dialect: None,
            api_key_env: None,
            connect_secs: 2.0,
            first_byte_secs: 15.0,
            total_secs: 45.0,
            retry_pause_secs: 0.5,
            stream: true,
            images: true,
            logprobs: 5,
            max_tokens: 4096,
            seed: 7,
            most_body_bytes: 1 << 20,
            calls_per_task: 6,
            breaker: BreakerConfig::default(),
            cassette: CassetteConfig::default(),
            trust: TrustConfig::default(),
        }
    }
}

impl VlmConfig {
    /// Every setting in its range.
    pub fn validate(&self) -> Result<(), VlmError> {
        let secs = [
            ("connect_secs", self.connect_secs, 0.01, 60.0, "0.01 to 60 s"),
            ("first_byte_secs", self.first_byte_secs, 0.01, 600.0, "0.01 to 600 s"),
            ("total_secs", self.total_secs, 0.01, 600.0, "0.01 to 600 s"),
            ("retry_pause_secs", self.retry_pause_secs, 0.0, 60.0, "0 to 60 s"),
            ("breaker.down_secs", self.breaker.down_secs, 0.0, 3600.0, "0 to 3600 s"),
        ];
        for (key, value, low, high, allowed) in secs {
            check(key, value, (low..=high).contains(&value), allowed)?;
        }
        check("logprobs", self.logprobs, self.logprobs <= 20, "0 to 20")?;
        check("max_tokens", self.max_tokens, (16..=65_536).contains(&self.max_tokens), "16 to 65536")?;
        let bytes = 1024..=16 << 20;
        check("most_body_bytes", self.most_body_bytes, bytes.contains(&self.most_body_bytes), "1024 to 16777216")?;
        check("calls_per_task", self.calls_per_task, self.calls_per_task <= 1000, "0 to 1000")?;
        let failures = self.breaker.failures;
        check("breaker.failures", failures, (1..=100).contains(&failures), "1 to 100")?;
        let has_file = self.cassette.mode == CassetteMode::Off || !self.cassette.path.as_os_str().is_empty();
        check("cassette.path", self.cassette.path.display(), has_file, "a file, if `cassette.mode` is not off")?;
        let model = self.model.as_deref().unwrap_or("-");
        check("model", model, !model.trim().is_empty(), "a name, or nothing at all")?;
        let host = host(&self.base_url);
        check("base_url", &self.base_url, host.is_some(), "http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH")?;
        let is_https = self.base_url.starts_with("https://");
        check("base_url", &self.base_url, !is_https || cfg!(feature = "tls"), "http; this build has no feature `tls`")?;
        let is_private = is_https || host.is_some_and(is_loopback);
        let key = self.api_key_env.as_deref().unwrap_or("-");
        check("api_key_env", key, self.api_key_env.is_none() || is_private, "with https, or a server on this machine")?;
        check("api_key_env", key, !key.is_empty() && !key.contains(['=', '\0']), "the name of a variable")?;
        self.trust.validate()
    }

    pub(super) fn connect(&self) -> Duration {
        span(self.connect_secs)
    }

    pub(super) fn first_byte(&self) -> Duration {
        span(self.first_byte_secs)
    }

    pub(super) fn total(&self) -> Duration {
        span(self.total_secs)
    }

    pub(super) fn retry_pause(&self) -> Duration {
        span(self.retry_pause_secs)
    }
}

pub(crate) fn check(
    key: &'static str,
    value: impl std::fmt::Display,
    is_allowed: bool,
    allowed: &'static str,
) -> Result<(), VlmError> {
    if is_allowed { Ok(()) } else { Err(VlmError::Config { key, value: value.to_string(), allowed }) }
}

fn span(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

/// The host of an address; `None` if it is no address of the web, or holds a user or a password.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let is_plain = !host.is_empty() && !authority.contains('@') && !url.contains(char::is_whitespace);
    (is_plain && !rest.contains(['?', '#'])).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut VlmConfig)) -> String {
        let mut config = VlmConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_default_is_allowed_and_stays_on_this_machine() {
        let config = VlmConfig::default();
        assert_eq!(config.validate(), Ok(()));
        assert!(host(&config.base_url).is_some_and(is_loopback));
        assert_eq!(serde_yaml::from_str::<VlmConfig>("{}").unwrap(), config);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_range() {
        assert_eq!(refusal(|c| c.connect_secs = f64::NAN), "connect_secs = NaN, allowed: 0.01 to 60 s");
        assert_eq!(refusal(|c| c.logprobs = 21), "logprobs = 21, allowed: 0 to 20");
        assert!(
            refusal(|c| c.base_url = "ftp://x/v1".into()).starts_with("base_url = ftp://x/v1, allowed: http://HOST")
        );
        assert!(refusal(|c| c.base_url = "http://me:secret@x/v1".into()).starts_with("base_url"));
        assert!(refusal(|c| c.cassette.mode = CassetteMode::Replay).starts_with("cassette.path = , allowed: a file"));
        let unknown = serde_yaml::from_str::<VlmConfig>("api_key: sk-1").unwrap_err().to_string();
        assert!(unknown.contains("unknown field `api_key`"), "{unknown}");
    }

    #[test]
    fn a_key_does_not_leave_the_machine_in_the_clear() {
        let keyed = |url: &str| VlmConfig {
            base_url: url.into(),
            api_key_env: Some("NEURAXIS_VLM_KEY".into()),
            ..VlmConfig::default()
        };
        for near in ["http://127.0.0.1:9/v1", "http://[::1]:9/v1", "http://localhost/v1"] {
            assert_eq!(keyed(near).validate(), Ok(()));
        }
        let error = keyed("http://10.0.0.7:8000/v1").validate().unwrap_err().to_string();
        assert!(error.contains("with https, or a server on this machine"), "{error}");
        assert!(!host("http://127.0.0.1.evil.org/v1").is_some_and(is_loopback));
    }
}
