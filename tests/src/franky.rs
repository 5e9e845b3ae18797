//! franky-sim, a public server of the Franka control interface, in a real robot's place: contact, and a hand.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::{
    running::{Running, script},
    workspace,
};

/// `cameras:` of `arm.yaml` for those that `ros plant` plays.
///
/// # Panics
/// The file that has them is missing.
#[must_use]
pub fn plant_cameras() -> String {
    let text = std::fs::read_to_string(workspace().join("sim/rehearsal.yaml")).expect("sim/rehearsal.yaml");
    text[text.find("cameras:").expect("cameras")..].to_string()
}

/// The server; it ends with this.
pub struct Franky {
    child: Child,
    stdin: ChildStdin,
    lines: BufReader<ChildStdout>,
    at: Value,
}

impl Franky {
    /// Waits until it listens.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let own = std::env::var_os("NEURAXIS_PEERS").map_or_else(|| workspace().join(".deps"), PathBuf::from);
        let python = own.join("franky-sim/bin/python");
        assert!(python.exists(), "{} is missing: ./neuraxis setup --peers", python.display());
        let mut command = Command::new(python);
        command.arg(workspace().join("sim/franka_server.py")).arg("contact");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let (stdin, stdout) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
        let mut franky = Self { child, stdin, lines: BufReader::new(stdout), at: Value::Null };
        franky.at = franky.answer();
        franky
    }

    /// Asks it one of the things that stand at the head of `sim/franka_server.py`.
    ///
    /// # Panics
    /// It does not know that, or has ended.
    pub fn ask(&mut self, line: &str) -> Value {
        writeln!(self.stdin, "{line}").expect("the server listens");
        let answer = self.answer();
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    }

    /// The arm of a running `ros plant` goes where this one is, as long as what is returned lives.
    ///
    /// # Panics
    /// The script that passes it on does not start.
    #[must_use]
    pub fn seen_by_the_plant(&mut self, domain: &str) -> Running {
        let follower = Running::of(&mut script("follow_arm.py"), domain);
        let told = follower.wait_for("port ");
        self.ask(&format!("show {}", told.last().map_or("", |line| &line["port ".len()..])));
        follower
    }

    /// Writes a file about the arm, with these cameras (`cameras:` of `arm.yaml`).
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write_arm(&self, file: &Path, cameras: &str) {
        // A busy machine lets packets wait.
        let text = format!(
            "driver: franka\nrehearsal: true\nfranka: {{ host: {}, port: {}, hand_port: {}, realtime: ignore, \
             state_timeout_secs: 1.0, hand_timeout_secs: 5.0 }}\n{cameras}",
            self.at["host"], self.at["port"], self.at["hand_port"]
        );
        std::fs::write(file, text).expect("the file");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("what the server says")
    }
}

impl Drop for Franky {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
