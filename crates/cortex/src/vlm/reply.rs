//! What the server sent, read leniently: the four fields that matter, wherever servers agree on them, as one JSON object
//! or as a stream of events.

use std::time::Duration;

use serde_json::Value;

use super::error::{Unusable, VlmError};
use crate::trust::Token;

/// Characters of a server's words that are kept.
const MOST_SAID: usize = 200;

/// Why the model stopped.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// It had said all.
    Stop,
    /// It reached the bound of tokens.
    Length,
    /// The server does not say, or says something unheard of.
    #[default]
    Unsaid,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The model's words; may be empty.
    pub content: String,
    /// Why it declines, if it does.
    pub refusal: Option<String>,
    /// Why it stopped.
    pub finish: Finish,
    /// Tokens read, as the server counts them; 0 if it does not.
    pub tokens_in: u32,
    /// Tokens written.
    pub tokens_out: u32,
    /// The words as tokens with their alternatives, if the server tells them.
    pub tokens: Vec<Token>,
    /// From the request to the last byte, second tries included.
    pub latency: Duration,
}

impl Reply {
    /// Reads a body.
    pub(super) fn read(body: &str) -> Result<Self, VlmError> {
        let mut reply = Self::default();
        let body = body.trim_start_matches(['\u{feff}', ' ', '\r', '\n']);
        if !body.starts_with("data:") && !body.starts_with("event:") && !body.starts_with(':') {
            let json = serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?;
            if !reply.take(&json, "message")? {
                return Err(unreadable("no `choices`".into()));
            }
            return Ok(reply);
        }
        let mut has_choices = false;
        let mut is_done = false;
        for data in body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim) {
            if data == "[DONE]" {
                is_done = true;
                break;
            }
            let json = serde_json::from_str(data).map_err(|error| unreadable(error.to_string()))?;
            has_choices |= reply.take(&json, "delta")?;
        }
        // A stream that ends before it says why was cut.
        if !is_done && reply.finish == Finish::Unsaid {
            return Err(unreadable("the stream of words broke off".into()));
        }
        if has_choices { Ok(reply) } else { Err(unreadable("no `choices`".into())) }
    }

    /// Adds one object; true if it has a choice.
    fn take(&mut self, json: &Value, message: &str) -> Result<bool, VlmError> {
        if let Some(error) = json.get("error").filter(|error| !error.is_null()) {
            let said = error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_string);
            return Err(unreadable(beginning(&said)));
        }
        let usage = |key: &str| json.pointer(&format!("/usage/{key}")).and_then(Value::as_u64);
        let tokens = |count: Option<u64>, before: u32| count.map_or(before, |n| u32::try_from(n).unwrap_or(u32::MAX));
        self.tokens_in = tokens(usage("prompt_tokens"), self.tokens_in);
        self.tokens_out = tokens(usage("completion_tokens"), self.tokens_out);

        let Some(choice) = json.pointer("/choices/0") else { return Ok(false) };
        let said = choice.get(message).unwrap_or(&Value::Null);
        match said.get("content") {
            Some(Value::String(text)) => self.content += text,
            Some(Value::Array(parts)) => {
                let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
                self.content.extend(texts);
            }
            _ => {}
        }
        if let Some(refusal) = said.get("refusal").and_then(Value::as_str) {
            self.refusal.get_or_insert_default().push_str(refusal);
        }
        match choice.get("finish_reason").and_then(Value::as_str) {
            Some("stop") => self.finish = Finish::Stop,
            Some("length") => self.finish = Finish::Length,
            Some("content_filter") => self.refusal = Some("the server's filter stopped it".into()),
            _ => {}
        }
        let tokens = choice.pointer("/logprobs/content").and_then(Value::as_array);
        self.tokens.extend(tokens.into_iter().flatten().filter_map(token));
        Ok(true)
    }

    /// The words, unless there is no plan to be expected in them.
    pub fn words(&self) -> Result<&str, Unusable> {
        if let Some(refusal) = self.refusal.as_deref().filter(|refusal| !refusal.trim().is_empty()) {
            return Err(Unusable::Declined(beginning(refusal)));
        }
        if self.content.trim().is_empty() {
            return Err(Unusable::Empty);
        }
        if self.finish == Finish::Length {
            return Err(Unusable::CutOff { tokens: self.tokens_out });
        }
        Ok(&self.content)
    }
}

fn token(json: &Value) -> Option<Token> {
    let text = json.get("token")?.as_str()?.to_string();
    let alternatives = json.get("top_logprobs").and_then(Value::as_array);
    let pair = |json: &Value| Some((json.get("token")?.as_str()?.to_string(), json.get("logprob")?.as_f64()?));
    Some(Token { text, alternatives: alternatives.into_iter().flatten().filter_map(pair).collect() })
}

fn unreadable(why: String) -> VlmError {
    VlmError::Unreadable { why }
}

/// The first characters of what somebody said, on one line.
pub(super) fn beginning(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_SAID).collect();
    line.trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_answers_are_read_for_what_they_hold() {
        let read = |body: &str| Reply::read(body).unwrap();
        let odd =
            read(r#"{"choices":[{"finish_reason":"","message":{"content":"{}"},"extra":[]}],"service_tier":"x"}"#);
        assert_eq!((odd.words(), odd.finish), (Ok("{}"), Finish::Unsaid));
        let empty = read(r#"{"choices":[{"finish_reason":null,"message":{"content":null}}]}"#);
        assert_eq!(empty.words(), Err(Unusable::Empty));
        let parts = read(r#"{"choices":[{"message":{"content":[{"type":"text","text":"{"},{"text":"}"}]}}]}"#);
        assert_eq!(parts.words(), Ok("{}"));
        let cut =
            r#"{"choices":[{"finish_reason":"length","message":{"content":"{"}}],"usage":{"completion_tokens":9}}"#;
        assert_eq!(read(cut).words(), Err(Unusable::CutOff { tokens: 9 }));
        let declined = read(r#"{"choices":[{"message":{"content":null,"refusal":"I\nwill not"}}]}"#);
        assert_eq!(declined.words(), Err(Unusable::Declined("I will not".into())));
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let why = |body: &str| Reply::read(body).unwrap_err().to_string();
        assert!(why(r#"{"choices":[{"mess"#).starts_with("the answer cannot be read: EOF while parsing"));
        assert_eq!(why(r#"{"error":{"message":"no such model"}}"#), "the answer cannot be read: no such model");
        assert_eq!(why("{}"), "the answer cannot be read: no `choices`");
        assert_eq!(
            why("data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n\n"),
            "the answer cannot be read: the stream of words broke off"
        );
    }

    #[test]
    fn a_stream_is_put_together() {
        let body = concat!(
            ": keep-alive\n\n",
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"{\\\"a\\\"\"},\"logprobs\":{\"content\":",
            "[{\"token\":\"{\\\"a\\\"\",\"logprob\":-0.1,\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-2.0}]}]}}]}\n\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\":1}\"},\"finish_reason\":\"stop\"}]}\r\n\r\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
            "data: [DONE]\n\n",
        );
        let reply = Reply::read(body).unwrap();
        assert_eq!((reply.content.as_str(), reply.finish), (r#"{"a":1}"#, Finish::Stop));
        assert_eq!((reply.tokens_in, reply.tokens_out, reply.tokens.len()), (5, 2, 1));
        assert_eq!(reply.tokens[0].alternatives, [("x".to_string(), -2.0)]);
    }
}
