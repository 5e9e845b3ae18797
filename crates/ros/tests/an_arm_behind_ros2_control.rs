//! Over the wire: brainstem, arm and node in one process (example `drive_arm`), a robot in another (example
//! `fake_controller`, or the simulator of `neuraxis ros plant`) that behaves or misbehaves, real DDS between them.

mod peers;

use std::{path::Path, process::Command};

use peers::{Process, example, file, python};

/// The tests of the other files have the first.
fn domain(test: u32) -> String {
    peers::domain(10 + test)
}

fn start(name: &'static str, command: &mut Command, test: u32) -> Process {
    Process::start(name, command.env("ROS_DOMAIN_ID", domain(test)))
}

/// A robot that misbehaves so, and the arm driven beside it: how that ended, in the driver's words and the robot's.
fn drive(test: u32, misbehaviour: &[&str], arguments: &[&str]) -> (String, String) {
    let robot = start("robot", Command::new(example("fake_controller")).args(misbehaviour), test);
    let driver = start("driver", Command::new(example("drive_arm")).args(arguments), test);
    let (code, told) = driver.finish();
    let (robot_code, said) = robot.finish();
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
fn sr25_a_robot_that_falls_silent_is_stopped() {
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
fn sr25_a_robot_that_is_always_late_is_never_driven() {
    let (told, both) = drive(10, &["late"], &["timeout=0.1"]);
    // The loop never heard of the arm, and so nobody of a body.
    assert!(told.contains("mode: None") && told.contains("fault: Some(StateMalformed)"), "{both}");
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
fn a_gripper_behind_an_action_is_given_its_goal_once() {
    let (told, both) = drive(17, &[], &["gripper=action", "swings=1"]);
    assert!(told.contains("fault: None") && told.contains("fingers: well"), "{both}");
    // The width that it was told; the one at which the loop found it is no goal, and the same wish no second one.
    let goals = number(&told, "gripper_commands");
    assert_eq!((goals, number(&told, "gripper_troubles")), (1.0, 0.0), "{both}");
    assert_eq!(number(&both, "gripper"), goals, "{both}");
}

#[test]
fn a_gripper_behind_a_topic_of_numbers_goes_where_it_is_told() {
    for (i, kind) in ["float64", "float64_array"].into_iter().enumerate() {
        let (told, both) = drive(31 + i as u32, &[], &[&format!("gripper={kind}"), "swings=1"]);
        assert!(told.contains("fault: None"), "{kind}\n{both}");
        assert!(number(&told, "gripper_commands") > 0.0 && number(&both, "gripper") > 0.0, "{kind}\n{both}");
        // Where the loop's segments want it, by the word of the finger's joint.
        assert_eq!(number(&told, "fingers_m"), 0.05, "{kind}\n{both}");
    }
}

#[test]
fn a_controller_that_takes_the_joints_in_another_order_is_refused() {
    let joints = (1..=7).map(|i| format!("fr3_joint{i}")).collect::<Vec<_>>();
    let beside = |joints: &[String], test: u32| {
        let robot = start("robot", &mut Command::new(example("fake_controller")), test);
        let mut controller = python();
        controller.arg(file("tests/ros/be_a_controller.py")).arg("forward_position_controller").args(joints);
        let mut controller = start("controller", &mut controller, test);
        controller.read_until("says");
        let (code, told) = start("driver", Command::new(example("drive_arm")).arg("swings=1"), test).finish();
        drop(controller);
        robot.finish();
        (code, told)
    };
    let mut others = joints.clone();
    others.swap(1, 4);
    let (code, told) = beside(&others, 33);
    assert!(code != Some(0) && told.contains("joint_names"), "{told}");
    let order = "/forward_position_controller's own parameter joints: fr3_joint1, fr3_joint5, fr3_joint3";
    assert!(told.contains(order), "{told}");
    let (code, told) = beside(&joints, 34);
    assert!(code == Some(0) && told.contains("fault: None") && number(&told, "moved_rad") > 0.5, "{told}");
}

/// Whoever starts the robot and this program together: the gripper's action is found later than the first wish.
#[test]
fn a_goal_waits_for_a_gripper_that_is_late() {
    let (told, both) = drive(25, &["gripper_late"], &["gripper=action", "swings=1"]);
    assert!(told.contains("fault: None") && told.contains("fingers: well"), "{both}");
    let goals = number(&told, "gripper_commands");
    assert_eq!((goals, number(&told, "gripper_troubles")), (1.0, 0.0), "{both}");
    assert_eq!(number(&both, "gripper"), goals, "{both}");
}

/// The gripper does not do what it is told, in each of its ways: the arm stops, and why is said.
#[test]
fn a_gripper_that_refuses_gives_up_hangs_is_deaf_or_is_not_there_stops_the_arm() {
    for (i, (misbehaviour, reason)) in [
        ("gripper_refuse", "the gripper refuses the goal of 0.0"),
        ("gripper_abort", "the gripper gave up the goal of 0.0"),
        ("gripper_hang", "did not end within 1.0 s and was cancelled"),
        ("gripper_deaf", "does not answer: 2.0 s without a word"),
        ("gripper_absent", "nobody serves the gripper's action: looked for 5.0 s"),
    ]
    .into_iter()
    .enumerate()
    {
        let (told, both) = drive(26 + i as u32, &[misbehaviour], &["gripper=action"]);
        assert!(
            told.contains("fault: Some(WriteFailed)") && told.contains("mode: Some(Latched)"),
            "{misbehaviour}\n{both}"
        );
        assert!(told.contains(reason), "{misbehaviour}\n{both}");
        assert_eq!(number(&both, "told_urad_s"), 0.0, "the arm was not told to stand: {misbehaviour}\n{both}");
    }
}

#[test]
fn sr18_a_second_loop_refuses_to_command_the_same_arm() {
    let robot = start("robot", &mut Command::new(example("fake_controller")), 12);
    let mut first = Command::new(example("drive_arm"));
    let first = start("first", first.arg("swings=1000"), 12);
    // Until the first has said something, the second could come before it.
    let mut spy = python();
    spy.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ros/command_too.py")).arg("--only-watch");
    let (code, seen) = start("spy", &mut spy, 12).finish();
    assert_eq!(code, Some(0), "{seen}");
    let (code, told) = start("second", Command::new(example("drive_arm")).arg("swings=1"), 12).finish();
    assert_ne!(code, Some(0), "{told}");
    let topic = "/forward_position_controller/commands";
    assert!(told.contains(topic) && told.contains("/neuraxis_control"), "{told}");
    drop(first);
    robot.finish();
}

#[test]
fn sr18_somebody_else_who_commands_the_arm_stops_it() {
    let robot = start("robot", &mut Command::new(example("fake_controller")), 13);
    let mut driver = Command::new(example("drive_arm"));
    let driver = start("driver", driver.arg("swings=1000"), 13);
    let mut rival = python();
    rival.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ros/command_too.py"));
    let rival = start("rival", &mut rival, 13);
    let (code, told) = driver.finish();
    let (_, seen) = rival.finish();
    let (_, said) = robot.finish();
    let both = format!("--- driver\n{told}\n--- rival\n{seen}\n--- robot\n{said}");
    assert_eq!(code, Some(0), "{both}");
    assert!(told.contains("fault: Some(WriteFailed)") && told.contains("mode: Some(Latched)"), "{both}");
    assert!(told.contains("has another publisher: "), "{both}");
}

#[test]
fn sr25_cameras_that_freeze_are_left_out_and_the_arm_goes_on_without() {
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

#[test]
fn cameras_are_where_tf_says_and_one_that_moves_or_is_no_longer_told_of_is_left_out() {
    let (told, both) = drive(22, &[], &["cameras=tf", "swings=1"]);
    assert!(number(&told, "sets of two") > 5.0 && told.contains("fault: None"), "{both}");
    for (i, (misbehaviour, reason)) in [
        ("cameras_move@1.5", "has moved in \"world\" by 0.0200 m and 0.0000 rad"),
        ("tf_silent@1.5", "s old, allowed is 1 s"),
    ]
    .into_iter()
    .enumerate()
    {
        let (told, both) = drive(23 + i as u32, &[misbehaviour], &["cameras=tf"]);
        assert!(number(&told, "sets of two") > 5.0, "{misbehaviour}\n{both}");
        assert!(
            told.contains(reason) && told.contains("is left out until it is heard again"),
            "{misbehaviour}\n{both}"
        );
        assert!(told.contains("fault: None"), "{misbehaviour}\n{both}");
    }
}

/// The simulator itself: it falls silent in motion, the loop fails to read it and stops.
#[test]
fn the_simulated_robot_is_driven_and_falls_silent() {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(["ros", "plant", "--task", "push_buttons", "--seed", "1", "--misbehave", "silent@4"]);
    let mut plant = start("neuraxis ros plant", &mut command, 16);
    plant.read_until("plant is up");
    let driver = start("driver", Command::new(example("drive_arm")).arg("cameras"), 16);
    let (code, told) = driver.finish();
    plant.interrupt();
    let (plant_code, said) = plant.finish();
    let both = format!("--- driver\n{told}\n--- plant\n{said}");
    assert_eq!((code, plant_code), (Some(0), Some(0)), "{both}");
    assert!(told.contains("fault: Some(ReadFailed)") && told.contains("mode: Some(Latched)"), "{both}");
    assert!(number(&told, "moved_rad") > 0.1 && number(&told, "farthest_off_rad") < 0.2, "{both}");
    assert!(number(&told, "sets of two") > 0.0, "{both}");
    assert_eq!(number(&both, "told_urad_s"), 0.0, "{both}");
}
