//! The brain in threads, on the wall clock, with the simulated arm in a robot's place.

use std::{process::Command, time::Duration};

use neuraxis_tests::{binary, run};

#[test]
fn a_long_task_from_one_sentence_is_done_recorded_and_costs_the_loop_no_heap() {
    let dir = tempfile::tempdir().expect("a folder");
    let memory = dir.path().join("memory.sqlite");
    let plan = ["demo", "--policy", "brain", "--task", "stow_block", "--out"];
    let mut demo = Command::new(binary());
    demo.args(plan).arg(dir.path().join("run")).arg("--memory").arg(&memory);
    let ended = run(&mut demo, Duration::from_secs(400)).expect("it ends");
    let line = |name: &str| {
        let found = ended.stdout.lines().rfind(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("no {name} in:\n{}{}", ended.stdout, ended.stderr))
    };
    // A machine that stands still is told apart by the demo, which tries again: the last attempt counts.
    assert!(line("success").contains("yes"), "{}", ended.stdout);
    assert!(line("brain  ").contains(" Hz of 10,"), "{}", line("brain  "));
    assert!(line("cerebellum").contains(", 0 heap calls;"), "{}", line("cerebellum"));
    // Rings that were full would have lost something.
    assert_eq!(line("lost"), "lost        0 events and 0 thoughts of the brain");
    // R9: nobody waited for the memory, and what is in it was observed.
    let show = |what: &str| {
        let mut show = Command::new(binary());
        show.arg("memory").arg("--file").arg(&memory).args(["show", what]);
        run(&mut show, Duration::from_secs(60)).expect("it ends").stdout
    };
    let newest = (1..=9).map(|i| show(&i.to_string())).rfind(|told| told.contains("episode ")).expect("an episode");
    assert!(newest.contains("success"), "{newest}");
    for (file, least) in [("episode.mcap", 1_000_000), ("episode.rrd", 1_000_000)] {
        let bytes = std::fs::metadata(dir.path().join("run").join(file)).expect(file).len();
        assert!(bytes > least, "{file} has {bytes} bytes");
    }
}

#[test]
fn what_is_no_task_is_refused_with_a_reason_and_the_arm_rests() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = ["demo", "--policy", "brain", "--task", "push_buttons", "--out"];
    let ended = run(Command::new(binary()).args(plan).arg(dir.path()), Duration::from_secs(200)).expect("it ends");
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stdout.contains("I see"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("started, try"), "{}", ended.stdout);
}
