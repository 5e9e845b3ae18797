//! Finding out what a server understands: at start-up, and again after it has refused a call.
//!
//! What it says of itself is asked for first: the list of models names most servers. How it takes a schema is tried: the
//! schema allows one odd word that the prompt does not mention, so that a model that was not held to it will miss it.

use serde_json::{Value, json};

use super::{
    budget::Purpose,
    chat::{Chat, Message, Role},
    client::VlmClient,
    dialect::{Capabilities, Dialect, SchemaForm},
    error::VlmError,
    http::Below,
    reply::Reply,
};

/// Tokens of a trial.
const TRIAL_TOKENS: u32 = 64;
const ODD_WORD: &str = "ostrich_41";

pub(super) fn probe(client: &mut VlmClient) -> Result<Capabilities, VlmError> {
    let models = client.look("/models", Below::Api, None)?.unwrap_or_default();
    let dialect = match client.config().dialect {
        Some(dialect) => dialect,
        None => dialect(client, &models)?,
    };
    let listed = models.pointer("/data/0/id").and_then(Value::as_str);
    let Some(model) = client.config().model.as_deref().or(listed).map(str::to_string) else {
        let (value, allowed) = (String::new(), "a name: the server lists no models");
        return Err(VlmError::Config { key: "model", value, allowed });
    };
    let takes_images = client.config().images && sees(client, dialect, &models, &model)?;
    let mut capabilities = Capabilities {
        dialect,
        model,
        schema: SchemaForm::PromptOnly,
        is_schema_kept: false,
        has_logprobs: false,
        takes_images,
    };
    for form in dialect.schema_forms() {
        let Some(reply) = try_form(client, &capabilities.model, *form)? else { continue };
        capabilities.schema = *form;
        capabilities.is_schema_kept = form.has_schema() && reply.content.contains(ODD_WORD);
        capabilities.has_logprobs = !reply.tokens.is_empty();
        if capabilities.is_schema_kept || !form.has_schema() {
            break;
        }
    }
    Ok(capabilities)
}

/// By the owner in the list of models, or by a path that only one of them has.
fn dialect(client: &mut VlmClient, models: &Value) -> Result<Dialect, VlmError> {
    match models.pointer("/data/0/owned_by").and_then(Value::as_str) {
        Some("vllm") => return Ok(Dialect::Vllm),
        Some("llamacpp") => return Ok(Dialect::LlamaCpp),
        _ => {}
    }
    let props = client.look("/props", Below::Root, None)?;
    if props.is_some_and(|props| props.get("default_generation_settings").is_some()) {
        return Ok(Dialect::LlamaCpp);
    }
    let version = client.look("/api/version", Below::Root, None)?;
    Ok(if version.is_some_and(|it| it.get("version").is_some()) { Dialect::Ollama } else { Dialect::OpenAi })
}

/// Whether the model sees, for all that the server says; yes where it says nothing.
fn sees(client: &mut VlmClient, dialect: Dialect, models: &Value, model: &str) -> Result<bool, VlmError> {
    let lists = |list: &Value, what: &str| list.as_array().map(|all| all.iter().any(|one| one == what));
    let said = match dialect {
        Dialect::LlamaCpp => {
            let props = client.look("/props", Below::Root, None)?;
            let vision = props.as_ref().and_then(|props| props.pointer("/modalities/vision")?.as_bool());
            let modalities = models.pointer("/data/0/architecture/input_modalities");
            vision.or_else(|| lists(modalities?, "image"))
        }
        Dialect::Ollama => {
            let body = json!({"model": model}).to_string();
            let shown = client.look("/api/show", Below::Root, Some(body))?;
            shown.as_ref().and_then(|shown| lists(shown.get("capabilities")?, "vision"))
        }
        Dialect::Vllm | Dialect::OpenAi => None,
    };
    Ok(said.unwrap_or(true))
}

/// `None`: the server refuses the form. Where it refuses only to tell probabilities, it is tried without.
fn try_form(client: &mut VlmClient, model: &str, form: SchemaForm) -> Result<Option<Reply>, VlmError> {
    let schema = json!({
        "type": "object",
        "properties": {"word": {"enum": [ODD_WORD]}},
        "required": ["word"],
        "additionalProperties": false,
    });
    let words = r#"Reply with one JSON object with one field "word" that holds the name of an animal."#;
    let chat = Chat {
        messages: vec![Message::text(Role::User, words)],
        schema: Some(schema.to_string()),
        max_tokens: TRIAL_TOKENS,
    };
    let asked = Some(client.config().logprobs).filter(|k| *k > 0);
    for logprobs in if asked.is_some() { vec![asked, None] } else { vec![None] } {
        match client.ask_as(Purpose::Probe, &chat, model, form, logprobs) {
            Ok(reply) => return Ok(Some(reply)),
            Err(VlmError::Status { status: 400 | 404 | 415 | 422, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
