//! The action over the wire: rclpy gives tasks as goals, sees how they go, cancels them, and finds the cameras' frames.

mod peers;

use std::process::Command;

use peers::{Process, domain, example, file, python};

fn execute_tasks(arguments: &[&str], domain: &str) -> Process {
    let mut command = python();
    command.arg(file("tests/ros/execute_tasks.py")).args(arguments).env("ROS_DOMAIN_ID", domain);
    Process::start("execute_tasks.py", &mut command)
}

/// The whole program with a simulated arm that waits for goals.
fn simulated(arguments: &[&str], domain: &str) -> Process {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(["ros", "sim", "--wait"]).args(arguments).env("ROS_DOMAIN_ID", domain);
    Process::start("neuraxis ros sim", &mut command)
}

/// Carries the client's steps out to the end and then ends the program, both well; what both wrote.
fn carried_out(steps: &[&str], mut program: Process, domain: &str) -> String {
    let (code, seen) = execute_tasks(steps, domain).finish();
    program.interrupt();
    let (program_code, told) = program.finish();
    let both = format!("--- client\n{seen}\n--- program\n{told}");
    assert_eq!((code, program_code), (Some(0), Some(0)), "{both}");
    assert!(seen.contains("OK: all goals went as they should"), "{both}");
    seen
}

#[test]
fn goals_succeed_fail_are_cancelled_refused_replaced_and_stopped() {
    let domain = domain(10);
    let mut command = Command::new(example("fake_loop"));
    command.env("ROS_DOMAIN_ID", &domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
    let node = Process::start("fake_loop", &mut command);
    let long = "and so on and on and on and on and on and on and on and on and on and on";
    let too_long = "a".repeat(257);
    let steps: Vec<String> = [
        ("do", "push it now"),
        ("fail", "fail at this"),
        ("fail", "work in silence and do not end before anybody else does so"),
        ("cancel", long),
        ("refuse", ""),
        ("refuse", &too_long),
        ("refuse", "push\nit"),
        ("two", long),
        ("replace", long),
        ("stop", long),
        ("do", "push it again"),
    ]
    .map(|(step, text)| format!("{step}={text}"))
    .to_vec();
    let arguments: Vec<&str> = ["--frames", "front"].into_iter().chain(steps.iter().map(String::as_str)).collect();
    let (code, seen) = execute_tasks(&arguments, &domain).finish();
    let (node_code, told) = node.finish();
    let both = format!("--- client\n{seen}\n--- node\n{told}");
    assert_eq!(code, Some(0), "{both}");
    assert_eq!(node_code, Some(0), "{both}");
    let counts = [
        "goals: 8,",
        "goals_refused: 4,",
        "goals_succeeded: 2,",
        "goals_canceled: 2,",
        "goals_aborted: 4,",
        "failed: 0,",
    ];
    for count in counts {
        assert!(told.contains(count), "{count}: {both}");
    }
    assert!(seen.contains("frame world -> fr3_link0: (-0.300, 0.000, 0.750)"), "{both}");
    assert!(seen.contains("frame world -> front_optical_frame: (0.200, 0.000, 1.600)"), "{both}");
    assert!(told.contains("refused: it has 257 characters, at most 256 are taken"), "{both}");
    assert!(seen.contains("nothing was heard of it for 5 s"), "{both}");
    assert!(told.contains("another goal runs; cancel it first"), "{both}");
}

#[test]
fn a_node_that_ends_says_so_to_who_waits_for_a_goal() {
    let domain = domain(11);
    let mut command = Command::new(example("fake_loop"));
    command.env("ROS_DOMAIN_ID", &domain).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
    let node = Process::start("fake_loop", &mut command);
    let mut client = execute_tasks(&["--timeout", "60", "fail=and so on and on and on and on and on and on"], &domain);
    let before = client.read_until("taken: ");
    let (node_code, told) = node.finish();
    let (code, seen) = client.finish();
    let both = format!("--- client\n{before}{seen}\n--- node\n{told}");
    assert_eq!((code, node_code), (Some(0), Some(0)), "{both}");
    assert!(seen.contains("the program ends") && told.contains("goals_aborted: 1,"), "{both}");
}

/// The expert needs no weights: the simulator's judge says when a goal is met.
#[test]
fn the_simulated_arm_does_a_goal_and_holds_still_when_it_is_cancelled() {
    let domain = domain(12);
    let mut program = simulated(&["--policy", "expert", "--task", "push_buttons", "--seed", "1"], &domain);
    let line = program.read_until("task        push_buttons");
    let sentence = line.split_once("seed 1: ").expect("a sentence").1.trim_end();
    let steps = ["cancel", "refuse", "two", "stop", "do"].map(|step| {
        let text = if step == "refuse" { "" } else { sentence };
        format!("{step}={text}")
    });
    let cameras = ["--frames", "front,left_shoulder,right_shoulder,wrist"];
    let arguments: Vec<&str> = cameras.into_iter().chain(steps.iter().map(String::as_str)).collect();
    let seen = carried_out(&arguments, program, &domain);
    assert!(seen.contains("the simulator's judge has seen the goal met"), "{seen}");
    assert!(seen.contains("the arm was stopped and holds until a reset"), "{seen}");
}

/// The brain: it knows itself when it is done. A goal is cancelled while it works, and another one carried out.
#[test]
fn the_brain_does_a_goal_after_one_that_was_cancelled() {
    let domain = domain(13);
    let program = simulated(&["--policy", "brain", "--task", "stow_block", "--seed", "1000007"], &domain);
    let steps = ["cancel=open the middle drawer", "fail=put the dragon into the castle", "do=open the top drawer"];
    let seen = carried_out(&steps, program, &domain);
    assert!(seen.contains("the plan ended well"), "{seen}");
}

/// Whoever cancels while the hand closes: the arm stays, and the hand does not let go of what it has.
#[test]
fn a_goal_that_is_cancelled_in_the_middle_of_a_grasp_leaves_the_arm_still_and_the_hand_closed() {
    let domain = domain(14);
    let mut program = simulated(&["--policy", "brain", "--task", "tower_of_three", "--seed", "1000007"], &domain);
    let line = program.read_until("task        tower_of_three");
    let sentence = line.split_once("seed 1000007: ").expect("a sentence").1.trim_end();
    let seen = carried_out(&[&format!("grasp={sentence}")], program, &domain);
    assert!(seen.contains("cancelled with the fingers"), "{seen}");
}
