//! The way of a real arm, rehearsed: a robot on ROS 2 (`ros plant`) in one process, `ros arm` in another, an operator in a
//! third. The policy sees the robot's cameras and moves it through ros2_control's topics; where the cameras are not those that
//! it was trained with, it moves nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use neuraxis_tests::{
    run,
    running::{PATIENCE, Running, domain, script},
    workspace,
};

/// Both have one domain, and two loops of 1 kHz disturb each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn operator(arguments: &[&str], domain: &str) -> neuraxis_tests::Finished {
    let mut command = script("activate.py");
    command.args(arguments).env("ROS_DOMAIN_ID", domain);
    run(&mut command, PATIENCE).expect("the operator comes to an end")
}

#[test]
fn it_holds_until_it_is_activated_and_then_the_goal_is_met() {
    let _alone = alone();
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
    let mut views = script("see_policy_views.py");
    let seen = run(views.env("ROS_DOMAIN_ID", &domain), PATIENCE).expect("it comes to an end");
    assert!(seen.status.success(), "{}{}", seen.stdout, seen.stderr);
    arm.interrupt();
    let told = arm.wait_for("recorded");
    let cameras = told.iter().find(|line| line.starts_with("ros_cameras")).expect("a line about the cameras");
    assert!(["front", "left_shoulder", "right_shoulder", "wrist"].iter().all(|c| cameras.contains(c)), "{cameras}");
    assert!(std::fs::metadata(dir.path().join("episode.mcap")).expect("a recording").len() > 100_000);
}

#[test]
fn weights_that_know_other_cameras_stay_in_the_shadow_although_the_node_is_activated() {
    let _alone = alone();
    let domain = domain();
    let plant = Running::start(&["ros", "plant", "--task", "push_buttons", "--seed", "1000007"], &domain);
    plant.wait_for("ros ");
    // The robot of the rehearsal, one of whose cameras nobody has named.
    let dir = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(workspace().join("sim/rehearsal.yaml")).expect("sim/rehearsal.yaml");
    let three: Vec<&str> = text.lines().filter(|line| !line.contains("name: left_shoulder")).collect();
    assert_eq!(three.len() + 1, text.lines().count(), "{text}");
    let file = dir.path().join("arm.yaml");
    std::fs::write(&file, three.join("\n")).expect("the file");
    let (config, out) = (file.to_str().expect("a path"), dir.path().join("out"));
    let say = "hit the button that is green";
    let arm = ["ros", "arm", "--config", config, "--say", say, "--out", out.to_str().expect("a path")];
    let arm = Running::start(&arm, &domain);
    let told = arm.wait_for("ros ");
    let differs = "differs     trained with cameras front, left_shoulder, right_shoulder, wrist, here are front, \
                   right_shoulder, wrist";
    let shadow = "arm         fr3 over ros2_control, in its shadow: nothing is sent to it";
    assert!([differs, shadow].iter().all(|line| told.iter().any(|said| said == line)), "{told:#?}");

    // The lifecycle is as ever, and the robot has counted what was sent to it.
    let watched = operator(&["--hold", "2", "--still-active", "8"], &domain);
    print!("{}", watched.stdout);
    assert!(watched.status.success(), "{}{}", watched.stdout, watched.stderr);
    arm.interrupt();
    arm.wait_for("recorded");
    plant.interrupt();
    let said = plant.wait_for("ros         PlantStats").pop().expect("a line");
    println!("{said}");
    for none in ["positions: 0,", "velocities: 0,", "trajectories: 0,", "gripper: 0,", "refused: 0,"] {
        assert!(said.contains(none), "{none} {said}");
    }
}
