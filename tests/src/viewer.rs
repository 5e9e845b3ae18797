//! The viewer without a window, as a program of ours finds it on a machine with a screen, and what it was shown.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{running::PATIENCE, workspace};

/// Where a viewer listens that nobody told otherwise.
const PORT: u16 = 9876;
const LOOK: Duration = Duration::from_millis(300);

/// A headless viewer at the usual port, and its remote control; both end with this.
pub struct Viewer {
    window: Child,
    control: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
}

fn program() -> PathBuf {
    let program = workspace().join(".deps/rerun/rerun_sdk/rerun_cli/rerun");
    assert!(program.exists(), "{} is missing: ./neuraxis setup", program.display());
    program
}

impl Viewer {
    /// Waits until it listens.
    ///
    /// # Panics
    /// It is not installed, does not start, or another viewer listens at its port.
    #[must_use]
    pub fn start() -> Self {
        let free = TcpListener::bind(("127.0.0.1", PORT));
        assert!(free.is_ok(), "port {PORT} is taken: another viewer is open on this machine; close it");
        drop(free);
        let mut window = Command::new(program());
        window.args(["--headless", "--bind", "127.0.0.1", "--port", &PORT.to_string()]).stderr(Stdio::null());
        let window = window.spawn().expect("the viewer starts");
        let mut control = Command::new(program());
        control.arg("viewer-mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut control = control.spawn().expect("its remote control starts");
        let (input, output) = (control.stdin.take().expect("its input"), control.stdout.take().expect("its output"));
        let mut viewer = Self { window, control, input, output: BufReader::new(output), calls: 0 };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", PORT)).is_err() {
            assert!(
                viewer.window.try_wait().expect("our child").is_none(),
                "the viewer ended; it needs a Vulkan driver"
            );
            assert!(Instant::now() < end, "the viewer does not listen");
            sleep(LOOK);
        }
        let client = json!({ "name": "neuraxis-tests", "version": "0" });
        viewer
            .call("initialize", &json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client }));
        writeln!(viewer.input, "{}", json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .expect("it hears");
        let endpoint = json!({ "endpoint": format!("http://127.0.0.1:{PORT}") });
        while viewer.tool("connect", &endpoint)["isError"] == true {
            assert!(Instant::now() < end, "the viewer does not answer");
            sleep(LOOK);
        }
        viewer
    }

    /// Waits until a recording is open in it whose time line `t` has come so far [s]; how far it has come [s].
    ///
    /// # Panics
    /// It never does.
    pub fn shows(&mut self, secs: f64) -> f64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.tool("viewer_state", &json!({}));
            if let Some(newest) = newest_secs(&state).filter(|newest| *newest >= secs) {
                return newest;
            }
            assert!(Instant::now() < end, "the viewer never shows {secs} s: {state}");
            sleep(LOOK);
        }
    }

    fn tool(&mut self, name: &str, arguments: &Value) -> Value {
        self.call("tools/call", &json!({ "name": name, "arguments": arguments }))
    }

    /// One question of JSON-RPC, one message a line.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let question = json!({ "jsonrpc": "2.0", "id": self.calls, "method": method, "params": params });
        writeln!(self.input, "{question}").expect("it hears");
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("a line") > 0, "the remote control ended: {question}");
            let answer: Value = serde_json::from_str(&line).expect("JSON");
            if answer["id"] == self.calls {
                return answer["result"].clone();
            }
        }
    }
}

/// How far the recordings have come that it has open [s].
fn newest_secs(state: &Value) -> Option<f64> {
    let state: Value = serde_json::from_str(state["content"][0]["text"].as_str()?).ok()?;
    let recordings = state["recordings"].as_array()?;
    let lines = recordings.iter().filter_map(|recording| recording["timelines"].as_array()).flatten();
    let ends = lines.filter(|line| line["timeline"] == "t").filter_map(|line| line["max"].as_f64());
    ends.map(|nanos| 1e-9 * nanos).reduce(f64::max)
}

impl Drop for Viewer {
    fn drop(&mut self) {
        for child in [&mut self.window, &mut self.control] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
