//! A chat server on loopback that does what a test tells it to, well or badly, and remembers what it was asked.
#![allow(dead_code)]

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use neuraxis_cortex::{
    PlanRequest, Planner, SymbolicPlanner, VlmClient, VlmConfig, VlmPlanner,
    vlm::{Capabilities, Dialect, SchemaForm},
};
use neuraxis_plan::{Limits, RawPlan, Scene, SceneFile};
use serde_json::{Value, json};

pub const SAY: &str = "put the red block in the top drawer and close it";

/// What the server does with one request.
#[derive(Clone)]
pub enum Act {
    /// A status, more head lines, a body.
    Send(u16, &'static str, String),
    /// After a time.
    Late(Duration, Box<Act>),
    /// Takes the request and says nothing.
    Hang,
    /// Sends the head, and goes on sending a little for ever.
    Trickle,
    /// Promises more than it sends, and closes.
    CloseMidBody,
    /// Sends so many bytes.
    Huge(usize),
}

impl Act {
    /// Words of the model, in the usual wrapping.
    pub fn say(words: impl Into<String>) -> Self {
        Self::choice(json!({"finish_reason": "stop", "message": {"role": "assistant", "content": words.into()}}))
    }

    pub fn plan(plan: &RawPlan) -> Self {
        Self::say(serde_json::to_string(plan).unwrap())
    }

    pub fn choice(choice: Value) -> Self {
        let usage = json!({"prompt_tokens": 100, "completion_tokens": 20});
        Self::Send(200, "", json!({"choices": [choice], "usage": usage}).to_string())
    }

    pub fn status(status: u16) -> Self {
        Self::Send(status, "", r#"{"error":{"message":"so it is"}}"#.into())
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn is_trial(&self) -> bool {
        self.body.contains("holds the name of an animal")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The words of the last message.
    pub fn last_words(&self) -> String {
        let json = self.json();
        let last = json["messages"].as_array().unwrap().last().unwrap()["content"].clone();
        match last {
            Value::String(text) => text,
            parts => parts.as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_string(),
        }
    }
}

/// Answers looks of the probe; `None`: as a vLLM that keeps to schemas.
pub type Look = fn(&Asked) -> Option<Act>;

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with_look(script, |_| None)
    }

    pub fn with_look(script: impl IntoIterator<Item = Act>, look: Look) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let server = Self { url, asked: asked.clone(), is_over: is_over.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (script, asked, is_over) = (script.clone(), asked.clone(), is_over.clone());
                thread::spawn(move || {
                    let _ = serve(stream.unwrap(), look, &script, &asked, &is_over);
                });
            }
        });
        server
    }

    /// All requests, the probe's included.
    pub fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Requests that are not the probe's.
    pub fn asked(&self) -> Vec<Asked> {
        self.all().into_iter().filter(|asked| asked.line.contains("/chat/") && !asked.is_trial()).collect()
    }

    /// Waits until so many have come.
    pub fn wait_for(&self, count: usize) {
        for _ in 0..3000 {
            if self.asked().len() >= count {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{} requests came", self.asked().len());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let address = self.url.trim_start_matches("http://").trim_end_matches("/v1").to_string();
        let _ = TcpStream::connect(address);
    }
}

fn serve(
    stream: TcpStream,
    look: Look,
    script: &Mutex<VecDeque<Act>>,
    asked: &Mutex<Vec<Asked>>,
    is_over: &AtomicBool,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut next = String::new();
        reader.read_line(&mut next)?;
        if next.trim().is_empty() {
            break;
        }
        if let Some(value) = next.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &next;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = Asked { line, head, body: String::from_utf8(body).unwrap() };
    let is_chat = request.line.contains("/chat/completions") && !request.is_trial();
    let act = match look(&request) {
        Some(act) => act,
        None if is_chat => script.lock().unwrap().pop_front().unwrap_or_else(|| Act::status(599)),
        None if request.is_trial() => Act::say(r#"{"word":"ostrich_41"}"#),
        None if request.line.contains("/v1/models") => {
            Act::Send(200, "", json!({"data": [{"id": "test-model", "owned_by": "vllm"}]}).to_string())
        }
        None => Act::status(404),
    };
    asked.lock().unwrap().push(request);
    act_on(stream, act, is_over)
}

fn act_on(mut stream: TcpStream, act: Act, is_over: &AtomicBool) -> std::io::Result<()> {
    match act {
        Act::Send(status, lines, body) => {
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{lines}\r\n{body}")
        }
        Act::Late(time, act) => {
            thread::sleep(time);
            act_on(stream, *act, is_over)
        }
        Act::Hang => {
            while !is_over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        Act::Trickle => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
            while !is_over.load(Ordering::Relaxed) {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        Act::CloseMidBody => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{{\"choices\":[")
        }
        Act::Huge(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
            let block = [b' '; 4096];
            for _ in 0..bytes.div_ceil(block.len()) {
                stream.write_all(&block)?;
            }
            Ok(())
        }
    }
}

pub const WORKBENCH: &str = include_str!("../../../../sim/scenes/workbench.yaml");

/// The workbench.
pub fn scene() -> Scene {
    let file: SceneFile = serde_yaml::from_str(WORKBENCH).unwrap();
    file.try_into().unwrap()
}

pub fn request<'a>(scene: &'a Scene, instruction: &'a str) -> PlanRequest<'a> {
    PlanRequest { instruction, scene, epoch: 7 }
}

/// A plan that is right.
pub fn good() -> RawPlan {
    SymbolicPlanner.plan(&request(&scene(), SAY)).unwrap().plan
}

/// Patient, so that a busy machine changes nothing.
pub fn config(server: &Server) -> VlmConfig {
    VlmConfig {
        base_url: server.url.clone(),
        connect_secs: 20.0,
        first_byte_secs: 20.0,
        total_secs: 60.0,
        retry_pause_secs: 0.01,
        stream: false,
        ..VlmConfig::default()
    }
}

pub fn planner(config: VlmConfig) -> VlmPlanner {
    VlmPlanner::new(config, Limits::default()).unwrap()
}

/// A planner that does not probe: its server may be as bad as it likes from the first request on.
pub fn unprobed(config: VlmConfig) -> VlmPlanner {
    let mut planner = planner(config);
    assume(planner.client());
    planner
}

pub fn assume(client: &mut VlmClient) {
    client.assume(Capabilities {
        dialect: Dialect::Vllm,
        model: "test-model".into(),
        schema: SchemaForm::Nested,
        is_schema_kept: true,
        has_logprobs: false,
        takes_images: true,
    });
}

/// Whatever blocks ends in this time.
pub fn watched<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _ = sender.send(test());
    });
    match receiver.recv_timeout(Duration::from_secs(120)) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(worker.join().unwrap_err()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
    }
}
