//! `neuraxis eval` writes what it was asked for where it was asked to, and leaves nothing else: no file, no process.

use std::{
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use neuraxis_tests::{
    Finished, binary, run,
    running::{PATIENCE, Running, domain},
};

/// An evaluation of the expert.
fn experts(task: &str, episodes: &str, further: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["eval", "--policy", "expert", "--tasks", task, "--episodes", episodes]).args(further);
    command
}

fn finish(command: &mut Command) -> Finished {
    run(command, Duration::from_secs(900)).expect("it ends")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

#[test]
fn a_result_goes_into_a_pipe() {
    let ended = finish(&mut experts("turn_tap", "1", &["--jobs", "1", "--json", "/dev/stdout"]));
    assert!(ended.status.success() && ended.stdout.contains("\"mean\":"), "{ended:?}");
}

/// One share cannot write its first picture. The other, which has work for many minutes, ends with it.
#[test]
fn a_share_that_fails_ends_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let [scratch, pictures] = ["scratch", "pictures"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).expect("a folder");
    fs::create_dir_all(pictures.join("turn_tap-1000001.png")).expect("a folder in the picture's place");
    let count = || fs::read_dir(&pictures).expect("pictures").count();

    let mut command = experts("turn_tap", "5000", &["--jobs", "2", "--pictures", text(&pictures)]);
    let ended = finish(command.env("TMPDIR", &scratch));
    assert!(!ended.status.success(), "{ended:?}");
    assert!(ended.stderr.contains("shard 1 of the evaluation failed"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(&scratch).expect("a folder").count(), 0, "its scratch");
    let before = count();
    sleep(Duration::from_secs(2));
    assert_eq!(count(), before, "nobody makes pictures any more");
}

/// Ctrl-C, while both shares have work for many minutes: only the evaluation hears of it, and they end with it.
#[test]
fn an_interrupted_evaluation_leaves_no_scratch_and_no_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let [scratch, pictures] = ["scratch", "pictures"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).expect("a folder");
    let count = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);

    let mut command = experts("turn_tap", "5000", &["--jobs", "2", "--pictures", text(&pictures)]);
    let mut running = Running::of(command.env("TMPDIR", &scratch), &domain());
    let end = Instant::now() + PATIENCE;
    while count(&pictures) == 0 {
        assert!(Instant::now() < end, "no picture is made");
        sleep(Duration::from_millis(20));
    }
    assert!(count(&scratch) > 0, "its scratch is elsewhere");
    running.interrupt();
    assert!(!running.ends().success());
    assert_eq!(count(&scratch), 0, "its scratch");
    let before = count(&pictures);
    sleep(Duration::from_secs(2));
    assert_eq!(count(&pictures), before, "nobody makes pictures any more");
}

#[test]
fn shares_leave_no_scratch() {
    let dir = tempfile::tempdir().expect("a folder");
    let [scratch, result] = ["scratch", "result.json"].map(|name| dir.path().join(name));
    fs::create_dir(&scratch).expect("a folder");
    let mut command = experts("turn_tap", "2", &["--jobs", "2", "--json", text(&result)]);
    let ended = finish(command.env("TMPDIR", &scratch));
    assert!(ended.status.success() && result.exists(), "{ended:?}");
    assert_eq!(fs::read_dir(&scratch).expect("a folder").count(), 0);
}

#[test]
fn each_factor_has_pictures_and_recordings_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let [pictures, record] = ["pictures", "record"].map(|name| dir.path().join(name));
    let further = ["--perturb", "each", "--jobs", "1", "--pictures", text(&pictures), "--record", text(&record)];
    let ended = finish(&mut experts("open_drawer", "1", &further));
    assert!(ended.status.success(), "{ended:?}");
    for factor in ["none", "mo_size", "camera_dead"] {
        for file in ["sheet.png", "open_drawer-1000000.png"] {
            assert!(pictures.join(factor).join(file).exists(), "{factor}/{file}");
        }
        assert!(record.join(factor).join("open_drawer-1000000/episode.mcap").exists(), "{factor}");
    }
    assert_eq!(fs::read_dir(&pictures).expect("pictures").count(), 21);
}

#[test]
fn a_world_is_kept_in_a_new_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("new/world.json");
    let ended = finish(&mut experts("turn_tap", "1", &["--jobs", "1", "--world", text(&file)]));
    assert!(ended.status.success() && file.exists(), "{ended:?}");
}
