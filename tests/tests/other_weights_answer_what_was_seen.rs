//! Other weights are asked what they would have answered in a recording; what they lack there is said.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use neuraxis_episode::{EpisodeReader, EpisodeWriter, Header, Record};
use neuraxis_tests::{Finished, binary, run, workspace};
use serde_json::Value;

fn neuraxis(arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("RUST_BACKTRACE", "0");
    run(&mut command, Duration::from_secs(240)).expect("it ends")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn shipped() -> PathBuf {
    workspace().join("configs/weights/small.safetensors")
}

/// A recording that the shipped weights made, on simulated time.
fn recording() -> PathBuf {
    static DONE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = DONE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let ended = neuraxis(&[
            "demo",
            "--task",
            "stack_blocks",
            "--seed",
            "1000001",
            "--clock",
            "lockstep",
            "--out",
            text(dir.path()),
        ]);
        assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
        assert!(!ended.stderr.contains("does without cameras"), "each camera is whole: {}", ended.stderr);
        let path = dir.path().join("episode.mcap");
        (dir, path)
    });
    path.clone()
}

/// The same recording with its header and its records changed, or left out (`None`).
fn changed(out: &Path, header: impl FnOnce(&mut Header), mut change: impl FnMut(Record) -> Option<Record>) {
    let reader = EpisodeReader::open(&recording()).expect("a recording");
    let mut about = reader.header().clone();
    header(&mut about);
    let mut writer = EpisodeWriter::create(out, &about).expect("a file");
    for record in reader.records() {
        if let Some(record) = change(record.expect("a good recording")) {
            writer.record(&record).expect("room on the disk");
        }
    }
    writer.finish().expect("room on the disk");
}

/// The shipped weights with each value of the tensors of these names changed, four bytes of a little-endian f32.
fn altered(out: &Path, names: &[&str], change: impl Fn(&mut [u8])) {
    let mut bytes = fs::read(shipped()).expect("the shipped weights");
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..start]).expect("a safetensors header");
    for name in names {
        let end = |i: usize| start + header[name]["data_offsets"][i].as_u64().expect(name) as usize;
        bytes[end(0)..end(1)].chunks_exact_mut(4).for_each(&change);
    }
    fs::write(out, bytes).expect("room on the disk");
}

/// The comparison of a recording with weights, shown to nobody.
fn compare(recording: &Path, weights: &Path, more: &[&str]) -> Value {
    let dir = tempfile::tempdir().expect("a folder");
    let json = dir.path().join("compared.json");
    let common = ["replay", text(recording), "--policy", text(weights), "--unseen", "--json", text(&json)];
    let ended = neuraxis(&[&common[..], more].concat());
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("distance [mm]") && ended.stdout.contains("same gripper: "), "{}", ended.stdout);
    let all: Value = serde_json::from_str(&fs::read_to_string(&json).expect("a file")).expect("JSON");
    all[0].clone()
}

#[test]
fn the_weights_of_the_recording_answer_as_they_did_and_others_do_not() {
    let same = compare(&recording(), &shipped(), &[]);
    // A tower of four blocks: one decision for each key-frame.
    let count = same["compared"].as_u64().expect("a count");
    assert!((10..=20).contains(&count), "{same}");
    // Depth is recorded to the millimetre.
    let median_mm = |told: &Value| told["distance_mm"]["median"].as_f64().expect("a number");
    assert!(median_mm(&same) < 3.0 && same["rotation_deg"]["median"].as_f64().expect("a number") < 3.0, "{same}");
    assert!(same["same_gripper"].as_u64().expect("a count") + 1 >= count, "{same}");

    let dir = tempfile::tempdir().expect("a folder");
    let weights = dir.path().join("opposite.safetensors");
    let tensors =
        ["coarse.upsample.weight", "coarse.upsample.bias", "heads.switches.down.weight", "heads.switches.down.bias"];
    altered(&weights, &tensors, |value| value[3] ^= 0x80);
    let other = compare(&recording(), &weights, &[]);
    assert_eq!(other["compared"], same["compared"]);
    assert!(median_mm(&other) > 50.0, "{other}");
    assert!(other["same_gripper"].as_u64().expect("a count") * 2 < count, "{other}");
    assert_ne!(other["policy_hash"], same["policy_hash"]);
}

#[test]
fn at_a_fixed_rate_there_is_an_answer_for_every_so_many_seconds() {
    let often = compare(&recording(), &shipped(), &["--every", "0.5"]);
    let rows = often["rows"].as_array().expect("rows");
    let secs: Vec<f64> = rows.iter().map(|row| row["secs"].as_f64().expect("a time")).collect();
    assert!(secs.len() > 20 && secs.windows(2).all(|pair| (pair[1] - pair[0] - 0.5).abs() < 0.11), "{secs:?}");
    assert!(often["distance_mm"]["median"].as_f64().expect("a number") < 3.0, "{often}");
}

#[test]
fn both_answers_go_into_the_file_for_the_viewer() {
    let dir = tempfile::tempdir().expect("a folder");
    let (plain, asked) = (dir.path().join("plain.rrd"), dir.path().join("asked.rrd"));
    let (recording, shipped) = (recording(), shipped());
    let alone = neuraxis(&["replay", text(&recording), "--rrd", text(&plain)]);
    assert!(alone.status.success() && alone.stdout.contains("success"), "{}{}", alone.stdout, alone.stderr);
    let both = neuraxis(&["replay", text(&recording), "--policy", text(&shipped), "--rrd", text(&asked)]);
    assert!(both.status.success() && both.stdout.contains("compared    small (hash"), "{}{}", both.stdout, both.stderr);
    let size = |path: &Path| fs::metadata(path).expect("a file").len();
    // The views of a dozen answers, six each.
    assert!(size(&asked) > size(&plain) + 100_000, "{} {}", size(&asked), size(&plain));
}

#[test]
fn what_the_weights_need_and_the_recording_has_not_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("short.mcap");
    let refused = |path: &Path| {
        let ended = neuraxis(&["replay", text(path), "--policy", text(&shipped()), "--unseen"]);
        assert!(!ended.status.success(), "{}", ended.stdout);
        ended.stderr
    };
    changed(
        &path,
        |_| (),
        |record| {
            Some(match record {
                Record::Observation(seen) => {
                    let mut seen = Arc::unwrap_or_clone(seen);
                    seen.cameras.retain(|view| &*view.name != "wrist");
                    Record::Observation(seen.into())
                }
                other => other,
            })
        },
    );
    let said = refused(&path);
    assert!(said.contains("trained with camera wrist, recorded: front, left_shoulder, right_shoulder"), "{said}");

    let is_told = |record: &Record| matches!(record, Record::Instruction { .. } | Record::Prediction(..));
    changed(&path, |_| (), |record| (!is_told(&record)).then_some(record));
    let said = refused(&path);
    assert!(said.contains("short.mcap: ") && said.contains("small.safetensors cannot answer again: "), "{said}");
    assert!(said.contains("no instruction is recorded; no prediction is recorded to compare with"), "{said}");

    changed(&path, |header| header.meta["configuration"]["name"] = "ur5e".into(), Some);
    let said = refused(&path);
    assert!(said.contains("trained for robot \"fr3\", the recording is of \"ur5e\""), "{said}");

    changed(&path, |header| header.meta = Value::Null, Some);
    assert!(refused(&path).contains("does not say which robot it is of"), "{}", refused(&path));

    // As much is said where a picture was wanted.
    let (picture, recording) = (dir.path().join("a.png"), recording());
    let pictured = ["replay", text(&recording), "--policy", "nowhere.safetensors", "--picture", text(&picture)];
    let ended = neuraxis(&pictured);
    assert!(!ended.status.success() && ended.stderr.contains("nowhere.safetensors: no such file"), "{}", ended.stderr);

    // The answers are there, what they were made from is not.
    let mut kept = 0;
    changed(
        &path,
        |_| (),
        |record| {
            kept += u32::from(matches!(record, Record::Observation(_)));
            (!matches!(record, Record::Observation(_)) || kept == 1).then_some(record)
        },
    );
    let ended = neuraxis(&["replay", text(&path), "--policy", text(&shipped()), "--unseen"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stdout.contains("answers were made to observations that are not recorded"), "{}", ended.stdout);
}

#[test]
fn whoever_has_read_enough_of_a_recording_ends_it_quietly() {
    // The reader is gone before anything is written.
    let line =
        format!("{} rec info {} | head -c 0; echo ${{PIPESTATUS[0]}}", binary().display(), recording().display());
    let ended = run(Command::new("bash").args(["-c", &line]), Duration::from_secs(60)).expect("it ends");
    assert_eq!((ended.stdout.trim(), ended.stderr.as_str()), ("0", ""));
}

#[test]
fn weights_that_answer_no_numbers_are_refused_before_anything_moves() {
    let dir = tempfile::tempdir().expect("a folder");
    let (weights, out) = (dir.path().join("huge.safetensors"), dir.path().join("run"));
    // Numbers, but their sums are none.
    altered(&weights, &["coarse.upsample.weight"], |value| value.copy_from_slice(&f32::MAX.to_le_bytes()));
    for clock in ["lockstep", "realtime"] {
        let ended = neuraxis(&["demo", "--policy", text(&weights), "--clock", clock, "--out", text(&out)]);
        assert!(!ended.status.success() && ended.stderr.contains("these weights give no answer"), "{}", ended.stderr);
        assert!(!out.join("episode.mcap").exists());
    }
}

#[test]
fn one_device_agrees_with_itself() {
    let ended = neuraxis(&["bench", "agree", "--one", "cpu", "--other", "cpu", "--observations", "3"]);
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("3 of 3 answers the same"), "{}", ended.stdout);
}
