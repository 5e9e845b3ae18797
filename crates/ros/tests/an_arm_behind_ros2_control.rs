//! Over the wire: brainstem, arm and node in one process (example `drive_arm`), a robot in another (example
//! `fake_controller`, or the simulator of `neuraxis ros plant`) that behaves or misbehaves, real DDS between them.

mod peers;

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use peers::{example, python};

const PATIENCE: Duration = Duration::from_secs(240);

/// A child process that does not outlive the test.
struct Process {
    name: &'static str,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(name: &'static str, command: &mut Command, domain: &str) -> Self {
        command.env("ROS_DOMAIN_ID", domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}: {command:?}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { name, child, stdout }
    }

    /// Reads what it says until a line has this in it.
    fn until(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "{} ended without {part:?}", self.name);
        }
    }

    /// Ctrl-C, or an end of its standard input, whichever it listens to; then its exit code and all that it wrote since.
    fn end(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        drop(self.child.stdin.take());
        if self.name == PLANT {
            Command::new("kill").args(["-INT", &pid]).status().expect("kill");
        }
        self.finish()
    }

    /// Waits for its end by itself; its exit code and all that it wrote.
    fn finish(mut self) -> (Option<i32>, String) {
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
        self.stdout.read_to_string(&mut text).unwrap();
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

const PLANT: &str = "neuraxis ros plant";

/// The tests of the other files have the first.
fn domain(test: u32) -> String {
    peers::domain(10 + test)
}

/// A robot that misbehaves so, and the arm driven beside it: how that ended, in the driver's words and the robot's.
fn drive(test: u32, misbehaviour: &[&str], arguments: &[&str]) -> (String, String) {
    let robot = Process::start("robot", Command::new(example("fake_controller")).args(misbehaviour), &domain(test));
    let driver = Process::start("driver", Command::new(example("drive_arm")).args(arguments), &domain(test));
    let (code, told) = driver.finish();
    let (robot_code, said) = robot.end();
    let both = format!("--- driver\n{told}\n--- robot\n{said}");
    assert_eq!((code, robot_code), (Some(0), Some(0)), "{both}");
    (told, both)
}

/// A number after a name, as the driver or the robot print it.
fn number(text: &str, name: &str) -> f64 {
    let (_, rest) = text.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("no {name} in {text}"));
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || ".-".contains(*c)).collect();
    digits.parse().unwrap()
}

#[test]
fn all_three_interfaces_move_the_arm_to_where_the_loop_says() {
    for (i, interface) in ["forward_position", "forward_velocity", "joint_trajectory"].into_iter().enumerate() {
        let (told, both) = drive(i as u32, &[], &[interface, "swings=1"]);
        assert!(told.contains("fault: None") && told.contains("mode: Some(Track)"), "{interface}\n{both}");
        assert!(number(&told, "moved_rad") > 0.5, "{interface}\n{both}");
        assert!(number(&told, "heap_calls") == 0.0 && number(&told, "ticks") > 100.0, "{interface}\n{both}");
        assert!(number(&told, "farthest_off_rad") < 0.15, "{interface}\n{both}");
        let own = ["positions", "velocities", "trajectories"];
        for (j, name) in own.into_iter().enumerate() {
            assert_eq!(number(&both, name) > 50.0, i == j, "{interface}\n{both}");
        }
        assert!(number(&both, "gripper") > 0.0 && number(&told, "rivals") == 0.0, "{interface}\n{both}");
        // The last thing that the robot was told is to stand.
        assert_eq!(number(&both, "told_urad_s"), 0.0, "{interface}\n{both}");
    }
}

/// The states stop or become unbelievable in the middle of a motion.
fn stops(test: u32, misbehaviour: &str, reason: &str, counter: &str) {
    let (told, both) = drive(test, &[&format!("{misbehaviour}@1.5")], &[]);
    assert!(told.contains("fault: Some(ReadFailed)") && told.contains("mode: Some(Latched)"), "{misbehaviour}\n{both}");
    assert!(told.contains(&format!("refusal: {reason}")), "{misbehaviour}\n{both}");
    assert_eq!(number(&told, counter) > 0.0, counter != "failed", "{misbehaviour}\n{both}");
    assert!(number(&told, "moved_rad") > 0.01 && number(&told, "states") > 100.0, "{misbehaviour}\n{both}");
    assert_eq!(number(&both, "told_urad_s"), 0.0, "the arm was not told to stand: {misbehaviour}\n{both}");
}

#[test]
fn a_robot_that_falls_silent_is_stopped() {
    stops(3, "silent", "none", "failed");
}

#[test]
fn a_robot_that_freezes_is_stopped() {
    stops(4, "freeze", "the stamp stands still at", "stamp_stands_or_returns");
}

#[test]
fn a_robot_that_says_nan_is_stopped() {
    stops(5, "nan", "position of joint fr3_joint7 is not finite", "malformed");
}

#[test]
fn a_robot_with_other_names_is_stopped() {
    stops(6, "wrong_names", "joint fr3_joint1 is missing", "malformed");
}

#[test]
fn a_robot_without_one_joint_is_stopped() {
    stops(7, "missing_joint", "joint fr3_joint1 is missing", "malformed");
}

#[test]
fn a_robot_with_one_joint_twice_is_stopped() {
    stops(8, "duplicate_joint", "joint fr3_joint1 is there twice", "malformed");
}

#[test]
fn a_robot_whose_clock_jumps_is_stopped() {
    stops(9, "jump", "the stamp went back by ", "stamp_stands_or_returns");
}

#[test]
fn a_robot_that_is_always_late_is_never_driven() {
    let (told, both) = drive(10, &["late"], &["timeout=0.1"]);
    assert!(told.contains("mode: Some(Hold)") && told.contains("fault: Some(StateMalformed)"), "{both}");
    assert!(told.contains("s old, allowed is 0.1 s") && number(&told, "late") >= 200.0, "{both}");
    assert_eq!(
        (number(&told, "states"), number(&told, "commands"), number(&both, "positions")),
        (0.0, 0.0, 0.0),
        "{both}"
    );
}

#[test]
fn a_robot_that_does_not_follow_is_stopped() {
    let (told, both) = drive(11, &["ignore@1.5"], &[]);
    assert!(told.contains("fault: Some(TrackingError)") && told.contains("mode: Some(Latched)"), "{both}");
}

#[test]
fn a_second_loop_refuses_to_command_the_same_arm() {
    let robot = Process::start("robot", &mut Command::new(example("fake_controller")), &domain(12));
    let mut first = Command::new(example("drive_arm"));
    let first = Process::start("first", first.arg("swings=1000"), &domain(12));
    // Until the first has said something, the second could come before it.
    let mut spy = python();
    spy.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ros/command_too.py")).arg("--only-watch");
    let (code, seen) = Process::start("spy", &mut spy, &domain(12)).finish();
    assert_eq!(code, Some(0), "{seen}");
    let (code, told) =
        Process::start("second", Command::new(example("drive_arm")).arg("swings=1"), &domain(12)).finish();
    assert_ne!(code, Some(0), "{told}");
    let topic = "/forward_position_controller/commands";
    assert!(told.contains(topic) && told.contains("/neuraxis_control"), "{told}");
    drop(first);
    robot.end();
}

#[test]
fn somebody_else_who_commands_the_arm_stops_it() {
    let robot = Process::start("robot", &mut Command::new(example("fake_controller")), &domain(13));
    let mut driver = Command::new(example("drive_arm"));
    let driver = Process::start("driver", driver.arg("swings=1000"), &domain(13));
    let mut rival = python();
    rival.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ros/command_too.py"));
    let rival = Process::start("rival", &mut rival, &domain(13));
    let (code, told) = driver.finish();
    let (_, seen) = rival.end();
    let (_, said) = robot.end();
    let both = format!("--- driver\n{told}\n--- rival\n{seen}\n--- robot\n{said}");
    assert_eq!(code, Some(0), "{both}");
    assert!(told.contains("fault: Some(WriteFailed)") && told.contains("mode: Some(Latched)"), "{both}");
    assert!(told.contains("has another publisher: "), "{both}");
}

#[test]
fn cameras_that_freeze_are_left_out_and_the_arm_goes_on_without() {
    let (told, both) = drive(14, &["cameras_freeze@1.5"], &["cameras"]);
    assert!(number(&told, "sets of two") > 5.0, "{both}");
    assert!(told.contains("refusal: the stamp of ") && told.contains(" stands still"), "{both}");
    assert!(told.contains("is left out until it is heard again"), "{both}");
    assert!(told.contains("fault: None"), "{both}");
}

#[test]
fn cameras_whose_depth_is_of_another_moment_make_no_set() {
    let (told, both) = drive(15, &["camera_skew"], &["cameras"]);
    assert!(told.contains("camera front: 0 views") && told.contains("camera wrist: 0 views"), "{both}");
    assert!(told.contains("refusal: no depth within 0.005 s of colour") && told.contains("sets of two: 0"), "{both}");
}

/// The simulator itself: it falls silent in motion, the loop fails to read it and stops.
#[test]
fn the_simulated_robot_is_driven_and_falls_silent() {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(["ros", "plant", "--task", "push_buttons", "--seed", "1", "--misbehave", "silent@4"]);
    let mut plant = Process::start(PLANT, &mut command, &domain(16));
    plant.until("plant is up");
    let driver = Process::start("driver", Command::new(example("drive_arm")).arg("cameras"), &domain(16));
    let (code, told) = driver.finish();
    let (plant_code, said) = plant.end();
    let both = format!("--- driver\n{told}\n--- plant\n{said}");
    assert_eq!((code, plant_code), (Some(0), Some(0)), "{both}");
    assert!(told.contains("fault: Some(ReadFailed)") && told.contains("mode: Some(Latched)"), "{both}");
    assert!(number(&told, "moved_rad") > 0.1 && number(&told, "farthest_off_rad") < 0.2, "{both}");
    assert!(number(&told, "sets of two") > 0.0, "{both}");
    assert_eq!(number(&both, "told_urad_s"), 0.0, "{both}");
}
