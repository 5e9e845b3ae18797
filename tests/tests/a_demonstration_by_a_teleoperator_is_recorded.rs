//! `record --demo` and `arm shadow` beside somebody who commands the arm over ros2_control: they listen, and the motion is in the
//! recording.

use std::process::Command;

use neuraxis_tests::{
    Finished, binary,
    plant::{plant, write_arm},
    run,
    running::{PATIENCE, Running, domain, script},
    workspace,
};

fn neuraxis(arguments: &[&str], domain: &str) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).env("ROS_DOMAIN_ID", domain).current_dir(workspace());
    let ended = run(&mut command, PATIENCE).expect("the command ends");
    assert!(ended.status.success(), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

/// From the least to the greatest of a column of numbers.
fn span(table: &str, column: &str) -> f64 {
    let mut lines = table.lines();
    let place = lines.next().and_then(|head| head.split(',').position(|name| name == column));
    let place = place.unwrap_or_else(|| panic!("no {column} in {:?}", table.lines().next()));
    let values = lines.map(|line| line.split(',').nth(place).and_then(|v| v.parse::<f64>().ok()).expect("a number"));
    let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(v), most.max(v)));
    most - least
}

#[test]
fn what_a_teleoperator_does_is_recorded_and_shadowed() {
    let (domain, dir) = (domain(), tempfile::tempdir().expect("a folder"));
    let (_plant, _) = plant("push_buttons", None, &domain);
    let teleoperator = Running::of(&mut script("teleoperate.py"), &domain);
    teleoperator.wait_for("teleoperates");
    let file = dir.path().join("arm.yaml");
    write_arm(
        &file,
        "state_timeout_secs: 0.5,",
        "kind: float64_array, topic: /gripper_controller/commands, joint: fr3_finger_joint1",
    );
    let path = |name: &str| dir.path().join(name).to_str().expect("a path").to_string();
    let (out, tables, file) = (path("recorded"), path("tables"), path("arm.yaml"));
    let record = ["record", "--demo", "--say", "swing", "--secs", "20", "--config", &file, "--out", &out];
    let recorded = neuraxis(&record, &domain);
    assert!(recorded.stdout.contains("wrist: "), "{}", recorded.stdout);
    neuraxis(&["rec", "export", &format!("{out}/episode.mcap"), "--csv", &tables], &domain);
    let states = std::fs::read_to_string(format!("{tables}/joint_states.csv")).expect("the table");
    let (swing_rad, fingers_m) = (span(&states, "fr3_joint1.q_rad"), span(&states, "gripper_width_m"));
    let secs = span(&states, "time_s");
    println!("recorded: joint 1 over {swing_rad:.3} rad, fingers over {fingers_m:.3} m, {secs:.1} s");
    assert!((0.9..1.1).contains(&swing_rad) && (0.03..0.06).contains(&fingers_m), "{swing_rad} rad, {fingers_m} m");
    // It is led for four seconds without a pause, far from where it began, and that ends nothing.
    assert!(secs > 9.0, "{secs} s were recorded: {}", recorded.stdout);

    let shadow = ["arm", "--config", &file, "shadow", "--secs", "4", "--say", "hit the button that is green"];
    let shadowed = neuraxis(&[&shadow[..], &["--out", &path("shadow")]].concat(), &domain);
    assert!(shadowed.stdout.contains("wanted "), "{}{}", shadowed.stdout, shadowed.stderr);
}
