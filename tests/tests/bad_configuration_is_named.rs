//! A mistake in a configuration is an error that names file and key, before anything moves.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use neuraxis_tests::{binary, run, workspace};

/// A workspace whose configuration may be spoilt.
fn copy_of_workspace(dir: &Path) -> PathBuf {
    let configs = dir.join("configs/fr3");
    fs::create_dir_all(&configs).expect("a folder");
    for entry in fs::read_dir(workspace().join("configs/fr3")).expect("the configuration") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), configs.join(entry.file_name())).expect("a copy");
    }
    for folder in ["urdf", "sim", "configs/weights"] {
        symlink(workspace().join(folder).canonicalize().expect("a folder"), dir.join(folder)).expect("a link");
    }
    configs
}

/// What `config check` says.
fn check(root: &Path) -> (bool, String) {
    let mut command = Command::new(binary());
    command.args(["config", "check"]).env("NEURAXIS_ROOT", root);
    let ended = run(&mut command, Duration::from_secs(60)).expect("the check ends");
    (ended.status.success(), ended.stdout + &ended.stderr)
}

#[test]
fn a_sound_copy_is_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    copy_of_workspace(dir.path());
    let (accepted, said) = check(dir.path());
    assert!(accepted && said.contains("every file is sound"), "{said}");
}

#[test]
fn sr30_each_mistake_is_refused_with_file_and_key() {
    for (file, line, expected) in [
        ("run.yaml", "policy_hz: .inf", ["run.yaml", "policy_hz", "1 to 100"]),
        ("run.yaml", "polcy_hz: 10", ["run.yaml", "polcy_hz", "expected one of"]),
        ("run.yaml", "device: gpu", ["run.yaml", "device = \"gpu\"", "cuda:N"]),
        ("run.yaml", "weights: nofile", ["run.yaml", "weights = nofile", "No such file"]),
        ("run.yaml", "weights_hash: abc", ["run.yaml", "weights_hash = \"abc\"", "16 hex digits"]),
        ("run.yaml", "weights_tasks: [nope]", ["run.yaml", "weights_tasks", "unknown task \"nope\""]),
        ("cerebellum.yaml", "open_width_m: 0.3", ["cerebellum.yaml", "open_width_m = 0.3", "gripper_width_max_m"]),
        ("brain.yaml", "planner: magic", ["brain.yaml", "planner: \"magic\"", "known: symbolic, vlm"]),
        ("brain.yaml", "planner: { file: no.json }", ["brain.yaml", "planner.file", "no.json"]),
        ("robot.yaml", "home_rad: [2.7, 1.2, 0, -0.2, 0, 1.4, 0]", ["robot.yaml", "home_rad", "tool_box"]),
        ("arm.yaml", "driver: kuka", ["arm.yaml", "kuka", "ros2_control"]),
        ("brainstem.yaml", "jerk_scale: .nan", ["brainstem.yaml", "jerk_scale", "NaN"]),
        ("brainstem.yaml", "tracking_error_rad: -1", ["brainstem.yaml", "tracking_error_rad", "-1"]),
        ("motion.yaml", "velocity_scale: 7.0", ["motion.yaml", "velocity_scale", "7"]),
        ("cerebellum.yaml", "freeze_m: .inf", ["cerebellum.yaml", "freeze_m", "inf"]),
        ("robot.yaml", "jerk_limits_rad_s3: [.inf, 1, 1, 1, 1, 1, 1]", ["jerk_limits_rad_s3", "inf", "finite"]),
        ("robot.yaml", "tool_link: fr3_nose", ["tool_link", "fr3_nose", "fr3.urdf"]),
        ("robot.yaml", "urdf: urdf/none.urdf", ["urdf/none.urdf", "No such file", "urdf"]),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = copy_of_workspace(dir.path()).join(file);
        let key = line.split(':').next().expect("a key");
        let kept: Vec<String> = fs::read_to_string(&path)
            .expect("the file")
            .lines()
            .filter(|l| !l.starts_with(&format!("{key}:")))
            .map(String::from)
            .collect();
        fs::write(&path, format!("{}\n{line}\n", kept.join("\n"))).expect("a spoilt file");
        let (accepted, said) = check(dir.path());
        assert!(!accepted, "{file}: {line} was accepted");
        for part in expected {
            assert!(said.contains(part), "{file}: {line}: {part:?} is not in:\n{said}");
        }
    }
}

#[test]
fn sr26_a_broken_urdf_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = copy_of_workspace(dir.path()).join("robot.yaml");
    fs::write(dir.path().join("broken.urdf"), "<robot name=\"x\"><link>").expect("a file");
    let text = fs::read_to_string(&path).expect("the file").replace("urdf: urdf/fr3.urdf", "urdf: broken.urdf");
    fs::write(&path, text).expect("a changed file");
    let (accepted, said) = check(dir.path());
    assert!(!accepted && said.contains("broken.urdf"), "{said}");
}
