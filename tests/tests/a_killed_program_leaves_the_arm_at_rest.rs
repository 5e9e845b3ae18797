//! The program that drives an arm is killed (SIGKILL) in the middle of a motion, on each interface of ros2_control: the arm comes
//! to rest by itself, within its limits and short of where it was sent.

use neuraxis_tests::{
    plant::{plant, witness, write_arm},
    running::{Running, domain},
};

/// How far the arm is sent [rad].
const BY_RAD: f64 = 0.5;

/// configs/fr3/robot.yaml [rad/s2].
const ACCELERATION: &str = "10";

/// Interface, the keys that go with it, share of the speed, and how fast a joint is when the program is killed [rad/s]. A position
/// is held from one message to the next, and how hard the arm stops then is its drives' affair: those of the plant limit nothing
/// (from 0.6 rad/s they stop with 25 rad/s2), so there it is the speed of the first hour.
const CASES: [(&str, &str, &str, &str); 3] = [
    ("forward_position", "", "0.2", "0.1"),
    ("forward_velocity", "", "0.6", "0.5"),
    ("joint_trajectory", "", "0.6", "0.5"),
];

#[test]
fn on_each_interface_the_arm_comes_to_rest_within_its_limits() {
    let (domain, dir) = (domain(), tempfile::tempdir().expect("a folder"));
    for (interface, keys, speed, moving) in CASES {
        let file = dir.path().join(format!("{interface}.yaml"));
        write_arm(&file, &format!("state_timeout_secs: 0.5, interface: {interface}, {keys}"), "kind: none");
        let (_plant, _) = plant("push_buttons", None, &domain);
        let mut witness = Running::of(
            &mut witness(&["--trouble", "told", "--moving", moving, "--acceleration", ACCELERATION]),
            &domain,
        );
        let (file, by) = (file.to_str().expect("a path"), BY_RAD.to_string());
        let jog = ["arm", "--config", file, "--yes", "--speed", speed, "jog", "--joint", "1", "--by", &by];
        let mut driver = Running::start(&jog, &domain);
        witness.wait_for("moving");
        driver.kill();
        witness.tell("killed");
        let told = witness.wait_for("OK");
        println!("{interface}: {told:#?}");
        let rests = told.iter().find_map(|line| line.strip_prefix("rests ")?.split(' ').next()?.parse::<f64>().ok());
        assert!(rests.is_some_and(|rad| rad > 0.0 && rad < BY_RAD - 0.05), "{interface}: {told:#?}");
    }
}
