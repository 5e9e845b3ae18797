//! The brain does long tasks from a sentence with what cameras and joints tell, notices what goes wrong, and goes on.

use std::{fs, path::Path, process::Command, time::Duration};

use neuraxis_tests::{binary, run};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(900);

/// An evaluation of the brain: its result file.
fn brain(dir: &Path, name: &str, tasks: &str, further: &[&str]) -> Value {
    let path = dir.join(name);
    let file = path.to_str().expect("a readable path");
    let plan = ["eval", "--policy", "brain", "--tasks", tasks, "--episodes", "1", "--json", file];
    let ended = run(Command::new(binary()).args([&plan, further].concat()), PATIENCE).expect("the binary runs");
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    serde_json::from_slice(&fs::read(path).expect("the result file")).expect("JSON")
}

fn successes(report: &Value) -> u64 {
    let tasks = report["tasks"].as_object().expect("tasks");
    tasks.values().map(|table| table["successes"].as_u64().expect("a count")).sum()
}

#[test]
fn the_brain_plans_once_and_does_what_it_was_told() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let report = brain(dir.path(), "plain.json", "stow_block,tower_of_three,sort_and_press,fetch_block", &[]);
    // On another processor one scene may go a little differently.
    assert!(successes(&report) >= 3, "{report:#}");
    for table in report["tasks"].as_object().expect("tasks").values() {
        assert_eq!(table["brain"]["vlm_calls"], 0, "{table:#}");
        if table["successes"] == 1 {
            assert_eq!(table["brain"]["mean_plans"], 1.0, "{table:#}");
        }
    }
}

#[test]
fn what_is_dropped_is_noticed_and_taken_again_and_without_a_ladder_it_is_not() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let tasks = "stow_block,tower_of_three,sort_and_press";
    let report = brain(dir.path(), "dropped.json", tasks, &["--disturb", "object_dropped"]);
    assert!(successes(&report) >= 2, "{report:#}");
    for table in report["tasks"].as_object().expect("tasks").values() {
        assert_eq!((&table["brain"]["disturbed"], &table["brain"]["detected"]), (&1.into(), &1.into()), "{table:#}");
        assert!(table["brain"]["detect_secs"].as_f64().expect("seconds") < 5.0, "{table:#}");
    }
    let bare = ["--disturb", "object_dropped", "--without", "ladder"];
    assert_eq!(successes(&brain(dir.path(), "bare.json", tasks, &bare)), 0);
}

#[test]
fn what_worked_is_done_again_from_memory() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let memory = dir.path().join("memory.sqlite");
    let memory = ["--jobs", "1", "--memory", memory.to_str().expect("a readable path")];
    let [first, second] = ["first.json", "second.json"].map(|name| {
        let report = brain(dir.path(), name, "tower_of_three", &memory);
        assert_eq!(successes(&report), 1, "{report:#}");
        report["tasks"]["tower_of_three"]["brain"]["reused"].clone()
    });
    assert_eq!((first, second), (0.into(), 1.into()));
    let shown = run(Command::new(binary()).args(["memory", "--file", memory[3], "show"]), PATIENCE).expect("it runs");
    assert!(shown.stdout.contains("2 episodes, 2 reached their goal"), "{}", shown.stdout);
}

#[test]
fn the_true_world_is_not_looked_at() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let rows = |name: &str, further: &[&str]| {
        brain(dir.path(), name, "stow_block", further)["tasks"]["stow_block"]["rows"].clone()
    };
    assert_eq!(rows("plain.json", &[]), rows("poisoned.json", &["--poisoned"]));
}

#[test]
fn the_learned_policy_is_a_skill_among_others() {
    let dir = tempfile::tempdir().expect("a folder for results");
    let pictures = dir.path().to_str().expect("a readable path").to_string();
    // On another processor the policy may miss once, and is then helped.
    let further = ["--learned", "pull", "--pictures", &pictures];
    let report = brain(dir.path(), "learned.json", "stow_block,fetch_block", &further);
    assert!(successes(&report) >= 1, "{report:#}");
    let stories = ["stow_block", "fetch_block"].map(|task| {
        let story = fs::read_to_string(dir.path().join(format!("{task}-1000000.txt"))).expect("a story");
        assert!(story.contains("policy \"open the "), "{story}");
        story
    });
    assert!(stories.iter().any(|story| story.contains("policy()  succeeded")), "{stories:#?}");
}
