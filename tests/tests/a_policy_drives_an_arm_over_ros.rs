//! The way of a real arm, rehearsed: a robot on ROS 2 (`ros plant`) in one process, `ros arm` in another, an operator in a
//! third. The policy sees the robot's cameras and moves it through ros2_control's topics.

use neuraxis_tests::{
    run,
    running::{PATIENCE, Running, domain, script},
};

fn operator(arguments: &[&str], domain: &str) -> neuraxis_tests::Finished {
    let mut command = script("activate.py");
    command.args(arguments).env("ROS_DOMAIN_ID", domain);
    run(&mut command, PATIENCE).expect("the operator comes to an end")
}

#[test]
fn it_holds_until_it_is_activated_and_then_the_goal_is_met() {
    let domain = domain();
    let plant = Running::start(&["ros", "plant", "--task", "push_buttons", "--seed", "1000007"], &domain);
    plant.wait_for("ros ");
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().to_str().expect("a path");
    let say = "hit the button that is green";
    let arm = ["ros", "arm", "--config", "sim/rehearsal.yaml", "--say", say, "--out", out];
    let arm = Running::start(&arm, &domain);
    arm.wait_for("ros ");
    let activated = operator(&["--hold", "6"], &domain);
    assert!(activated.status.success(), "{}{}", activated.stdout, activated.stderr);
    plant.wait_for("success");
    arm.interrupt();
    let told = arm.wait_for("recorded");
    let cameras = told.iter().find(|line| line.starts_with("ros_cameras")).expect("a line about the cameras");
    assert!(["front", "left_shoulder", "right_shoulder", "wrist"].iter().all(|c| cameras.contains(c)), "{cameras}");
    assert!(std::fs::metadata(dir.path().join("episode.mcap")).expect("a recording").len() > 100_000);
}
