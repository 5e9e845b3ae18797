//! Processes that talk to each other over DDS: the node in one, rclpy in another.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(240);

/// A child process that does not outlive the test.
pub struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}: {command:?}"));
        Self { name, child }
    }

    /// Waits for a line that holds `part`, and returns all that was written up to its end.
    pub fn read_until(&mut self, part: &str) -> String {
        let (found, is_found) = channel::<()>();
        let pid = self.child.id().to_string();
        let watchdog = thread::spawn(move || {
            if is_found.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // Its output ends, and with it the wait below.
                Command::new("kill").args(["-KILL", &pid]).status().expect("kill");
            }
        });
        let mut text = Vec::new();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().unwrap();
        loop {
            let is_line = byte == *b"\n" && String::from_utf8_lossy(&text).contains(part);
            if is_line {
                break;
            }
            let read = stdout.read(&mut byte).unwrap();
            assert!(
                read == 1,
                "{} ended, or was too slow, before {part:?}: {}",
                self.name,
                String::from_utf8_lossy(&text)
            );
            text.push(byte[0]);
        }
        drop(found);
        watchdog.join().unwrap();
        String::from_utf8(text).unwrap()
    }

    /// A line to its standard input.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Without a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().expect("kill");
    }

    /// Closes its standard input, waits for its end, and returns exit code and all that it wrote.
    pub fn finish(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let mut stdout = self.child.stdout.take().unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "{} still runs after {PATIENCE:?}", self.name);
            thread::sleep(Duration::from_millis(20));
        };
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text.push_str(&errors.join().unwrap().unwrap());
        (status.code(), text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cargo test` builds examples beside the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build -p neuraxis-ros --example {name}", path.display());
    path
}

/// The Python that has rclpy: beside the libraries of the wheels, or the system's where ROS 2 is sourced.
pub fn python() -> Command {
    let prefixes = std::env::var("AMENT_PREFIX_PATH").unwrap_or_default();
    let wheels = Path::new(&prefixes).with_file_name("ros").join("bin/python");
    if !wheels.exists() {
        return Command::new("python3");
    }
    let mut python = Command::new(wheels);
    // That Python finds its own prefix; ours is the copy for Rust.
    python.env_remove("AMENT_PREFIX_PATH");
    python
}

/// Several tests and test runs on one machine must not see each other's arms.
pub fn domain(test: u32) -> String {
    (1 + (2 * std::process::id() + test) % 100).to_string()
}

pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
