//! Whoever reads what the program prints may leave (`neuraxis config print | head -1`): that is no failure, and ends no work.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use neuraxis_tests::{binary, workspace};

/// Runs to its end with nobody at the other end of its output; returns what it complains about.
fn unheard(arguments: &[&str], without_errors: bool) -> (bool, String) {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(workspace()).stdin(Stdio::null()).stderr(Stdio::piped());
    let closed = || pipe().map(|(_reader, writer)| writer).expect("a pipe");
    command.stdout(closed());
    if without_errors {
        command.stderr(closed());
    }
    let ended = command.output().expect("it runs");
    (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into())
}

#[test]
fn a_closed_pipe_is_silent_and_a_success() {
    for arguments in [&["config", "print"][..], &["faults"], &["tasks", "list"], &["plan", "open the top drawer"]] {
        assert_eq!(unheard(arguments, false), (true, String::new()), "{arguments:?}");
    }
}

#[test]
fn work_goes_on_without_a_listener() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("result.json");
    let plan = ["eval", "--policy", "expert", "--tasks", "push_buttons", "--episodes", "1", "--jobs", "1", "--json"];
    let arguments: Vec<&str> = plan.into_iter().chain([file.to_str().expect("a readable path")]).collect();
    assert!(unheard(&arguments, true).0);
    assert!(file.exists(), "the result is there all the same");
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has one");
    let mut command = Command::new(binary());
    let ended = command.args(["config", "print"]).stdout(full).output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("standard output: No space left"), "{said}");
}
