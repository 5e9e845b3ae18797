//! `neuraxis eval` writes what it was asked for where it was asked to, and leaves nothing else: no file, no process.

use std::{fs, path::Path, process::Command, time::Duration};

use neuraxis_tests::{Finished, binary, run};

/// An evaluation of the expert.
fn experts(task: &str, episodes: &str, further: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["eval", "--policy", "expert", "--tasks", task, "--episodes", episodes]).args(further);
    command
}

fn finish(command: &mut Command) -> Finished {
    run(command, Duration::from_secs(180)).expect("it ends")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

#[test]
fn a_result_goes_into_a_pipe() {
    let ended = finish(&mut experts("turn_tap", "1", &["--jobs", "1", "--json", "/dev/stdout"]));
    assert!(ended.status.success() && ended.stdout.contains("\"mean\": 1.0"), "{ended:?}");
}
