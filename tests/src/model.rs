//! A server on loopback in a vision-language model's place, good or bad. Its plans are our own planner's, made by the
//! binary from nothing but what the request tells.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{binary, run, workspace};

/// A plan is made in this time.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server does with a question for a plan.
#[derive(Clone)]
pub enum Act {
    /// Answers with a good plan.
    Plan,
    /// With a plan that was good before this was done to it.
    Spoilt(fn(&mut Value)),
    /// With the first so many bytes of a good plan.
    Cut(usize),
    /// With these words.
    Say(&'static str),
    /// With a status and no plan.
    Status(u16),
    /// With a body that is no JSON.
    Garbage,
    /// Promises more than it sends.
    CloseMidBody,
    /// Takes the question and says nothing.
    Hang,
    /// With a good plan, one byte at a time, in more time than anybody waits for.
    Slow,
    /// As `Spoilt`; after that nobody listens on its port.
    Last(fn(&mut Value)),
}

struct Shared {
    acts: Vec<Act>,
    asked: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// Answers the questions for a plan by `acts`, the last of them again and again; as long as it lives.
pub struct Model {
    /// Its address, `/v1` included.
    pub url: String,
    shared: Arc<Shared>,
}

impl Model {
    /// Listens.
    pub fn new(acts: &[Act]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let shared = Shared { acts: acts.to_vec(), asked: Mutex::default(), is_over: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let at_work = shared.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if at_work.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = at_work.clone();
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Ok(Self { url, shared })
    }

    /// The questions for a plan that it was asked, whole bodies.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        close(&self.url, &self.shared);
    }
}

/// Ends the thread that listens, and with it the port.
fn close(url: &str, shared: &Shared) {
    if !shared.is_over.swap(true, Ordering::SeqCst) {
        let _ = TcpStream::connect(url.trim_start_matches("http://").trim_end_matches("/v1"));
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let here = stream.local_addr()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    loop {
        let mut head = String::new();
        reader.read_line(&mut head)?;
        if head.trim().is_empty() {
            break;
        }
        if let Some(value) = head.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if !line.contains("/chat/completions") {
        let listed = json!({"data": [{"id": "test-model", "owned_by": "vllm"}]});
        let status = if line.contains("/models") { 200 } else { 404 };
        return send(stream, status, &listed.to_string());
    }
    // The trial of the schema, before any plan.
    if body.contains("holds the name of an animal") {
        return send(stream, 200, &wrapped(r#"{"word":"ostrich_41"}"#));
    }
    let count = shared.asked.lock().map(|mut asked| {
        asked.push(body.clone());
        asked.len()
    });
    let act = shared.acts.get(count.unwrap_or(1) - 1).or(shared.acts.last()).cloned().unwrap_or(Act::Status(599));
    match act {
        Act::Plan => send(stream, 200, &wrapped(&plan(&body)?)),
        Act::Spoilt(spoil) => {
            let mut plan = serde_json::from_str(&plan(&body)?)?;
            spoil(&mut plan);
            send(stream, 200, &wrapped(&plan.to_string()))
        }
        Act::Cut(bytes) => {
            let plan = plan(&body)?;
            send(stream, 200, &wrapped(plan.get(..bytes).unwrap_or_default()))
        }
        Act::Say(words) => send(stream, 200, &wrapped(words)),
        Act::Status(status) => send(stream, status, r#"{"error":{"message":"so it is"}}"#),
        Act::Garbage => send(stream, 200, "<html>it works!</html>"),
        Act::CloseMidBody => (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\":["),
        Act::Hang => {
            wait(shared);
            Ok(())
        }
        Act::Slow => {
            (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
            while !shared.is_over.load(Ordering::SeqCst) {
                (&stream).write_all(b" ")?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Act::Last(spoil) => {
            let mut plan = serde_json::from_str(&plan(&body)?)?;
            spoil(&mut plan);
            close(&format!("http://{here}/v1"), shared);
            send(stream, 200, &wrapped(&plan.to_string()))
        }
    }
}

fn wait(shared: &Shared) {
    while !shared.is_over.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(10));
    }
}

fn send(mut stream: TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// Words of the model, as they come when they are streamed: in two parts.
fn wrapped(words: &str) -> String {
    let middle = (0..=words.len() / 2).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0);
    let (a, b) = words.split_at(middle);
    let event = |delta: &str, end: Value| {
        let choice = json!({"choices": [{"delta": {"content": delta}, "finish_reason": end}]});
        format!("data: {choice}\n\n")
    };
    format!("{}{}data: [DONE]\n\n", event(a, Value::Null), event(b, json!("stop")))
}

/// A good plan for what a request asks, in the scene that it tells of.
fn plan(body: &str) -> io::Result<String> {
    let missing = |what: &str| io::Error::other(format!("the request has no {what}"));
    let body: Value = serde_json::from_str(body)?;
    let content = &body["messages"][1]["content"];
    let parts = content.as_array().and_then(|parts| parts.last()?["text"].as_str());
    let text = content.as_str().or(parts).ok_or_else(|| missing("words"))?;
    let between = |from: &str, to: &str| Some(text.split_once(from)?.1.split_once(to)?.0);
    let task: String = serde_json::from_str(between("<task>", "</task>").ok_or_else(|| missing("task"))?)?;
    let told: Value = serde_json::from_str(between("scene:\n<data>", "</data>").ok_or_else(|| missing("scene"))?)?;
    let all = body.pointer("/response_format/json_schema/schema/$defs/fact/enum").and_then(Value::as_array);
    let all = all.ok_or_else(|| missing("schema"))?;
    let lists = |key: &str, fact: &Value| told[key].as_array().is_some_and(|facts| facts.contains(fact));
    let is_false = |fact: &&Value| match told["does_not_hold"].is_array() {
        true => lists("does_not_hold", fact),
        false => !lists("holds", fact) && !lists("unknown", fact),
    };
    let not = |fact: &Value| json!(format!("not {}", fact.as_str().unwrap_or_default()));
    let mut facts = told["holds"].as_array().cloned().unwrap_or_default();
    facts.extend(all.iter().filter(is_false).map(not));
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("scene.json");
    let scene = json!({"objects": told["objects"], "facts": facts, "unlisted": "unknown"});
    std::fs::write(&file, scene.to_string())?;
    let mut command = Command::new(binary());
    command.args(["plan", &task, "--json", "--scene"]).arg(&file).env("NEURAXIS_ROOT", workspace());
    let made = run(&mut command, PATIENCE)?;
    // A question to which our planner has no answer has a bad one: the test then says so.
    Ok(if made.status.success() { made.stdout } else { made.stderr })
}
