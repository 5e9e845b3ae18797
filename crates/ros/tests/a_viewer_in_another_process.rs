//! The viewer's node in one process, a robot in another: what the robot publishes is shown, and kept in a file: joints and
//! cameras, what its policy looks at, where it goes, how everything is.

mod peers;

use std::{process::Command, time::Duration};

use peers::{Process, domain, example, file, python};

#[test]
fn it_shows_all_of_a_robot_that_it_only_listens_to() {
    let domain = domain(32);
    let start = |arguments: &[&str]| {
        let mut command = Command::new(example("").parent().unwrap().join("neuraxis"));
        command.args(arguments).env("ROS_DOMAIN_ID", &domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
        // Without a screen, wherever this runs.
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        Process::start("neuraxis", &mut command)
    };
    let shown = std::env::temp_dir().join(format!("neuraxis-viewer-{}.rrd", std::process::id()));
    let mut viewer = start(&["ros", "viz", "--rrd", shown.to_str().unwrap()]);
    viewer.read_until("ros         viewer is up");
    let mut robot = start(&["ros", "sim", "--task", "push_buttons", "--wait"]);
    let said = robot.read_until("ros         node is up");
    let task = said.lines().find(|line| line.starts_with("task ")).and_then(|line| line.split(": ").nth(1));
    let say = format!("say {}", task.expect("the scene's sentence"));
    let mut script = python();
    script.arg(file("tests/ros/look_after_the_link.py"));
    script.env("ROS_DOMAIN_ID", &domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
    let mut operator = Process::start("look_after_the_link.py", &mut script);
    for line in [&say, "moves"] {
        operator.tell(line);
        operator.read_until(&format!("ok {line}"));
    }
    // Diagnostics come once a second.
    std::thread::sleep(Duration::from_secs(4));
    viewer.interrupt();
    let (code, told) = viewer.finish();
    assert_eq!(code, Some(0), "{told}");
    let count = |after: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(after)).unwrap_or_default();
        line.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse::<u64>().ok())
    };
    assert!(count("ros_cameras ").is_some_and(|sets| sets > 0), "{told}");
    assert!(count("ros         WatchStats").is_some_and(|seen| seen > 10), "{told}");
    let stats = told.lines().find(|line| line.starts_with("ros         WatchStats")).unwrap();
    for kind in ["looks", "intents", "reports"] {
        let (_, after) = stats.split_once(&format!(" {kind}: ")).unwrap_or_else(|| panic!("{kind} in {stats}"));
        assert!(!after.starts_with("0,"), "no {kind}: {stats}");
    }
    let size = std::fs::metadata(&shown).unwrap().len();
    std::fs::remove_file(&shown).unwrap();
    assert!(size > 100_000, "{size} bytes; {told}");
    robot.interrupt();
    let (code, told) = robot.finish();
    assert_eq!(code, Some(0), "{told}");
}
