//! A simulated robot in a process of its own.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

use super::{START_RAD, workspace};

/// Longest wait for a line of the server's.
const PATIENCE: Duration = Duration::from_secs(90);

/// Which of the two.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// franky-sim: contact, and a hand.
    Contact,
    /// franka-sim: the robot's limits.
    Limits,
}

pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<Value>,
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    /// Zero: no hand.
    pub hand_port: u16,
}

/// The virtual environment of a peer.
fn peer(name: &str) -> PathBuf {
    let folder = std::env::var_os("NEURAXIS_PEERS").map_or_else(|| workspace().join(".deps"), PathBuf::from);
    let peer = folder.join(name);
    assert!(
        peer.join("bin/python").exists(),
        "{} is missing, the simulated robot that this test drives: run ./neuraxis setup --peers",
        peer.display()
    );
    peer
}

impl Server {
    pub fn start(kind: Kind, more: &[&str]) -> Self {
        let contact = peer("franky-sim");
        let mut command = match kind {
            Kind::Contact => {
                let mut command = Command::new(contact.join("bin/python"));
                command.arg(workspace().join("sim/franka_server.py")).arg("contact").arg("--start");
                command.args(START_RAD.map(|q| q.to_string()));
                command
            }
            Kind::Limits => {
                let mut command = Command::new(peer("franka-sim").join("bin/python"));
                let model = contact.join("lib/python3.11/site-packages/franky_sim/assets/fr3.xml");
                command.arg(workspace().join("sim/franka_server.py")).arg("limits").arg("--model").arg(model);
                command
            }
        };
        let mut child = command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel::<Value>();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send(value).is_err()
                {
                    break;
                }
            }
        });
        let ready = lines.recv_timeout(PATIENCE).expect("the simulated robot says that it is ready");
        let port = |key: &str| u16::try_from(ready[key].as_u64().unwrap()).unwrap();
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            kind,
            host: ready["host"].as_str().unwrap().into(),
            port: port("port"),
            hand_port: port("hand_port"),
        }
    }

    /// A new robot at the address of one that is gone.
    pub fn again(&mut self) -> Self {
        self.kill();
        match self.kind {
            Kind::Contact => Self::start(self.kind, &["--host", &self.host]),
            Kind::Limits => Self::start(self.kind, &["--port", &self.port.to_string()]),
        }
    }

    pub fn ask(&mut self, line: &str) -> Value {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        let answer = self.lines.recv_timeout(PATIENCE).expect("the simulated robot answers");
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    }

    /// Without a word, as when its plug is pulled.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
