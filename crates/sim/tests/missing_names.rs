//! A robot's file that lacks a name is refused by file and name, and by nothing that has to do with the machine.

mod driver;

use std::{fs, os::unix::fs::symlink};

use driver::{setup, try_setup, workspace};
use neuraxis_sim::{CameraRig, Plant, Setup, SimConfig, SimError};

/// A scene of a task with what somebody has made of `sim/fr3.xml`.
fn scene(task: &str, edit: impl Fn(&str) -> String) -> Result<Setup, SimError> {
    let dir = tempfile::tempdir().expect("a folder");
    let root = workspace().canonicalize().expect("the workspace");
    fs::create_dir(dir.path().join("sim")).expect("a folder");
    symlink(root.join("urdf"), dir.path().join("urdf")).expect("a link");
    let robot = fs::read_to_string(root.join("sim/fr3.xml")).expect("the robot");
    let edited = edit(&robot);
    assert_ne!(edited, robot, "the file has nothing to edit");
    fs::write(dir.path().join("sim/fr3.xml"), edited).expect("a file");
    try_setup(task, 1, &SimConfig { assets: dir.path().to_path_buf(), ..SimConfig::default() })
}

#[test]
fn a_finger_with_another_name_is_an_error_that_says_which_and_where() {
    let scene = scene("stack_blocks", |robot| robot.replace("left_finger", "left_thumb")).expect("MuJoCo takes it");
    let error = Plant::new(&scene).err().expect("a refusal");
    assert!(matches!(&error, SimError::Missing { name, .. } if name == "left_finger"), "{error:?}");
    assert_eq!(error.to_string(), "sim/fr3.xml with the things of stack_blocks: no body named \"left_finger\"");
}

#[test]
fn a_camera_that_is_not_in_the_model_is_no_matter_of_drivers() {
    let scene = scene("push_buttons", |robot| robot.replace("<!-- wrist camera -->", "")).expect("MuJoCo takes it");
    let error = CameraRig::new(&scene).err().expect("a refusal").to_string();
    assert_eq!(error, "sim/fr3.xml with the things of push_buttons: no camera named \"wrist\"");
}

#[test]
fn what_nobody_has_put_there_is_not_found() {
    let plant = Plant::new(&setup("push_buttons", 1)).expect("physics");
    let said = |error: SimError| error.to_string();
    let nobody = plant.world().body_index("unicorn").map_err(said);
    assert_eq!(nobody, Err("sim/fr3.xml with the things of push_buttons: no body named \"unicorn\"".into()));
    assert!(plant.world().site_position("horn").map_err(said).unwrap_err().ends_with("no site named \"horn\""));
}
