//! A program of ours whose lines can be waited for, beside others.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{binary, workspace};

/// Slow machines discover each other slowly; nothing here is judged by time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// It ends with this.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts the program in the workspace.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(arguments: &[&str], domain: &str) -> Self {
        Self::of(Command::new(binary()).args(arguments), domain)
    }

    /// Starts another program there.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn of(command: &mut Command, domain: &str) -> Self {
        command.env("ROS_DOMAIN_ID", domain).current_dir(workspace());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("its output");
        let (say, lines) = channel();
        thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { child, lines }
    }

    /// All lines up to one that begins so.
    ///
    /// # Panics
    /// None does.
    pub fn wait_for(&self, beginning: &str) -> Vec<String> {
        let (mut seen, end) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            seen.push(line.unwrap_or_else(|_| panic!("no {beginning:?} in {seen:#?}")));
            if seen.last().is_some_and(|line| line.starts_with(beginning)) {
                return seen;
            }
        }
    }

    /// A line to its standard input.
    ///
    /// # Panics
    /// It does not listen.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its input");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("it listens");
    }

    /// Ends it at once, whatever it does (SIGKILL).
    ///
    /// # Panics
    /// It is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it ends");
    }

    /// Ctrl-C.
    ///
    /// # Panics
    /// It is gone.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// It does nothing any more, and keeps what it has (SIGSTOP).
    ///
    /// # Panics
    /// It is gone.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// How it ends by itself.
    ///
    /// # Panics
    /// It does not.
    pub fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, which: &str) {
        let sent = Command::new("kill").args([which, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script of `tests/ros` in the Python of our own ROS 2: whoever stands beside the robot.
///
/// # Panics
/// That Python is missing.
#[must_use]
pub fn script(name: &str) -> Command {
    let python = workspace().join(".deps/ros/bin/python");
    assert!(python.exists(), "{} is missing: ./neuraxis setup", python.display());
    let mut command = Command::new(python);
    command.arg(workspace().join("tests/ros").join(name));
    // It finds its own prefix; ours is the copy for Rust.
    command.env_remove("AMENT_PREFIX_PATH").env_remove("LD_LIBRARY_PATH");
    command
}

/// The process that a launch file says, exactly as `ros2 launch` would start it; only the program is this build's. `ros2 launch`
/// itself is not on PyPI.
#[must_use]
pub fn launch(file: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(workspace().join("tests/ros/start_launch_file.py")).arg(workspace().join("launch").join(file));
    command.arg(format!("neuraxis:={}", binary().display())).args(arguments);
    command
}

/// A domain of ROS 2 of this test's own: other tests talk at the same time.
#[must_use]
pub fn domain() -> String {
    (100 + std::process::id() % 100).to_string()
}
