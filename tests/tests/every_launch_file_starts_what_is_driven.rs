//! Every launch file, started exactly as written, with the whole program; what it starts is driven by rclpy clients (action,
//! lifecycle, parameters, stop), or shows what it should in the viewer.
//!
//! `ros2 launch` is not on PyPI: `tests/ros/start_launch_file.py` reads the files in its place. The viewer has no window here:
//! it is a headless one, which the program finds at the usual port as it finds a window that is open already.

use std::{
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use neuraxis_tests::{
    Finished, binary, run,
    running::{Running, domain, launch, script},
    viewer::Viewer,
};

/// A task that the shipped weights do, and its sentence.
const TASK: &str = "task:=push_buttons";
const SEED: &str = "seed:=1000007";
const SAY: &str = "hit the button that is green";
const CAMERAS: &str = "front,left_shoulder,right_shoulder,wrist";
/// All that one client does.
const PATIENCE: Duration = Duration::from_secs(280);
const CLIENT_SECS: &str = "240";

/// They have one domain, and two loops of 1 kHz disturb each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process of a launch file, once its node is up.
fn node(file: &str, arguments: &[&str], domain: &str) -> Running {
    let node = Running::of(&mut launch(file, arguments), domain);
    println!("$ {}", node.wait_for("ros ")[0].replace(&binary().display().to_string(), "neuraxis"));
    node
}

/// A client's way to a good end.
fn client(name: &str, arguments: &[&str], domain: &str) -> Finished {
    let mut command = script(name);
    command.args(["--timeout", CLIENT_SECS]).args(arguments).env("ROS_DOMAIN_ID", domain);
    let ended = run(&mut command, PATIENCE).expect("the client comes to an end");
    print!("{}", ended.stdout);
    assert!(ended.status.success(), "{name}: {}{}", ended.stdout, ended.stderr);
    ended
}

/// Ctrl-C, and a good end.
fn ends_well(mut node: Running) {
    node.interrupt();
    let status = node.ends();
    assert!(status.success(), "{status}");
}

#[test]
fn sim_takes_goals_cancels_stops_and_does_one() {
    let (_alone, domain) = (alone(), domain());
    let node = node("sim.launch.xml", &[TASK, SEED, "instruction_wait:=true"], &domain);
    let steps = ["cancel", "refuse", "two", "stop", "do"].map(|step| match step {
        "refuse" => "refuse=".to_string(),
        step => format!("{step}={SAY}"),
    });
    let steps: Vec<&str> = ["--frames", CAMERAS].into_iter().chain(steps.iter().map(String::as_str)).collect();
    let seen = client("execute_tasks.py", &steps, &domain);
    assert!(seen.stdout.contains("the simulator's judge has seen the goal met"), "{}", seen.stdout);
    ends_well(node);
}

#[test]
fn sim_is_configured_activated_stopped_reset_and_shut_down() {
    let (_alone, domain) = (alone(), domain());
    let node = node("sim.launch.xml", &["task:=stack_blocks", "policy:=expert", "autostart:=false"], &domain);
    let arguments = ["--expect-inactive", "--stop", "--cameras", CAMERAS, "--flood", "0"];
    client("look_after_the_node.py", &arguments, &domain);
    ends_well(node);
}

/// A robot on ROS 2 for `arm.launch.xml`, whose file about the arm is that of the rehearsal.
fn plant(domain: &str) -> Running {
    let plant = Running::start(&["ros", "plant", "--task", "push_buttons", "--seed", "1000007"], domain);
    plant.wait_for("ros ");
    plant
}

const REHEARSAL: [&str; 2] = ["arm:=ros2_control", "config:=sim/rehearsal.yaml"];

#[test]
fn arm_takes_goals_cancels_them_and_stops() {
    let (_alone, domain) = (alone(), domain());
    let _plant = plant(&domain);
    let node = node("arm.launch.xml", &[&REHEARSAL[..], &["autostart:=true"]].concat(), &domain);
    // Nobody judges here: a goal ends by its client's wish, by a stop or by another instruction.
    let steps = ["cancel", "two", "replace", "stop"].map(|step| format!("{step}={SAY}"));
    client("execute_tasks.py", &steps.each_ref().map(String::as_str), &domain);
    ends_well(node);
}

#[test]
fn arm_is_configured_activated_stopped_reset_and_shut_down() {
    let (_alone, domain) = (alone(), domain());
    let _plant = plant(&domain);
    let node = node("arm.launch.xml", &REHEARSAL, &domain);
    let drivers = CAMERAS.split(',').map(|camera| format!("camera {camera}"));
    let drivers =
        ["ros2_control", "cameras"].map(String::from).into_iter().chain(drivers).collect::<Vec<_>>().join(",");
    let arguments = ["--expect-inactive", "--stop", "--cameras", CAMERAS, "--flood", "0", "--say", SAY];
    let others = ["--states-of-others", "--drivers", &drivers];
    client("look_after_the_node.py", &[&arguments[..], &others].concat(), &domain);
    ends_well(node);
}

#[test]
fn view_shows_an_episode_as_it_happens_and_replay_shows_it_again() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a folder");
    let out = format!("out:={}", dir.path().display());
    let recording = dir.path().join("episode.mcap");
    // A screen, as far as the program can tell; the viewer that it finds has none.
    let shown = |file: &str, arguments: &[&str]| {
        let mut command = launch(file, arguments);
        let ended = run(command.env("DISPLAY", ":no-screen").env_remove("WAYLAND_DISPLAY"), PATIENCE);
        let ended = ended.expect("it ends");
        print!("$ {}", ended.stdout.replace(&binary().display().to_string(), "neuraxis"));
        assert!(ended.status.success(), "{file}: {}{}", ended.stdout, ended.stderr);
    };
    let mut viewer = Viewer::start();
    shown("view.launch.xml", &[TASK, SEED, &out]);
    println!("the viewer shows {:.2} s", viewer.shows(2.0));
    drop(viewer);

    let mut info = Command::new(binary());
    let info = run(info.args(["rec", "info", "--json"]).arg(&recording), PATIENCE).expect("rec info ends");
    let info: serde_json::Value = serde_json::from_str(&info.stdout).expect("JSON");
    let secs = info["duration_secs"].as_f64().expect("a duration");
    let mut viewer = Viewer::start();
    shown("replay.launch.xml", &[&format!("file:={}", recording.display())]);
    println!("the viewer shows {:.2} s of {secs:.2} s again", viewer.shows(secs - 0.1));
}
