//! `neuraxis bench all` takes many minutes: what would end it in the middle is said before it begins.

use std::{fs, process::Command, time::Duration};

use neuraxis_tests::{binary, run, workspace};

#[test]
fn a_folder_that_an_interrupted_bench_has_left_is_named_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("out/bench-recorder")).expect("a folder");
    let mut command = Command::new(binary());
    command.args(["bench", "all"]).current_dir(dir.path());
    let root = workspace().canonicalize().expect("the workspace");
    let ended = run(command.env("NEURAXIS_ROOT", root), Duration::from_secs(60)).expect("it measures nothing");
    assert!(!ended.status.success() && ended.stderr.contains("out/bench-recorder: is there already"), "{ended:?}");
    assert!(!ended.stdout.contains("bench channels"), "{}", ended.stdout);
}
