//! Over the wire: the node in one process, rclpy in another, real DDS between them.

mod peers;

use std::process::Command;

use peers::{Process, domain, example, file, python};

fn observe(arguments: &[&str], domain: &str) -> Process {
    let mut command = python();
    command.arg(file("tests/ros/observe_and_stop.py")).args(arguments).env("ROS_DOMAIN_ID", domain);
    Process::start("observe_and_stop.py", &mut command)
}

#[test]
fn another_process_sees_the_arm_move_instructs_it_and_stops_it() {
    // Started by the launch file of the simulation, with another program in the place of `neuraxis`: what the file says
    // to ROS 2 must be understood.
    let fake_loop = format!("neuraxis:={}", example("fake_loop").display());
    let mut launch = Command::new("python3");
    launch.arg(file("tests/ros/start_launch_file.py")).arg(file("launch/sim.launch.xml"));
    launch.args([&fake_loop, "instruction_wait:=true"]).env("ROS_DOMAIN_ID", domain(0));
    let node = Process::start("launch file", &mut launch);
    let (code, seen) = observe(&["--instruction", "push the blue button", "--timeout", "90"], &domain(0)).finish();
    let (node_code, told) = node.finish();
    let both = format!("--- observer\n{seen}\n--- node\n{told}");
    assert_eq!(code, Some(0), "{both}");
    assert_eq!(node_code, Some(0), "{both}");
    let command =
        " --robot fr3 ros sim --task push_buttons --seed 1000007 --policy weights --wait=true --ros-args -r __ns:=/ ";
    assert!(told.contains(command), "{both}");
    assert!(seen.contains("joints: fr3_joint1, fr3_joint2, fr3_finger_joint1"), "{both}");
    assert!(told.contains("instruction: push the blue button"), "{both}");
    assert!(told.contains("stops: 1,") && told.contains("instructions: 1,") && told.contains("failed: 0,"), "{both}");
}

/// The whole program: simulator, loop, cameras and policy threads, with the expert so that no weights are needed.
#[test]
fn the_simulated_arm_waits_for_an_instruction_moves_and_is_stopped() {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(["ros", "sim", "--policy", "expert", "--task", "stack_blocks", "--wait"]);
    command.env("ROS_DOMAIN_ID", domain(1));
    let mut program = Process::start("neuraxis ros sim", &mut command);
    let cameras = "front,left_shoulder,right_shoulder,wrist";
    let arguments = ["--instruct-first", "--cameras", cameras, "--timeout", "100"];
    let (code, seen) = observe(&arguments, &domain(1)).finish();
    program.interrupt();
    let (program_code, told) = program.finish();
    let both = format!("--- observer\n{seen}\n--- program\n{told}");
    assert_eq!(code, Some(0), "{both}");
    assert_eq!(program_code, Some(0), "{both}");
    assert!(told.contains("stops: 1,") && told.contains("instructions: 1,"), "{both}");
}

/// The brain hears a sentence, says what it plans and does, and is told another one before it is done.
#[test]
fn the_brain_does_what_it_hears_and_says_so() {
    let binary = example("").parent().unwrap().join("neuraxis");
    let mut command = Command::new(binary);
    command.args(["ros", "sim", "--policy", "brain", "--task", "stow_block", "--seed", "1000007", "--wait"]);
    command.env("ROS_DOMAIN_ID", domain(2));
    let mut program = Process::start("neuraxis ros sim", &mut command);
    let mut listen = python();
    listen.arg(file("tests/ros/tell_the_brain.py")).env("ROS_DOMAIN_ID", domain(2));
    listen.args(["open the top drawer", "put the purple block in the middle drawer and close it"]);
    let (code, heard) = Process::start("tell_the_brain.py", &mut listen).finish();
    program.interrupt();
    let (program_code, told) = program.finish();
    let both = format!("--- listener\n{heard}\n--- program\n{told}");
    assert_eq!(code, Some(0), "{both}");
    assert_eq!(program_code, Some(0), "{both}");
    assert!(heard.contains("plan by symbolic") && told.contains("instructions: 2,"), "{both}");
}

#[test]
fn without_an_arm_the_observer_says_what_it_missed() {
    // A domain that no node of these tests is in.
    let (code, seen) = observe(&["--timeout", "2"], "101").finish();
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("in vain for the first joint state"), "{seen}");
}

#[test]
fn a_misspelt_parameter_is_named_and_the_node_does_not_start() {
    let arguments = ["--ros-args", "-p", "joint_state_hz:=50.0"];
    let (code, told) = Process::start("fake_loop", Command::new(example("fake_loop")).args(arguments)).finish();
    assert_ne!(code, Some(0), "{told}");
    assert!(told.contains("joint_state_hz"), "{told}");
}
