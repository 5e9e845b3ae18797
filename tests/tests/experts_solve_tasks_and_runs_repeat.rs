//! The scripted experts move the simulated arm through the whole body, and the same command gives the same bytes.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use neuraxis_tests::{Finished, run, workspace};

const PATIENCE: Duration = Duration::from_secs(900);

/// The binary that `./neuraxis test` builds before any test.
fn neuraxis(arguments: &[&str]) -> Finished {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let binary = target.join("release/neuraxis");
    assert!(binary.exists(), "{} is missing: ./neuraxis build", binary.display());
    run(Command::new(binary).args(arguments), PATIENCE).expect("the binary runs to its end")
}

#[test]
fn experts_solve_tasks_and_runs_repeat() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let mut results = Vec::new();
    for name in ["first.json", "second.json"] {
        let file = dir.path().join(name);
        let file = file.to_str().expect("a readable path");
        let tasks = "push_buttons,stack_blocks";
        let ended = neuraxis(&[
            "eval",
            "--policy",
            "expert",
            "--tasks",
            tasks,
            "--episodes",
            "4",
            "--jobs",
            "2",
            "--json",
            file,
        ]);
        assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
        results.push(fs::read(file).expect("the result file"));
    }
    assert!(results[0] == results[1], "two runs of one command differ");
    let report: serde_json::Value = serde_json::from_slice(&results[0]).expect("JSON");
    for task in ["push_buttons", "stack_blocks"] {
        let table = &report["tasks"][task];
        assert_eq!((&table["episodes"], &table["successes"]), (&4.into(), &4.into()), "{table:#}");
    }
}

#[test]
fn a_wrong_instruction_does_not_reach_the_goal() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let file = dir.path().join("wrong.json");
    let path = file.to_str().expect("a readable path");
    let ended = neuraxis(&[
        "eval",
        "--policy",
        "expert",
        "--tasks",
        "push_buttons",
        "--episodes",
        "4",
        "--instruction",
        "wrong",
        "--json",
        path,
    ]);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&file).expect("the result file")).expect("JSON");
    assert_eq!(report["tasks"]["push_buttons"]["successes"], 0, "{report:#}");
}

#[test]
fn what_is_unknown_is_named() {
    let text = |arguments: &[&str]| {
        let ended = neuraxis(arguments);
        assert!(!ended.status.success(), "{arguments:?} succeeded");
        ended.stderr
    };
    let said = text(&["eval", "--policy", "expert", "--tasks", "juggle"]);
    assert!(said.contains("unknown task \"juggle\"") && said.contains("push_buttons"), "{said}");
    let said = text(&["--robot", "r2d2", "eval", "--policy", "expert"]);
    assert!(said.contains("no robot \"r2d2\"") && said.contains("fr3"), "{said}");
    let said = text(&["eval", "--policy", "/no/such/weights.safetensors", "--episodes", "1", "--jobs", "1"]);
    assert!(said.contains("/no/such/weights.safetensors"), "{said}");
    let said = text(&["demos", "--out", "/tmp/neuraxis-never", "--shard", "3/2"]);
    assert!(said.contains("--shard 3/2"), "{said}");
}
