//! Lifecycle, parameters, diagnostics, description and markers over the wire, as an operator's tools use them.

mod peers;

use std::process::Command;

use peers::{Process, domain, example, file, python};

fn look_after(arguments: &[&str], domain: &str) -> (Option<i32>, String) {
    let mut command = python();
    command.arg(file("tests/ros/look_after_the_node.py")).args(arguments).env("ROS_DOMAIN_ID", domain);
    Process::start("look_after_the_node.py", &mut command).finish()
}

/// Every transition, allowed and not; every parameter; a thousand requests at once.
#[test]
fn sr20_sr24_a_node_that_waits_is_configured_activated_flooded_and_shut_down() {
    let mut command = Command::new(example("fake_loop"));
    command.args(["--ros-args", "-p", "autostart:=false"]).env("ROS_DOMAIN_ID", domain(3));
    let node = Process::start("fake_loop", &mut command);
    let (code, seen) = look_after(&["--fake", "--expect-inactive"], &domain(3));
    let (node_code, told) = node.finish();
    let both = format!("--- keeper\n{seen}\n--- node\n{told}");
    assert_eq!(code, Some(0), "{both}");
    assert_eq!(node_code, Some(0), "{both}");
    // It was told to hold before anything else, and never heard what was said while it held.
    assert!(told.starts_with("holds\nholds\nmoves\n"), "{both}");
    assert!(!told.contains("instruction:") && told.contains("instructions_refused: 1,"), "{both}");
    assert!(told.trim_end().contains("failed: 0,"), "{both}");
}

/// The parameters of a file are the node's configuration, the command line wins over it, and a mistake is named.
#[test]
fn a_file_of_parameters_is_the_configuration() {
    let folder = std::env::temp_dir().join(format!("neuraxis-params-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |text: &str| {
        let path = folder.join("params.yaml");
        std::fs::write(&path, format!("/**:\n  ros__parameters:\n{text}")).unwrap();
        path.display().to_string()
    };
    let params = write("    joint_states_hz: 33\n    autostart: true\n");
    let mut command = Command::new(example("fake_loop"));
    command.args(["--ros-args", "--params-file", &params, "-p", "autostart:=false"]).env("ROS_DOMAIN_ID", domain(4));
    let node = Process::start("fake_loop", &mut command);
    let arguments = ["--fake", "--expect-inactive", "--flood", "0", "--joint-states-hz", "33"];
    let (code, seen) = look_after(&arguments, &domain(4));
    let (_, told) = node.finish();
    assert_eq!(code, Some(0), "--- keeper\n{seen}\n--- node\n{told}");

    for (text, parts) in [
        ("    joint_states_hz: 5000.0\n", ["joint_states_hz", "5000", "1 to 1000"]),
        ("    joint_states: 50.0\n", ["joint_states", "joint_states_hz", "world_frame"]),
        ("    autostart: 1\n", ["autostart", "integer", "true or false"]),
        ("    use_sim_time: true\n", ["use_sim_time", "true", "this machine's clock"]),
        ("    world_frame: \"my map\"\n", ["world_frame", "my map", "letters"]),
    ] {
        let mut command = Command::new(example("fake_loop"));
        command.args(["--ros-args", "--params-file", &write(text)]).env("ROS_DOMAIN_ID", domain(4));
        let (code, told) = Process::start("fake_loop", &mut command).finish();
        assert_ne!(code, Some(0), "{told}");
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The shipped file of parameters says what the defaults are.
#[test]
fn the_shipped_parameters_are_taken() {
    let mut command = Command::new(example("fake_loop"));
    let params = file("launch/params.yaml").display().to_string();
    command.args(["--ros-args", "--params-file", &params]).env("ROS_DOMAIN_ID", domain(5));
    let node = Process::start("fake_loop", &mut command);
    let (code, seen) = look_after(&["--fake", "--flood", "0"], &domain(5));
    let (node_code, told) = node.finish();
    assert_eq!((code, node_code), (Some(0), Some(0)), "--- keeper\n{seen}\n--- node\n{told}");
}

/// The whole program: the loop takes no segments until the node is active, and the numbers are those of its threads.
#[test]
fn sr20_the_simulated_arm_holds_until_it_is_activated_and_its_loop_is_diagnosed() {
    let binary = example("").parent().unwrap().join("neuraxis");
    assert!(binary.exists(), "{} is not built: ./neuraxis build", binary.display());
    let mut command = Command::new(binary);
    command.args(["ros", "sim", "--policy", "expert", "--task", "stack_blocks"]);
    command.args(["--ros-args", "-p", "autostart:=false"]).env("ROS_DOMAIN_ID", domain(6));
    let mut program = Process::start("neuraxis ros sim", &mut command);
    let cameras = "front,left_shoulder,right_shoulder,wrist";
    let arguments = ["--expect-inactive", "--cameras", cameras, "--flood", "0", "--timeout", "110"];
    let (code, seen) = look_after(&arguments, &domain(6));
    program.interrupt();
    let (program_code, told) = program.finish();
    let both = format!("--- keeper\n{seen}\n--- program\n{told}");
    assert_eq!((code, program_code), (Some(0), Some(0)), "{both}");
}
