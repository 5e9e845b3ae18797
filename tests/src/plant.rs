//! A simulated arm behind ros2_control's topics, `neuraxis ros plant`, in a real one's place.

use std::path::Path;

use crate::{
    Finished,
    franky::plant_cameras,
    run,
    running::{PATIENCE, Running, script},
};

/// urdf/fr3.urdf [rad/s].
const VELOCITIES: &str = "2.62,2.62,2.62,2.62,5.26,4.18,5.26";

/// Waits until it is up; what it was started with.
///
/// # Panics
/// It does not start.
#[must_use]
pub fn plant(task: &str, misbehave: Option<&str>, domain: &str) -> (Running, String) {
    let mut arguments = vec!["ros", "plant", "--task", task, "--seed", "1000007"];
    arguments.extend(misbehave.into_iter().flat_map(|kind| ["--misbehave", kind]));
    let plant = Running::start(&arguments, domain);
    let told = plant.wait_for("ros ");
    let sentence = told.iter().find(|line| line.starts_with("task ")).and_then(|line| line.split_once(": "));
    let sentence = sentence.map(|(_, sentence)| sentence.to_string()).expect("a line about the task");
    (plant, sentence)
}

/// Writes a file about it: `ros2_control`, with these keys of its own, and its cameras. A busy machine lets the loop wait.
///
/// # Panics
/// It cannot be written.
pub fn write_arm(file: &Path, keys: &str, gripper: &str) {
    let text = format!(
        "driver: ros2_control\nrehearsal: true\nros2_control: {{ silence_secs: 0.2, {keys} gripper: \
         {{ {gripper} }} }}\n{}",
        plant_cameras()
    );
    std::fs::write(file, text).expect("the file");
}

/// `see_it_stop.py`, which says how an arm stops, with the velocities that its joints may have.
///
/// # Panics
/// It is missing.
#[must_use]
pub fn witness(arguments: &[&str]) -> std::process::Command {
    let mut command = script("see_it_stop.py");
    command.args(["--velocities", VELOCITIES]).args(arguments);
    command
}

/// It, until it has judged.
///
/// # Panics
/// It does not end.
#[must_use]
pub fn judged(arguments: &[&str], domain: &str) -> Finished {
    run(witness(arguments).env("ROS_DOMAIN_ID", domain), PATIENCE).expect("the witness comes to an end")
}
