//! `neuraxis import rlbench` on an episode in RLBench's layout (sim/test_rlbench_bridge.py writes it), and on damaged ones.

use std::{fs, path::Path, process::Command, time::Duration};

use neuraxis_episode::dataset::Dataset;
use neuraxis_tests::{Finished, binary, python::python, run};
use serde_json::Value;

fn import(folder: &Path, out: &Path) -> Finished {
    let mut command = Command::new(binary());
    run(command.args(["import", "rlbench"]).arg(folder).arg("--out").arg(out), Duration::from_secs(120)).unwrap()
}

#[test]
fn good_episodes_are_taken_and_damaged_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("recordings"), dir.path().join("data"));
    let mut write = python();
    let ended = run(write.args(["test_rlbench_bridge.py", "write"]).arg(&root), Duration::from_secs(60)).unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    // The same once more, cut off.
    let episodes = root.join("push_buttons/all_variations/episodes");
    fs::create_dir(episodes.join("episode1")).unwrap();
    for name in ["low_dim_obs.pkl", "variation_descriptions.pkl"] {
        let bytes = fs::read(episodes.join("episode0").join(name)).unwrap();
        fs::write(episodes.join("episode1").join(name), &bytes[..bytes.len() / 2]).unwrap();
    }

    let ended = import(&root, &out);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("1 observations of 1 episodes"), "{}", ended.stdout);
    assert!(ended.stdout.contains("; 1 left out"), "{}", ended.stdout);
    let damaged = ended.stderr.lines().find(|line| line.contains("left out: ")).expect("the damaged one is named");
    assert!(damaged.contains("episode1") && damaged.contains("no pickle of a recording"), "{damaged}");

    let dataset = Dataset::open(&out).unwrap();
    let record: Value = dataset.record(0).unwrap();
    let goal = &record["goals"][0];
    assert_eq!((record["task"].as_str(), record["kind"].as_u64()), (Some("push_buttons"), Some(0)));
    assert_eq!(goal["instruction"], "push the maroon button");
    assert_eq!((goal["keyframe"]["gripper"].as_str(), record["gripper"].as_str()), (Some("Closed"), Some("Open")));
    assert_eq!(goal["keyframe"]["ignore_collisions"], true);
    // Four cameras of 16 x 16 look down at what is in the bounds.
    assert!(dataset.points(0).unwrap() > 500, "{} points", dataset.points(0).unwrap());

    // A data set is not written over, and nothing is made of nothing.
    let again = import(&root, &out);
    assert!(!again.status.success() && again.stderr.contains("a data set is here already"), "{}", again.stderr);
    let nothing = import(&dir.path().join("data"), &dir.path().join("other"));
    assert!(nothing.stderr.contains("no low_dim_obs.pkl here or below"), "{}", nothing.stderr);
    let damaged = import(&episodes.join("episode1"), &dir.path().join("other"));
    assert!(
        !damaged.status.success() && damaged.stderr.contains("none of 1 episodes can be used"),
        "{}",
        damaged.stderr
    );
}
