//! `neuraxis arm` over the Franka Control Interface: the program's own first hour with franky-sim, a public server of that
//! interface, in the robot's place.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use neuraxis_tests::{Finished, binary, run, workspace};

/// The server; it ends when its standard input does.
struct Robot {
    child: Child,
    config: tempfile::NamedTempFile,
}

impl Robot {
    fn start() -> Self {
        let own = std::env::var_os("NEURAXIS_PEERS").map_or_else(|| workspace().join(".deps"), Into::into);
        let python = own.join("franky-sim/bin/python");
        assert!(python.exists(), "{} is missing: ./neuraxis setup --peers", python.display());
        let mut command = Command::new(python);
        command.arg(workspace().join("sim/franka_server.py")).arg("contact");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let at: serde_json::Value = serde_json::from_str(&line).expect("what the server says");
        let config = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
        let text = format!(
            "driver: franka\nrehearsal: true\nfranka: {{ host: {}, port: {}, hand_port: {}, realtime: ignore }}\n",
            at["host"], at["port"], at["hand_port"]
        );
        std::fs::write(config.path(), text).expect("the file");
        Self { child, config }
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arm(config: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(["arm", "--config"]).arg(config).args(arguments);
    run(&mut command, Duration::from_secs(90)).expect("the command ends")
}

/// Numbers of the line that begins with `word`.
fn numbers(ended: &Finished, word: &str) -> Vec<f64> {
    let line = ended.stdout.lines().find(|line| line.starts_with(word)).unwrap_or_default();
    line.split_whitespace().filter_map(|part| part.parse().ok()).collect()
}

/// Server and loop both are in real time: a machine that gives its time to others for a moment breaks off a motion that was
/// right. A command that has failed is given again, twice; what it does is where it ends, not how often it was tried.
fn arrives(config: &Path, arguments: &[&str]) -> Finished {
    for _ in 0..2 {
        let ended = arm(config, arguments);
        if ended.status.success() {
            return ended;
        }
        eprintln!("again: {arguments:?}: {}", ended.stderr);
    }
    let ended = arm(config, arguments);
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn it_jogs_grips_and_goes_home_over_the_franka_interface() {
    let robot = Robot::start();
    let config = robot.config.path();
    let home = arrives(config, &["home"]);
    let before = numbers(&home, "joints");
    assert_eq!(before.len(), 7, "{}", home.stdout);

    let closed = arrives(config, &["gripper", "close"]);
    let width_m = numbers(&closed, "tool")[3];
    assert!(width_m < 0.01, "{}", closed.stdout);

    let lowered = arrives(config, &["jog", "--tool", "0,0,-0.05"]);
    let (high, low) = (numbers(&home, "tool")[2], numbers(&lowered, "tool")[2]);
    // A line that was broken off and begun again is longer by what was done of it.
    assert!((0.045..0.16).contains(&(high - low)), "{high} to {low}");

    let opened = arrives(config, &["gripper", "open"]);
    assert!(numbers(&opened, "tool")[3] > 0.06, "{}", opened.stdout);
    let back = numbers(&arrives(config, &["home"]), "joints");
    assert!(back.iter().zip(&before).all(|(a, b)| (a - b).abs() < 0.01), "{back:?} and {before:?}");
}

#[test]
fn a_robot_that_nobody_answers_for_is_named() {
    let config = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    let text = "driver: franka\nrehearsal: true\nfranka: { host: 127.0.62.250, realtime: ignore }\n";
    std::fs::write(config.path(), text).expect("the file");
    let ended = arm(config.path(), &["home"]);
    assert!(!ended.status.success() && ended.stderr.contains("127.0.62.250"), "{}", ended.stderr);
}
