//! A request to the model, and how it is written on the wire.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{dialect::SchemaFields, error::VlmError};

/// Most bytes of an image.
const MOST_IMAGE_BYTES: usize = 4 << 20;

/// Who says something.
#[derive(Copy, Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The rules.
    System,
    /// We.
    User,
    /// The model.
    Assistant,
}

/// A JPEG or PNG image. How large it is, and the marks painted on it, are the caller's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    name: String,
    bytes: Vec<u8>,
    kind: &'static str,
    marks: Vec<(u32, String)>,
}

impl Image {
    /// Of the name of its camera, the bytes of a JPEG or PNG file, and the numbers painted on things with the things' names.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>, marks: Vec<(u32, String)>) -> Result<Self, VlmError> {
        let name = name.into();
        let why = match bytes.as_slice() {
            bytes if bytes.len() > MOST_IMAGE_BYTES => format!("more than {MOST_IMAGE_BYTES} bytes"),
            [0xFF, 0xD8, 0xFF, ..] => return Ok(Self { name, bytes, kind: "jpeg", marks }),
            [0x89, b'P', b'N', b'G', ..] => return Ok(Self { name, bytes, kind: "png", marks }),
            _ => "no JPEG, no PNG".to_string(),
        };
        Err(VlmError::Image { name, why })
    }

    /// Name of its camera.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Numbers painted on it, and what they stand on.
    pub fn marks(&self) -> &[(u32, String)] {
        &self.marks
    }

    /// BLAKE3 of its bytes.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.bytes).as_bytes()
    }

    fn data_uri(&self) -> String {
        format!("data:image/{};base64,{}", self.kind, STANDARD.encode(&self.bytes))
    }

    fn hash_uri(&self) -> String {
        format!("blake3:{}", blake3::hash(&self.bytes).to_hex())
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Words.
    Text(String),
    /// An image.
    Image(Image),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who.
    pub role: Role,
    /// What.
    pub parts: Vec<Part>,
}

impl Message {
    /// Of words alone.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())] }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// A JSON schema, as text, that the answer shall keep to.
    pub schema: Option<String>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
}

impl Chat {
    /// BLAKE3 of all the words and images.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for message in &self.messages {
            hasher.update(&[0, message.role as u8]);
            for part in &message.parts {
                match part {
                    Part::Text(text) => hasher.update(&[1]).update(text.as_bytes()),
                    Part::Image(image) => hasher.update(&[2]).update(&image.hash()),
                };
            }
        }
        hasher.update(&[3]).update(self.schema.as_deref().unwrap_or_default().as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// The images in it.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
            Part::Image(image) => Some(image),
            Part::Text(_) => None,
        })
    }
}

/// The body of `POST /chat/completions`, fields in a fixed order.
#[derive(serde::Serialize)]
pub(super) struct WireChat<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    temperature: u8,
    seed: u32,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u8>,
    #[serde(flatten)]
    schema: SchemaFields,
}

/// How it is written, beside what is asked.
pub(super) struct Manner<'a> {
    pub model: &'a str,
    pub seed: u32,
    pub stream: bool,
    /// Alternatives per token whose probability is asked for.
    pub logprobs: Option<u8>,
    pub schema: SchemaFields,
}

/// How images are written.
#[derive(Copy, Clone)]
pub(super) enum Images {
    /// As base64, to be sent.
    Data,
    /// As their hash, to be told apart.
    Hash,
}

impl<'a> WireChat<'a> {
    pub(super) fn new(chat: &'a Chat, manner: &Manner<'a>, images: Images) -> Self {
        Self {
            model: manner.model,
            messages: chat.messages.iter().map(|message| WireMessage::new(message, images)).collect(),
            temperature: 0,
            seed: manner.seed,
            max_tokens: chat.max_tokens,
            stream: manner.stream,
            stream_options: manner.stream.then_some(StreamOptions { include_usage: true }),
            logprobs: manner.logprobs.map(|_| true),
            top_logprobs: manner.logprobs,
            schema: manner.schema.clone(),
        }
    }
}

#[derive(serde::Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(serde::Serialize)]
struct WireMessage<'a> {
    role: Role,
    content: WireContent<'a>,
}

/// Words alone are a plain string: every server takes that.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum WireContent<'a> {
    Plain(&'a str),
    Parts(Vec<WirePart<'a>>),
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Url },
}

#[derive(serde::Serialize)]
struct Url {
    url: String,
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message, images: Images) -> Self {
        let content = match message.parts.as_slice() {
            [Part::Text(text)] => WireContent::Plain(text),
            parts => WireContent::Parts(parts.iter().map(|part| wire_part(part, images)).collect()),
        };
        Self { role: message.role, content }
    }
}

fn wire_part(part: &Part, images: Images) -> WirePart<'_> {
    match (part, images) {
        (Part::Text(text), _) => WirePart::Text { text },
        (Part::Image(image), Images::Data) => WirePart::ImageUrl { image_url: Url { url: image.data_uri() } },
        (Part::Image(image), Images::Hash) => WirePart::ImageUrl { image_url: Url { url: image.hash_uri() } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jpeg_or_png_is_not_sent() {
        let error = Image::new("front", b"GIF89a".to_vec(), Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), r#"image "front": no JPEG, no PNG"#);
        let large = [&[0xFF, 0xD8, 0xFF][..], &vec![0; MOST_IMAGE_BYTES]].concat();
        assert!(Image::new("front", large, Vec::new()).unwrap_err().to_string().contains("more than 4194304 bytes"));
    }

    #[test]
    fn an_image_is_sent_as_data_and_told_apart_by_its_hash() {
        let image = Image::new("front", vec![0xFF, 0xD8, 0xFF, 1], vec![(1, "red_block".into())]).unwrap();
        let message = Message { role: Role::User, parts: vec![Part::Text("look".into()), Part::Image(image)] };
        let chat = Chat { messages: vec![message], schema: None, max_tokens: 9 };
        let schema = SchemaFields::default();
        let manner = Manner { model: "m", seed: 1, stream: false, logprobs: None, schema };
        let written = |images| serde_json::to_string(&WireChat::new(&chat, &manner, images)).unwrap();
        assert!(
            written(Images::Data)
                .contains(r#"{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/AQ=="}}"#)
        );
        let png = Image::new("front", vec![0x89, b'P', b'N', b'G'], Vec::new()).unwrap();
        assert_eq!(png.data_uri(), "data:image/png;base64,iVBORw==");
        assert!(written(Images::Hash).contains(r#""url":"blake3:"#) && !written(Images::Hash).contains("base64"));
        assert_eq!(chat.images().count(), 1);
    }
}
