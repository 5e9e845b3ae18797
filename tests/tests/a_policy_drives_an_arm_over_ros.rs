//! The way of a real arm, rehearsed: a robot on ROS 2 (`ros plant`) in one process, `ros arm` in another, an operator in a
//! third. The policy sees the robot's cameras and moves it through ros2_control's topics.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use neuraxis_tests::{binary, run, workspace};

/// Slow machines discover each other slowly; nothing here is judged by time.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program whose lines can be waited for, and which ends with this.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(arguments: &[&str], domain: &str) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments).env("ROS_DOMAIN_ID", domain).current_dir(workspace());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("its output");
        let (say, lines) = channel();
        thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { child, lines }
    }

    /// All lines up to one that begins so.
    fn wait_for(&self, beginning: &str) -> Vec<String> {
        let (mut seen, end) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            seen.push(line.unwrap_or_else(|_| panic!("no {beginning:?} in {seen:#?}")));
            if seen.last().is_some_and(|line| line.starts_with(beginning)) {
                return seen;
            }
        }
    }

    fn interrupt(&self) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of their own: other tests talk at the same time.
fn domain() -> String {
    (100 + std::process::id() % 100).to_string()
}

fn operator(arguments: &[&str], domain: &str) -> neuraxis_tests::Finished {
    let python = workspace().join(".deps/ros/bin/python");
    assert!(python.exists(), "{} is missing: ./neuraxis setup", python.display());
    let mut command = Command::new(python);
    command.arg(workspace().join("tests/ros/activate.py")).args(arguments).env("ROS_DOMAIN_ID", domain);
    // It finds its own prefix; ours is the copy for Rust.
    command.env_remove("AMENT_PREFIX_PATH").env_remove("LD_LIBRARY_PATH");
    run(&mut command, PATIENCE).expect("the operator comes to an end")
}

#[test]
fn it_holds_until_it_is_activated_and_then_the_goal_is_met() {
    let domain = domain();
    let plant = Running::start(&["ros", "plant", "--task", "push_buttons", "--seed", "1000007"], &domain);
    plant.wait_for("ros ");
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().to_str().expect("a path");
    let say = "hit the button that is green";
    let arm = ["ros", "arm", "--config", "sim/rehearsal.yaml", "--say", say, "--out", out];
    let arm = Running::start(&arm, &domain);
    arm.wait_for("ros ");
    let activated = operator(&["--hold", "6"], &domain);
    assert!(activated.status.success(), "{}{}", activated.stdout, activated.stderr);
    plant.wait_for("success");
    arm.interrupt();
    let told = arm.wait_for("recorded");
    let cameras = told.iter().find(|line| line.starts_with("ros_cameras")).expect("a line about the cameras");
    assert!(["front", "left_shoulder", "right_shoulder", "wrist"].iter().all(|c| cameras.contains(c)), "{cameras}");
    assert!(std::fs::metadata(dir.path().join("episode.mcap")).expect("a recording").len() > 100_000);
}
