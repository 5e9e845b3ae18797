//! A brain that runs episodes without a pause is killed at random moments: what is remembered are whole episodes, and "put it
//! back where it was" works afterwards.

mod rig;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use neuraxis_brain::{put_back_instruction, where_it_was};
use neuraxis_executor::Outcome;
use neuraxis_hippocampus::{Outcome as Remembered, Store};
use neuraxis_plan::Scene;
use rand::{Rng, SeedableRng};
use rig::*;

const PLACE: &str = "NEURAXIS_TEST_BRAIN_OF_THE_KILLED";
const KILLS: usize = 12;
/// Longest life of a child from when its memory is open.
const LIFE: Duration = Duration::from_millis(600);
const WATCHDOG: Duration = Duration::from_secs(120);

/// The scene as the memory left it: on the plate or on the table.
fn left(store: &Store) -> (Scene, bool) {
    let facts = store.facts_now(Some("red_block")).unwrap();
    let is_on_plate = facts.iter().any(|known| known.triple.object.as_deref() == Some("yellow_plate"));
    let moved = ["not on(red_block,table)", "not clear(yellow_plate)", "on(red_block,yellow_plate)"];
    (if is_on_plate { scene(&moved) } else { workbench() }, is_on_plate)
}

/// Not a test of its own: the other one runs it in a process that it kills.
#[test]
fn the_child_that_is_killed() {
    let Ok(path) = std::env::var(PLACE) else { return };
    let mut memory = open(Path::new(&path));
    let (mut drafter, _) = counting();
    let (start, _) = left(memory.store());
    let mut world = bench(&start);
    println!("open");
    for i in 0..1_000_000 {
        let now = present(&world);
        let back = put_back_instruction(memory.store(), &now, "put it back where it was");
        let sentence = if let Ok(Some(back)) = back { back } else { ON_PLATE.into() };
        let told = run(&mut memory, &mut drafter, &mut world, &sentence, 100 * i);
        assert_eq!(told.outcome, Outcome::Succeeded, "{sentence}");
        println!("kept {}", told.episode);
        std::io::stdout().flush().unwrap();
    }
}

/// Runs the child, kills it some time after its memory is open, and gives the last number that it acknowledged.
fn killed_after(path: &Path, life: Duration) -> Option<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_that_is_killed", "--nocapture"])
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader =
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let (mut kept, mut until, watchdog) = (None, None, Instant::now() + WATCHDOG);
    while until.is_none_or(|until| Instant::now() < until) {
        assert!(Instant::now() < watchdog, "the child does not open its memory");
        match lines.recv_timeout(Duration::from_millis(1)) {
            Ok(line) if line.ends_with("open") => until = Some(Instant::now() + life),
            Ok(line) => kept = number(&line).or(kept),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the child ended by itself"),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    lines.try_iter().filter_map(|line| number(&line)).last().or(kept)
}

fn number(line: &str) -> Option<i64> {
    line.strip_prefix("kept ")?.parse().ok()
}

#[test]
fn whole_episodes_are_remembered_and_it_can_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut rng = rand_pcg::Pcg64::seed_from_u64(11);
    let mut before = 0;
    for kill in 0..KILLS {
        let kept = killed_after(&path, LIFE.mul_f64(rng.random_range(0.0..1.0)));
        let store = Store::look(&path).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
        let there = store.overview(u32::MAX).unwrap().newest;
        let (last, newest) = (kept.unwrap_or(before), there.first().map_or(0, |(id, ..)| id.0));
        assert!(newest == last || newest == last + 1, "kill {kill}: kept {last}, the newest is {newest}");
        assert_eq!(there.len() as i64, newest);
        for (id, ..) in &there {
            let episode = store.episode(*id).unwrap().unwrap();
            assert_eq!(episode.outcome, Remembered::Success, "kill {kill}: {episode}");
            let leaves: Vec<&str> = episode.leaves.iter().map(|leaf| leaf.skill.as_str()).collect();
            assert_eq!((episode.attempts.len(), leaves), (1, vec!["grasp", "place"]), "kill {kill}: half of {episode}");
        }
        if newest > 0 {
            let (scene, is_on_plate) = left(&store);
            let (was, plain) = if is_on_plate {
                ("table", "put the red block on the table")
            } else {
                ("yellow_plate", "put the red block on the yellow plate")
            };
            assert_eq!(where_it_was(&store, "red_block").unwrap(), was);
            let said = put_back_instruction(&store, &scene, "put it back where it was").unwrap();
            assert_eq!(said.as_deref(), Some(plain));
        }
        before = newest;
    }
    println!("{KILLS} kills, {before} episodes");
    assert!(before > 0, "it was killed before it did anything");
    // And it goes on: back where it was.
    let mut memory = open(&path);
    let (start, _) = left(memory.store());
    let mut world = bench(&start);
    let (mut drafter, _) = counting();
    let plain = put_back_instruction(memory.store(), &start, "put it back where it was").unwrap().unwrap();
    assert_eq!(run(&mut memory, &mut drafter, &mut world, &plain, 1_000_000).outcome, Outcome::Succeeded);
}
