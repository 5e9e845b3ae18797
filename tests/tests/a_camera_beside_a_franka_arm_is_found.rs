//! `neuraxis calibrate camera` over the Franka Control Interface: franky-sim visits the poses; the cameras are those of `ros
//! plant`, whose own arm goes where that one is, a red ball in its hand.

use std::{process::Command, time::Duration};

use neuraxis_tests::{
    binary,
    franky::{Franky, plant_cameras},
    run,
    running::{Running, domain},
    workspace,
};

#[test]
fn the_arm_carries_a_ball_before_the_camera_whose_place_comes_out() {
    let (domain, file) = (domain(), tempfile::NamedTempFile::with_suffix(".yaml").expect("a file"));
    let with_ball = ["ros", "plant", "--task", "push_buttons", "--seed", "1000007", "--mark", "hand"];
    let plant = Running::start(&with_ball, &domain);
    plant.wait_for("ros ");
    let mut franky = Franky::start();
    let _follower = franky.seen_by_the_plant(&domain);
    franky.write_arm(file.path(), &plant_cameras());
    let mut calibrate = Command::new(binary());
    calibrate.args(["calibrate", "camera", "--camera", "front", "--poses", "10", "--config"]).arg(file.path());
    calibrate.env("ROS_DOMAIN_ID", domain).current_dir(workspace());
    let found = run(&mut calibrate, Duration::from_secs(300)).expect("the command ends");
    assert!(found.status.success(), "{}{}", found.stdout, found.stderr);
    print!("{}", found.stdout);
    // The arm that is seen comes a little after the one that is told of.
    assert!(found.off_the_front_camera_m() < 0.01, "{}", found.stdout);
}
