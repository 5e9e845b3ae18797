//! Every launch file is understood, and starts the command that the program has.

mod peers;

use std::process::Command;

use peers::{Process, example, file};

/// What the file's process was started as, with its arguments given.
fn started(launch_file: &str, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut launch = Command::new("python3");
    launch.arg(file("tests/ros/start_launch_file.py")).arg(file("launch").join(launch_file));
    launch.arg(format!("neuraxis:={program}")).args(arguments);
    Process::start("launch file", &mut launch).finish()
}

fn shipped() -> Vec<String> {
    let files = std::fs::read_dir(file("launch")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn there_is_one_for_each_scenario() {
    let expected =
        ["README.md", "arm.launch.xml", "params.yaml", "replay.launch.xml", "sim.launch.xml", "view.launch.xml"];
    assert_eq!(shipped(), expected);
}

#[test]
fn each_starts_the_program_with_its_arguments() {
    let launch = file("launch").display().to_string();
    let folder = std::fs::canonicalize(&launch).unwrap();
    for (launch_file, given, command) in [
        (
            "arm.launch.xml",
            vec!["namespace:=/left", "policy:=brain", "arm:=ros2_control"],
            "--robot fr3 ros arm --driver ros2_control --config LAUNCH/../configs/fr3/arm.yaml --policy brain \
             --shadow=false --ros-args -r __ns:=/left --params-file LAUNCH/params.yaml -p autostart:=false",
        ),
        ("replay.launch.xml", vec!["file:=a b.mcap"], "replay a b.mcap"),
        (
            "sim.launch.xml",
            vec!["task:=stack_blocks", "robot:=ur5e"],
            "--robot ur5e ros sim --task stack_blocks --seed 1000007 --policy weights --wait=false --ros-args -r __ns:=/ \
             --params-file LAUNCH/params.yaml -p autostart:=true",
        ),
        (
            "view.launch.xml",
            vec!["out:=/tmp/o"],
            "--robot fr3 demo --live --task push_buttons --seed 1000007 --policy weights --out /tmp/o",
        ),
    ] {
        let (code, told) = started(launch_file, "/bin/echo", &given);
        assert_eq!(code, Some(0), "{launch_file}: {told}");
        let place = |folder: &str| command.replace("LAUNCH", folder);
        let line = told.lines().nth(1).unwrap_or_default();
        assert!([place(&launch), place(&folder.display().to_string())].contains(&line.to_string()), "{told}");
    }
}

#[test]
fn an_argument_that_is_not_there_or_lacks_a_value_is_named() {
    let (code, told) = started("replay.launch.xml", "/bin/echo", &[]);
    assert!(code != Some(0) && told.contains("argument file has no default"), "{told}");
    let (code, told) = started("sim.launch.xml", "/bin/echo", &["tusk:=stack_blocks"]);
    assert!(code != Some(0) && told.contains("no argument tusk"), "{told}");
}

/// The program itself, on its way to work: it stops at a name that does not exist, not at its command line.
#[test]
fn the_program_knows_the_commands_of_the_files() {
    let program = example("").parent().unwrap().join("neuraxis");
    assert!(program.exists(), "{} is not built: ./neuraxis build", program.display());
    let program = program.display().to_string();
    for (launch_file, given, complaint) in [
        ("arm.launch.xml", "config:=/no/such.yaml", "/no/such.yaml"),
        ("sim.launch.xml", "task:=paint_the_fence", "paint_the_fence"),
        ("view.launch.xml", "task:=paint_the_fence", "paint_the_fence"),
        ("replay.launch.xml", "file:=/no/such.mcap", "/no/such.mcap"),
    ] {
        let (code, told) = started(launch_file, &program, &[given]);
        // 2 is what the parser of the command line ends with.
        assert_eq!(code, Some(1), "{launch_file}: {told}");
        assert!(told.lines().skip(1).any(|line| line.contains(complaint)), "{launch_file}: {told}");
    }
}
