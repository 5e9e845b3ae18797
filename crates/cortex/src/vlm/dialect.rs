//! What servers of one interface understand differently.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Whose server it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// vLLM.
    Vllm,
    /// Ollama, its `/v1`.
    Ollama,
    /// The server of llama.cpp.
    LlamaCpp,
    /// Any other.
    #[serde(rename = "openai")]
    OpenAi,
}

/// How a JSON schema is sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SchemaForm {
    /// `response_format: {type: json_schema, json_schema: {name, schema}}`.
    Nested,
    /// `response_format: {type: json_schema, schema}`, llama.cpp.
    Flat,
    /// `structured_outputs: {json: schema}`, vLLM.
    StructuredOutputs,
    /// `response_format: {type: json_object}`: some JSON.
    JsonObject,
    /// Not at all: the words of the prompt must do.
    PromptOnly,
}

impl Dialect {
    /// Forms in the order in which they are tried.
    pub fn schema_forms(self) -> &'static [SchemaForm] {
        use SchemaForm::{Flat, JsonObject, Nested, PromptOnly, StructuredOutputs};
        match self {
            Self::Vllm => &[Nested, StructuredOutputs, JsonObject, PromptOnly],
            Self::LlamaCpp => &[Nested, Flat, JsonObject, PromptOnly],
            Self::Ollama | Self::OpenAi => &[Nested, JsonObject, PromptOnly],
        }
    }
}

impl SchemaForm {
    /// True if a schema goes with it.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Nested | Self::Flat | Self::StructuredOutputs)
    }

    /// The fields `response_format` and `structured_outputs` for a schema.
    pub(super) fn fields(self, schema: &str) -> Result<SchemaFields, serde_json::Error> {
        let raw = |text: String| RawValue::from_string(text).map(Some);
        let mut fields = SchemaFields::default();
        match self {
            Self::Nested => {
                let inner = format!(r#"{{"name":"answer","schema":{schema}}}"#);
                fields.response_format = raw(format!(r#"{{"type":"json_schema","json_schema":{inner}}}"#))?;
            }
            Self::Flat => fields.response_format = raw(format!(r#"{{"type":"json_schema","schema":{schema}}}"#))?,
            Self::StructuredOutputs => fields.structured_outputs = raw(format!(r#"{{"json":{schema}}}"#))?,
            Self::JsonObject => fields.response_format = raw(r#"{"type":"json_object"}"#.into())?,
            Self::PromptOnly => {}
        }
        Ok(fields)
    }
}

/// Fields of a request that hold its schema.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(super) struct SchemaFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_outputs: Option<Box<RawValue>>,
}

/// What a server can do, as the probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whose it is.
    pub dialect: Dialect,
    /// The model that is asked.
    pub model: String,
    /// How it takes a schema.
    pub schema: SchemaForm,
    /// Whether it kept to the schema when it was tried. Nothing is believed for it: every answer is checked.
    pub is_schema_kept: bool,
    /// Whether it tells probabilities of tokens.
    pub has_logprobs: bool,
    /// Whether it takes images, for all that it says; where it says nothing it is taken to.
    pub takes_images: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_goes_out_as_it_was_written() {
        let schema = r#"{"b":1,"a":2}"#;
        let sent = |form: SchemaForm| {
            let fields = form.fields(schema).unwrap();
            fields.response_format.or(fields.structured_outputs).map(|raw| raw.get().to_string()).unwrap_or_default()
        };
        let nested = r#"{"type":"json_schema","json_schema":{"name":"answer","schema":{"b":1,"a":2}}}"#;
        assert_eq!(sent(SchemaForm::Nested), nested);
        assert_eq!(sent(SchemaForm::Flat), r#"{"type":"json_schema","schema":{"b":1,"a":2}}"#);
        assert_eq!(sent(SchemaForm::StructuredOutputs), r#"{"json":{"b":1,"a":2}}"#);
        assert_eq!(sent(SchemaForm::PromptOnly), "");
        assert!(SchemaForm::Nested.fields("no json").is_err());
    }
}
