//! The shipped weights, loaded and run as everybody runs them; the same command gives the same bytes, recorded or not.

use std::{fs, process::Command, time::Duration};

use neuraxis_episode::{EpisodeReader, Record};
use neuraxis_tests::{binary, run};

/// Some of those that README's table has at 80 % or more.
const TASKS: &str = "open_drawer,close_jar,put_item_in_drawer";

#[test]
fn most_scenes_are_solved_and_runs_repeat() {
    let dir = tempfile::tempdir().expect("a folder");
    let results: Vec<Vec<u8>> = ["first.json", "second.json"]
        .iter()
        .map(|name| {
            let file = dir.path().join(name);
            let mut command = Command::new(binary());
            command.args(["eval", "--policy", "weights", "--tasks", TASKS, "--episodes", "3", "--json"]).arg(&file);
            if *name == "second.json" {
                command.arg("--record").arg(dir.path().join("recorded"));
            }
            let ended = run(&mut command, Duration::from_secs(900)).expect("the evaluation ends");
            assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
            fs::read(&file).expect("the result file")
        })
        .collect();
    assert!(results[0] == results[1], "two runs of one command differ");
    let report: serde_json::Value = serde_json::from_slice(&results[0]).expect("JSON");
    // Far below the table: nine scenes on another processor may go a little differently.
    let mean = report["mean"].as_f64().expect("a mean");
    assert!(mean > 0.5, "mean success {mean}\n{:#}", report["tasks"]);

    // What the networks saw is kept with each answer.
    let file = dir.path().join("recorded/open_drawer-1000000/episode.mcap");
    let (mut answers, mut views) = (0, 0);
    for record in EpisodeReader::open(&file).expect("a recording").records() {
        match record.expect("a whole recording") {
            Record::Prediction(..) => answers += 1,
            Record::Detail(_, detail) => {
                assert_eq!(detail.views.len(), 6);
                views += 1;
            }
            _ => {}
        }
    }
    // To some key-frames that are answered there is no way: they are not followed.
    assert!(answers > 10 && views >= answers, "{views} times six views for {answers} answers");

    // Nobody trains on these scenes by mistake.
    let mut import = Command::new(binary());
    import.args(["import", "mcap"]).arg(dir.path().join("recorded")).arg("--out").arg(dir.path().join("set"));
    import.arg("--failures");
    let ended = run(&mut import, Duration::from_secs(300)).expect("the import ends");
    let refused = ended.stderr.lines().filter(|line| line.contains("is a scene of evaluation")).count();
    assert!(!ended.status.success() && refused == 9, "{}", ended.stderr);
}
