//! `neuraxis import rosbag|lerobot|mcap` and `rec export --lerobot|--rlbench`, on the small recordings of crates/formats.

use std::{path::Path, path::PathBuf, process::Command, time::Duration};

use neuraxis_episode::{EpisodeReader, Glance, dataset::Dataset};
use neuraxis_tests::{Finished, binary, run, workspace};
use serde_json::Value;

fn neuraxis(arguments: &[&str]) -> Finished {
    run(Command::new(binary()).args(arguments), Duration::from_secs(120)).unwrap()
}

fn data(name: &str) -> String {
    workspace().join("crates/formats/tests/data").join(name).display().to_string()
}

fn glance(path: &Path) -> Glance {
    Glance::of(&EpisodeReader::open(path).unwrap())
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}

#[test]
fn a_bag_is_replayed_and_learned_from() {
    let dir = tempfile::tempdir().unwrap();
    let (out, mcap) = (text(dir.path().join("data")), text(dir.path().join("mcap")));
    for bag in ["bag_mcap", "bag_sqlite3"] {
        let done = neuraxis(&["import", "rosbag", &data(bag), "--mcap", &mcap]);
        assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
        let found = glance(&dir.path().join("mcap").join(format!("{bag}_0.mcap")));
        assert_eq!((found.cameras(), found.instruction.as_deref()), (vec!["front".to_string()], Some("lift the cup")));
    }
    // The arm of the bag has no body here, and is replayed all the same.
    let recording = text(dir.path().join("mcap/bag_mcap_0.mcap"));
    let rrd = text(dir.path().join("bag.rrd"));
    let shown = neuraxis(&["replay", &recording, "--rrd", &rrd]);
    assert!(shown.status.success() && Path::new(&rrd).exists(), "{}{}", shown.stdout, shown.stderr);

    let told = neuraxis(&["import", "rosbag", &data("bag_mcap"), "--out", &out]);
    assert!(told.status.success(), "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("1 observations of 1 episodes"), "{}", told.stdout);
    let record: Value = Dataset::open(Path::new(&out)).unwrap().record(0).unwrap();
    assert_eq!(record["goals"][0]["instruction"], "lift the cup");
    assert_eq!(record["goals"][0]["keyframe"]["gripper"], "Closed");

    let other = text(dir.path().join("other"));
    let blind =
        neuraxis(&["import", "rosbag", &data("bag_mcap"), "--camera", "hand=/hand/rgb/compressed", "--out", &other]);
    let said = "training needs what was not recorded: depth and intrinsics of camera hand";
    assert!(!blind.status.success() && blind.stderr.contains(said), "{}", blind.stderr);
    let nothing = neuraxis(&["import", "rosbag", &data("bag_mcap")]);
    assert!(!nothing.status.success() && nothing.stderr.contains("--mcap"), "{}", nothing.stderr);
}

#[test]
fn a_data_set_of_lerobot_is_looked_at_and_a_recording_becomes_one() {
    let dir = tempfile::tempdir().unwrap();
    let mcap = text(dir.path().join("mcap"));
    let done = neuraxis(&["import", "lerobot", &data("lerobot"), "--mcap", &mcap]);
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    let second = dir.path().join("mcap/lerobot_1.mcap");
    assert_eq!(
        (glance(&second).views(), glance(&second).instruction.as_deref()),
        (vec!["top".to_string()], Some("lift the cube"))
    );
    let blind = neuraxis(&["import", "lerobot", &data("lerobot"), "--out", &text(dir.path().join("data"))]);
    let said = "depth and intrinsics and a pose in the world of camera top";
    assert!(!blind.status.success() && blind.stderr.contains(said), "{}", blind.stderr);

    // A bag as our recording, and that as a data set of LeRobot and as our recording again.
    assert!(neuraxis(&["import", "rosbag", &data("bag_mcap"), "--mcap", &mcap]).status.success());
    let recording = text(dir.path().join("mcap/bag_mcap_0.mcap"));
    let set = text(dir.path().join("set"));
    let exported = neuraxis(&["rec", "export", &recording, "--lerobot", &set]);
    assert!(exported.status.success(), "{}", exported.stderr);
    assert!(exported.stdout.contains("6 frames, 20 a second"), "{}", exported.stdout);
    assert!(exported.stderr.contains("depth, calibration and the tool's pose have no place"), "{}", exported.stderr);
    let info: Value = serde_json::from_slice(&std::fs::read(Path::new(&set).join("meta/info.json")).unwrap()).unwrap();
    assert_eq!(info["robot_type"], "unknown", "an arm without a shape has no other name");
    // Nothing is replaced, and --force is not said to.
    let again = neuraxis(&["rec", "export", &recording, "--lerobot", &set]);
    let said = "set: exists already; a data set is written to a new folder";
    assert!(!again.status.success() && again.stderr.contains(said), "{}", again.stderr);
    for form in ["--lerobot", "--rlbench"] {
        let forced = neuraxis(&["rec", "export", &recording, form, &set, "--force"]);
        assert!(!forced.status.success() && forced.stderr.contains("cannot be used with"), "{}", forced.stderr);
    }
    let twice = neuraxis(&["import", "rosbag", &data("bag_mcap"), "--mcap", &mcap]);
    let said = "bag_mcap_0.mcap: exists already; choose another folder for --mcap";
    assert!(!twice.status.success() && twice.stderr.contains(said), "{}", twice.stderr);
    let back = neuraxis(&["import", "lerobot", &set, "--mcap", &mcap]);
    assert!(back.status.success(), "{}{}", back.stdout, back.stderr);
    assert_eq!(glance(&dir.path().join("mcap/set_0.mcap")).views(), ["front"]);
    // Six joints are no Panda's.
    let refused = neuraxis(&["rec", "export", &recording, "--rlbench", &text(dir.path().join("rlbench"))]);
    assert!(
        !refused.status.success() && refused.stderr.contains("the position of seven joints was not recorded"),
        "{}",
        refused.stderr
    );
    let own = neuraxis(&["import", "mcap", &recording, "--out", &text(dir.path().join("own"))]);
    assert!(
        own.status.success() && own.stdout.contains("1 observations of 1 episodes"),
        "{}{}",
        own.stdout,
        own.stderr
    );
}
