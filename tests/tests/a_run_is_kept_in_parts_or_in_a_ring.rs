//! Long runs: a recording in numbered files, or only the seconds around what went wrong; whatever happens to process and disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use neuraxis_episode::{EpisodeReader, Record};
use neuraxis_tests::{Finished, binary, run};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

/// Two loops of 1 kHz on two cores disturb each other.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn demo(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(["demo", "--policy", "expert", "--task", "stack_blocks", "--out"]).arg(out).args(arguments);
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Ends well and says so.
fn good(arguments: &[&str]) -> String {
    let Finished { status, stdout, stderr } = run(Command::new(binary()).args(arguments), PATIENCE).expect("it ends");
    assert!(status.success(), "{arguments:?}\n{stdout}\n{stderr}");
    stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn info(path: &Path) -> Value {
    serde_json::from_str(&good(&["rec", "info", text(path), "--json"])).expect("JSON")
}

/// The recordings of a folder, by name.
fn parts(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut parts: Vec<_> = entries.filter(|path| text(path).ends_with(".mcap")).collect();
    parts.sort();
    parts
}

fn merged(parts: &[PathBuf], out: &Path) -> String {
    let mut arguments = vec!["rec", "merge"];
    arguments.extend(parts.iter().map(|part| text(part)));
    arguments.extend(["--out", text(out)]);
    good(&arguments)
}

/// Waits until there is a file of that size; the process must live until then.
fn until_there(child: &mut Child, file: &Path, bytes: u64) {
    let start = Instant::now();
    while fs::metadata(file).map_or(0, |about| about.len()) < bytes {
        assert!(start.elapsed() < PATIENCE, "{} does not come", file.display());
        assert!(child.try_wait().expect("a child").is_none(), "it ended before {} was there", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Number and time of a tick of the loop [s of the run's clock].
type At = (u64, f64);
/// A line of the log and when it was written [s of the run's clock].
type Line = (f64, String);

/// The loop's ticks and the log's lines; damage ends them.
fn times(file: &Path) -> (Vec<At>, Vec<Line>) {
    let reader = EpisodeReader::open(file).expect("a recording");
    let (mut ticks, mut lines) = (Vec::new(), Vec::new());
    for record in reader.records().map_while(Result::ok) {
        match record {
            Record::Tick(tick) => ticks.push((tick.number, tick.inputs.now.secs())),
            Record::Event(at, _, line) => lines.push((at.secs(), line)),
            _ => {}
        }
    }
    (ticks, lines)
}

#[test]
fn parts_of_a_run_join_to_what_one_file_would_hold() {
    let (whole, rotated) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for (dir, arguments) in [(&whole, &[][..]), (&rotated, &["--part-secs", "2.5", "--part-megabytes", "1"][..])] {
        let mut command = demo(dir.path(), &["--clock", "lockstep"]);
        let ended = run(command.args(arguments), PATIENCE).expect("it ends");
        assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    }
    let parts = parts(rotated.path());
    assert!(parts.len() >= 4 && parts[0].ends_with("episode-001.mcap"), "{parts:?}");
    assert!(!rotated.path().join("episode.rrd").exists());
    for part in &parts {
        let info = info(part);
        assert_eq!((info["ends"].as_str(), info["run"]["task"].as_str()), (Some("complete"), Some("stack_blocks")));
        assert_eq!(info["instructions"][0][0], 0.0);
    }
    let last = parts.last().expect("a part");
    good(&["replay", "--rrd", text(&rotated.path().join("last.rrd")), text(last)]);

    let joined = rotated.path().join("joined.mcap");
    merged(&parts, &joined);
    let one = info(&whole.path().join("episode.mcap"));
    let topics = |info: &Value| -> Vec<_> {
        let topics = info["topics"].as_array().expect("topics").iter();
        // The header says how it was recorded.
        let topics = topics.filter(|topic| topic["topic"] != "/neuraxis/meta");
        topics.map(|topic| (topic["topic"].clone(), topic["messages"].clone(), topic["bytes"].clone())).collect()
    };
    assert_eq!(topics(&info(&joined)), topics(&one));
    assert_eq!(info(&joined)["summary"], one["summary"]);
    assert!(good(&["replay", "--decisions", text(&joined)]).contains("all the same to the last bit"));
}

#[test]
fn a_kill_during_rotation_costs_the_last_chunk_of_the_last_part() {
    let _turn = one_at_a_time();
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = demo(dir.path(), &["--part-secs", "1.5"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the demo starts");
    until_there(&mut child, &dir.path().join("episode-003.mcap"), 100_000);
    child.kill().expect("SIGKILL");
    child.wait().expect("a child");
    let parts = parts(dir.path());
    let ends: Vec<_> = parts.iter().map(|part| info(part)["ends"].clone()).collect();
    assert!(ends.len() == 3 && ends[..2].iter().all(|ends| ends == "complete") && ends[2] == "truncated", "{ends:?}");
    let joined = dir.path().join("joined.mcap");
    assert!(merged(&parts, &joined).contains("episode-003.mcap: cut off at its end"));
    // Not a tick is missing up to there.
    assert!(good(&["replay", "--decisions", text(&joined)]).contains("all the same to the last bit"));
    assert!(info(&joined)["duration_secs"].as_f64().expect("a number") > 3.0);
}

#[test]
fn a_ring_saves_what_was_before_a_stop_and_nothing_else() {
    let _turn = one_at_a_time();
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = ["--cameras-stop-after", "4", "--ring", "2", "--ring-after", "0.5"];
    let ended = run(&mut demo(dir.path(), &arguments), PATIENCE).expect("it ends");
    // Without cameras the task is not done.
    assert!(!ended.status.success(), "{}", ended.stdout);
    let saved: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("saved ")).collect();
    assert!(saved.iter().any(|line| line.contains("CameraStale")), "{}", ended.stdout);
    assert!(!dir.path().join("episode.rrd").exists());
    let part =
        parts(dir.path()).into_iter().find(|part| times(part).1.iter().any(|line| line.1.contains("CameraStale")));
    let part = part.expect("a file with the stop in it");
    assert_eq!(info(&part)["ends"], "complete");
    let (ticks, lines) = times(&part);
    let stop = lines.iter().find(|(_, line)| line.contains("CameraStale")).expect("the stop").0;
    let (before, after) = (stop - ticks[0].1, ticks[ticks.len() - 1].1 - stop);
    // All there was, where it was less.
    assert!(before >= 1.9 || ticks[0].0 == 0, "{before} s before the stop");
    assert!(after >= 0.4, "{after} s after the stop");
    assert!(lines.iter().any(|(_, line)| line.starts_with("saved, because")), "{lines:?}");
}

#[test]
fn a_ring_is_saved_on_request_and_a_kill_leaves_what_was_saved() {
    let _turn = one_at_a_time();
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = demo(dir.path(), &["--ring", "2", "--ring-after", "60"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the demo starts");
    let mut said = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    while !line.starts_with("ring ") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).expect("a line") > 0, "it ended without a ring");
    }
    let asked = format!("kill -USR1 {}", child.id());
    assert!(line.contains(&asked), "{line}");
    std::thread::sleep(Duration::from_secs(3));
    assert!(parts(dir.path()).is_empty(), "nothing has happened yet");
    assert!(Command::new("sh").args(["-c", &asked]).status().expect("a shell").success());
    let part = dir.path().join("episode-001.mcap");
    until_there(&mut child, &part, 50_000);
    std::thread::sleep(Duration::from_secs(1));
    child.kill().expect("SIGKILL");
    child.wait().expect("a child");
    assert_eq!(info(&part)["ends"], "truncated");
    let (ticks, lines) = times(&part);
    let asked = lines.iter().find(|(_, line)| line.contains("somebody asked for it")).expect("why").0;
    let (before, after) = (asked - ticks[0].1, ticks[ticks.len() - 1].1 - asked);
    assert!(before > 1.0 || ticks[0].0 == 0, "{before} s before it was asked for");
    assert!(after > 0.3, "{after} s after");
}

#[test]
fn a_disk_that_takes_no_more_of_a_ring_is_told_and_the_run_goes_on() {
    let _turn = one_at_a_time();
    let dir = tempfile::tempdir().expect("a folder");
    // No file may grow beyond 400 or 800 kB (blocks of 512 or 1024 bytes): more than a chunk, less than the ring.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 800; exec \"$@\"", "sh"]).arg(binary());
    command.args([
        "demo",
        "--policy",
        "expert",
        "--task",
        "stack_blocks",
        "--cameras-stop-after",
        "3",
        "--ring",
        "3",
        "--out",
    ]);
    let ended = run(command.arg(dir.path()), PATIENCE).expect("it ends");
    assert!(ended.stderr.contains("saved in part only, the ring goes on"), "{}", ended.stderr);
    assert!(ended.stderr.contains("episode-001.mcap") && ended.stderr.contains("File too large"), "{}", ended.stderr);
    for line in ["success", "episode", "fault"] {
        assert!(ended.stdout.lines().any(|l| l.starts_with(line)), "no {line} in:\n{}", ended.stdout);
    }
    // What was written can be read.
    assert!(!times(&parts(dir.path())[0]).0.is_empty());
}
