//! What was recorded is replayed: its decisions to the last bit, its pictures into the viewer, also after a kill.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use neuraxis_core::Nanos;
use neuraxis_episode::{EpisodeReader, EpisodeWriter, Record};
use neuraxis_tests::{Finished, binary, run};
use serde_json::Value;

fn neuraxis(arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("RUST_BACKTRACE", "0");
    run(&mut command, Duration::from_secs(240)).expect("it ends")
}

/// Ends well and says so.
fn good(arguments: &[&str]) -> String {
    let ended = neuraxis(arguments);
    assert!(ended.status.success(), "{arguments:?}\n{}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn info(path: &Path) -> Value {
    serde_json::from_str(&good(&["rec", "info", text(path), "--json"])).expect("JSON")
}

/// A recording of an episode of some seconds, on simulated time.
fn recording() -> PathBuf {
    static DONE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = DONE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let out = text(dir.path()).to_string();
        good(&["demo", "--policy", "expert", "--task", "stack_blocks", "--clock", "lockstep", "--out", &out]);
        let path = dir.path().join("episode.mcap");
        (dir, path)
    });
    path.clone()
}

/// The same recording with its records changed, left out (`None`) or kept.
fn changed(out: &Path, mut change: impl FnMut(Record) -> Option<Record>) {
    let reader = EpisodeReader::open(&recording()).expect("a recording");
    let mut writer = EpisodeWriter::create(out, reader.header()).expect("a file");
    for record in reader.records() {
        if let Some(record) = change(record.expect("a good recording")) {
            writer.record(&record).expect("room on the disk");
        }
    }
    writer.finish().expect("room on the disk");
}

#[test]
fn ten_thousand_recorded_decisions_are_taken_again_to_the_last_bit() {
    // A long task, with stops of the arm in it; whether it succeeds is not the point here.
    let dir = tempfile::tempdir().expect("a folder");
    let out = text(dir.path()).to_string();
    neuraxis(&["demo", "--policy", "brain", "--task", "stow_block", "--clock", "lockstep", "--out", &out]);
    let told = good(&["replay", "--decisions", text(&dir.path().join("episode.mcap"))]);
    let number = told.split(": ").nth(1).and_then(|words| words.split(' ').next()).expect("a number");
    assert!(
        number.parse::<u64>().expect("a number") >= 10_000 && told.contains("all the same to the last bit"),
        "{told}"
    );
}

#[test]
fn a_decision_that_differs_is_named_by_tick_and_field() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("spoilt.mcap");
    // The lowest bit of one number of one decision, and the clock's reading of another tick.
    changed(&path, |record| {
        Some(match record {
            Record::Tick(mut tick) if tick.number == 700 => {
                tick.decision.command.qd[2] = f64::from_bits(tick.decision.command.qd[2].to_bits() ^ 1);
                Record::Tick(tick)
            }
            other => other,
        })
    });
    let ended = neuraxis(&["replay", "--decisions", text(&path)]);
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stdout.contains("700 decisions taken again"), "{}", ended.stdout);
    assert!(ended.stderr.contains("spoilt.mcap: tick 700 differs in command.qd"), "{}", ended.stderr);

    let path = dir.path().join("late.mcap");
    changed(&path, |record| {
        Some(match record {
            Record::Tick(mut tick) if tick.number == 900 => {
                tick.inputs.now = tick.inputs.now + Nanos(1);
                Record::Tick(tick)
            }
            other => other,
        })
    });
    let ended = neuraxis(&["replay", "--decisions", text(&path)]);
    assert!(!ended.status.success() && ended.stderr.contains("tick 900 differs in now"), "{}", ended.stderr);
}

#[test]
fn a_gap_ends_what_can_be_replayed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("gap.mcap");
    changed(&path, |record| match record {
        Record::Tick(tick) if (1200..1207).contains(&tick.number) => None,
        other => Some(other),
    });
    let ended = neuraxis(&["replay", "--decisions", text(&path)]);
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stderr.contains("gap: 7 ticks are missing after tick 1199"), "{}", ended.stderr);
    assert_eq!(info(&path)["gaps"], serde_json::json!([{"after": 1199, "missing": 7}]));

    // A part of a recording lacks its start.
    let part = dir.path().join("part.mcap");
    good(&["rec", "cut", text(&recording()), "--from", "2", "--out", text(&part)]);
    let ended = neuraxis(&["replay", "--decisions", text(&part)]);
    assert!(!ended.status.success() && ended.stderr.contains("lacks the loop's first"), "{}", ended.stderr);
}

#[test]
fn recordings_go_into_files_for_the_viewer_alone_and_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let (part, alone, both) = (dir.path().join("part.mcap"), dir.path().join("a.rrd"), dir.path().join("b.rrd"));
    let recording = recording();
    good(&["rec", "cut", text(&recording), "--to", "3", "--out", text(&part)]);
    let told = good(&["replay", "--rrd", text(&alone), text(&recording)]);
    assert!(told.contains("replayed") && !told.contains("cannot be decoded"), "{told}");
    good(&["replay", "--rrd", text(&both), text(&recording), text(&part)]);
    let size = |path: &Path| fs::metadata(path).expect("a file").len();
    // Cameras at 10 Hz for ten seconds, and the robot's meshes.
    assert!(size(&alone) > 1_000_000 && size(&both) > size(&alone) + 200_000, "{} {}", size(&alone), size(&both));

    let ended = neuraxis(&["replay", "--rrd", text(&alone), text(&recording)]);
    assert!(!ended.status.success() && ended.stderr.contains("--force replaces it"), "{}", ended.stderr);
    let ended = neuraxis(&["replay", text(&recording)]);
    assert!(!ended.status.success() && ended.stderr.contains("no display"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--rrd OUT") && ended.stderr.contains("--web"), "{}", ended.stderr);
    let ended = neuraxis(&["replay", text(&dir.path().join("none.mcap"))]);
    assert!(!ended.status.success() && ended.stderr.contains("none.mcap: cannot open"), "{}", ended.stderr);
}

#[test]
fn numbers_come_out_as_tables_and_info_counts_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let tables = dir.path().join("tables");
    good(&["rec", "export", text(&recording()), "--csv", text(&tables)]);
    let info = info(&recording());
    assert_eq!((info["ends"].as_str(), info["summary"]["success"].is_boolean()), (Some("complete"), true));
    assert_eq!(info["run"]["task"], "stack_blocks");
    let topics = info["topics"].as_array().expect("topics");
    for (table, topic) in [("joint_states.csv", "/joint_states"), ("joint_commands.csv", "/joint_commands")] {
        let rows = fs::read_to_string(tables.join(table)).expect(table);
        let count = topics.iter().find(|known| known["topic"] == topic).expect(topic)["messages"].as_u64();
        assert_eq!(Some(rows.lines().count() as u64 - 1), count, "{table}");
        let columns = rows.lines().map(|line| line.split(',').count()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(columns.len(), 1, "{table} has rows of {columns:?} columns");
        assert!(rows.starts_with("time_s,fr3_joint1.q_rad,"), "{}", &rows[..60]);
    }
    let ended = neuraxis(&["rec", "export", text(&recording()), "--csv", text(&tables)]);
    assert!(!ended.status.success() && ended.stderr.contains("joint_states.csv: exists already"), "{}", ended.stderr);
}

#[test]
fn of_a_demo_that_is_killed_the_recording_is_good_to_the_last_chunk() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("episode.mcap");
    let mut demo = Command::new(binary())
        .args(["demo", "--policy", "expert", "--task", "stack_blocks", "--out", text(dir.path())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let start = Instant::now();
    // Several chunks are on disk.
    while fs::metadata(&path).map_or(0, |file| file.len()) < 1_500_000 {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing is recorded");
        assert!(demo.try_wait().expect("a child").is_none(), "the demo ended too early");
        std::thread::sleep(Duration::from_millis(20));
    }
    demo.kill().expect("SIGKILL");
    demo.wait().expect("a child");
    let info = info(&path);
    assert_eq!((info["ends"].as_str(), info["summary"].is_null()), (Some("truncated"), true));
    assert!(info["duration_secs"].as_f64().expect("a number") > 1.0, "{info}");

    let saved = dir.path().join("saved.mcap");
    let told = good(&["rec", "cut", text(&path), "--out", text(&saved)]);
    assert!(told.contains("cut off at its end"), "{told}");
    assert_eq!(self::info(&saved)["ends"], "complete");
    assert!(good(&["replay", "--decisions", text(&saved)]).contains("all the same to the last bit"));
    let told = good(&["replay", "--rrd", text(&dir.path().join("killed.rrd")), text(&path)]);
    assert!(told.contains("it is truncated: what came before is shown"), "{told}");
}
