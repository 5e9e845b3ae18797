//! The main job on the wall clock, with the expert in the policy's place: it records, and stops when the cameras do.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use neuraxis_episode::{EpisodeReader, Record};
use neuraxis_tests::{Finished, binary, run};

/// Two loops of 1 kHz on two cores disturb each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn demo(out: &std::path::Path, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    finish(Command::new(binary()).envs(environment.iter().copied()), "expert", out, arguments)
}

/// Through a shell that sets limits first.
fn demo_under(shell: &str, out: &std::path::Path) -> Finished {
    finish(Command::new("sh").args(["-c", shell, "sh"]).arg(binary()), "expert", out, &[])
}

fn finish(command: &mut Command, policy: &str, out: &std::path::Path, arguments: &[&str]) -> Finished {
    command.args(["demo", "--policy", policy, "--task", "stack_blocks", "--out"]).arg(out).args(arguments);
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    run(command, Duration::from_secs(180)).expect("the demo ends")
}

#[test]
fn all_threads_run_and_both_recordings_are_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let ended = demo(dir.path(), &[], &[]);
    // Whether the goal is met on a loaded machine is not the point here: success is judged in lockstep.
    for thread in ["brainstem", "cerebellum", "policy", "cameras", "plant", "recorded"] {
        assert!(ended.stdout.lines().any(|line| line.starts_with(thread)), "no {thread} in:\n{}", ended.stdout);
    }
    for file in ["episode.mcap", "episode.rrd"] {
        let bytes = std::fs::metadata(dir.path().join(file)).expect(file).len();
        assert!(bytes > 100_000, "{file} has {bytes} bytes");
    }
}

#[test]
fn sr19_without_cameras_the_arm_stops_and_nothing_recorded_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let ended = demo(dir.path(), &["--cameras-stop-after", "1"], &[]);
    assert!(!ended.status.success(), "{}", ended.stdout);
    // A machine that stands still is told apart by the demo, which tries again: the last attempt counts.
    let fault = ended.stdout.lines().rfind(|line| line.starts_with("fault")).expect("a fault is printed");
    assert!(fault.contains("camera stopped delivering images"), "{fault}");
    let recording = std::fs::metadata(dir.path().join("episode.mcap")).expect("a recording");
    assert!(recording.len() > 50_000, "{} bytes", recording.len());
}

#[test]
fn pictures_without_depth_are_refused_by_the_policy_and_the_arm_stops() {
    let dir = tempfile::tempdir().expect("a folder");
    // The expert would not look.
    let blind = ["--cameras-blind-after", "3"];
    let ended = finish(&mut Command::new(binary()), "weights", dir.path(), &blind);
    assert!(!ended.status.success(), "{}", ended.stdout);
    let fault = ended.stdout.lines().rfind(|line| line.starts_with("fault")).expect("a fault is printed");
    assert!(fault.contains("prediction"), "{fault}");
    assert!(ended.stdout.contains("no camera can be used: front: hardly any depth reading"), "{}", ended.stdout);
}

#[test]
fn a_camera_that_dies_is_done_without_all_that_die_hold_the_arm_and_those_that_come_back_are_used() {
    let dir = tempfile::tempdir().expect("a folder");
    // The wrist's camera is dead while all are, and longer; a stop of less than two seconds does not end the episode.
    let faults = ["--camera-fault", "blind:wrist:1:5", "--camera-fault", "blind:all:2:4"];
    let ended = finish(&mut Command::new(binary()), "weights", dir.path(), &faults);
    let expected = [
        "does without cameras: wrist: hardly any depth reading",
        "no answer: observation",
        "answers again",
        "uses all cameras again",
    ];
    // A machine that stands still makes the demo try again: the last attempt counts.
    let begins = ended.stderr.rfind(expected[0]).unwrap_or_else(|| panic!("{}{}", ended.stdout, ended.stderr));
    let said = ended.stderr[begins..].lines().filter(|line| expected.iter().any(|part| line.contains(part)));
    let said: Vec<&str> = said.collect();
    let in_order = said.len() == 4 && said.iter().zip(expected).all(|(line, part)| line.contains(part));
    assert!(in_order, "{said:#?}\n{}{}", ended.stdout, ended.stderr);
    assert!(said[1].contains("no camera can be used: front: hardly any depth reading"), "{}", said[1]);

    // The same is in the recording; for want of an answer the arm stands, stopped or at a key-frame, and then goes on.
    let reader = EpisodeReader::open(&dir.path().join("episode.mcap")).expect("a recording");
    let (mut events, mut phases, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for record in reader.records() {
        match record.expect("a record") {
            Record::Event(at, _, text) => events.push((at, text)),
            Record::Phase(at, phase) => phases.push((at, phase)),
            Record::Monitors(_, monitors) => {
                let count = monitors.into_iter().find(|monitor| monitor.name == "cameras left out");
                left_out.extend(count.map(|monitor| monitor.value).filter(|count| left_out.last() != Some(count)));
            }
            _ => {}
        }
    }
    let [_, _, seeing, _] = expected.map(|part| {
        let event = events.iter().find(|(_, text)| text.contains(part));
        event.unwrap_or_else(|| panic!("{part} in {events:#?}")).0
    });
    assert_eq!(left_out, [0.0, 1.0, 4.0, 1.0, 0.0]);
    let (before, after): (Vec<_>, Vec<_>) = phases.iter().partition(|(at, _)| *at < seeing);
    let stands = before.last().is_some_and(|(_, phase)| phase == "Stopped" || phase == "Waiting");
    assert!(stands, "while it saw nothing: {phases:?}");
    assert!(after.iter().any(|(_, phase)| phase == "Moving"), "it has gone on: {phases:?}");
}

#[test]
fn without_a_renderer_the_error_names_the_remedy_and_the_recording_is_closed() {
    let dir = tempfile::tempdir().expect("a folder");
    let ended = demo(dir.path(), &[], &[("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent.json")]);
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stderr.contains("EGL") && ended.stderr.contains("install libegl1"), "{}", ended.stderr);
    assert!(ended.stdout.lines().any(|line| line.starts_with("recorded")), "{}", ended.stdout);
    assert!(is_closed(dir.path()), "the recording is not closed");
}

#[test]
fn sr23_a_disk_that_takes_no_more_ends_the_recording_and_not_the_episode() {
    let dir = tempfile::tempdir().expect("a folder");
    // No file may grow beyond 200 kB.
    let ended = demo_under("trap '' XFSZ; ulimit -f 200; exec \"$@\"", dir.path());
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stderr.contains("the recording ends here, the arm goes on without it"), "{}", ended.stderr);
    assert!(ended.stderr.contains("episode.mcap") && ended.stderr.contains("File too large"), "{}", ended.stderr);
    for line in ["success", "episode"] {
        assert!(ended.stdout.lines().any(|l| l.starts_with(line)), "no {line} in:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.lines().any(|line| line.starts_with("recorded")), "{}", ended.stdout);
}

#[test]
fn sr28_sigterm_is_a_controlled_stop_and_a_closed_recording() {
    let dir = tempfile::tempdir().expect("a folder");
    let recording = dir.path().join("episode.mcap");
    let ended = std::thread::scope(|scope| {
        let demo = scope.spawn(|| demo(dir.path(), &["--seed", "3"], &[]));
        // Once a second of motion is on disk.
        while !demo.is_finished() && std::fs::metadata(&recording).map_or(0, |file| file.len()) < 50_000 {
            std::thread::sleep(Duration::from_millis(50));
        }
        let out = dir.path().display().to_string();
        let told = Command::new("pkill").args(["-TERM", "-f", &out]).status().expect("pkill runs");
        assert!(told.success(), "no demo to stop");
        demo.join().expect("the demo ends")
    });
    assert!(!ended.status.success() && ended.status.code().is_some(), "{:?}\n{}", ended.status, ended.stdout);
    assert!(ended.stderr.contains("once more to end at once"), "{}", ended.stderr);
    assert!(ended.stdout.lines().any(|line| line.starts_with("brainstem")), "{}", ended.stdout);
    assert!(is_closed(dir.path()), "the recording is not closed");
}

/// A closed MCAP file ends with the format's magic bytes.
fn is_closed(dir: &std::path::Path) -> bool {
    std::fs::read(dir.join("episode.mcap")).expect("a recording").ends_with(b"\x89MCAP0\r\n")
}
