//! A process that remembers without a pause is killed at random moments: every episode that it acknowledged is there,
//! whole, and nothing else is but perhaps one more, whole too.

mod rig;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use neuraxis_hippocampus::{Store, What};
use neuraxis_plan::Truth;
use rand::{Rng, SeedableRng};
use rig::*;

const PLACE: &str = "NEURAXIS_TEST_MEMORY_OF_THE_KILLED";
const KILLS: usize = 40;
/// Longest life of a child.
const LIFE: Duration = Duration::from_millis(120);

/// What episode `n` must hold: this many leaves.
fn leaves(n: i64) -> usize {
    3 + 7 * (n as usize % 5)
}

/// Not a test of its own: the other one runs it in a process that it kills.
#[test]
fn the_child_that_is_killed() {
    let Ok(path) = std::env::var(PLACE) else { return };
    let mut memory = open(Path::new(&path));
    println!("open");
    for _ in 0..1_000_000 {
        let n = memory.store().overview(1).unwrap().newest.first().map_or(1, |(id, ..)| id.0 + 1);
        let mut seen = workbench();
        let mut draft = memory.begin(STOW, &seen, "fr3", at(100 * n)).unwrap();
        draft.attempt(attempt(stow_plan()), at(100 * n)).unwrap();
        run_stow(&mut draft, &mut seen, 100 * n);
        for _ in 2..leaves(n) {
            draft.leaf(leaf(7, "reach", Truth::True, None), at(100 * n + 16)).unwrap();
        }
        let id = memory.commit(&draft.conclude(&seen, &stow_plan().goal, at(100 * n + 20)).unwrap()).unwrap();
        assert_eq!(id.0, n);
        println!("kept {n}");
        std::io::stdout().flush().unwrap();
        // Also deletion and checkpoints must be all or nothing.
        if n % 20 == 0 {
            memory.forget(&What::Before(at(100 * n - 1000))).unwrap();
        }
    }
}

/// Runs the child for a while, from its start or from when its memory is open, kills it, and gives the numbers that it acknowledged.
fn killed_after(path: &Path, life: Duration, from_open: bool) -> Vec<i64> {
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
    // Some die while they open, most while they write.
    let mut kept = Vec::new();
    let mut until = Instant::now() + life;
    let watchdog = Instant::now() + Duration::from_secs(60);
    let mut opened = !from_open;
    while Instant::now() < until || !opened {
        assert!(Instant::now() < watchdog, "the child does not open its memory");
        match lines.recv_timeout(Duration::from_millis(1)) {
            Ok(line) if line.ends_with("open") => (opened, until) = (true, Instant::now() + life),
            Ok(line) => kept.extend(number(&line)),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the child ended by itself"),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    // What it said before it died counts.
    kept.extend(lines.try_iter().filter_map(|line| number(&line)));
    kept
}

fn number(line: &str) -> Option<i64> {
    line.strip_prefix("kept ")?.parse().ok()
}

#[test]
fn every_acknowledged_episode_is_whole_and_no_half_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let mut rng = rand_pcg::Pcg64::seed_from_u64(9);
    let (mut acknowledged, mut before) = (0, 0);
    for kill in 0..KILLS {
        let kept = killed_after(&path, LIFE.mul_f64(rng.random_range(0.0..1.0)), kill % 8 != 0);
        acknowledged += kept.len();
        if !path.exists() {
            assert!(kept.is_empty());
            continue;
        }
        let store = Store::look(&path).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
        let there = store.overview(u32::MAX).unwrap().newest;
        let last = kept.last().copied().unwrap_or(before);
        let newest = there.first().map_or(0, |(id, ..)| id.0);
        assert!(newest == last || newest == last + 1, "kill {kill}: kept {last}, the newest is {newest}");
        // Numbers are without a gap; old ones may have been forgotten, in whole.
        let oldest = there.last().map_or(0, |(id, ..)| id.0);
        assert_eq!(there.len() as i64, if newest == 0 { 0 } else { newest - oldest + 1 });
        for (id, ..) in &there {
            let episode = store.episode(*id).unwrap().unwrap();
            assert_eq!(episode.leaves.len(), leaves(id.0), "kill {kill}: half of episode {id}");
            assert_eq!((episode.attempts.len(), episode.goal.len()), (1, 2));
        }
        if newest > 0 {
            // The question that comes after the power has come back.
            let last = store.last_move("red_block").unwrap().unwrap();
            assert_eq!(last.now.triple.to_string(), "in(red_block,top_drawer)");
            assert_eq!(last.now.episode.map(|id| id.0), Some(newest));
            assert_eq!(last.before.triple.to_string(), "on(red_block,table)");
        }
        before = newest;
    }
    println!("{KILLS} kills, {acknowledged} episodes acknowledged, the last is {before}");
    assert!(acknowledged > KILLS, "it was killed before it did anything: {acknowledged}");
    // And it can be written on.
    assert!(!open(&path).is_empty());
}

#[test]
fn a_memory_that_is_killed_while_it_is_made_is_not_there_or_sound() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rand_pcg::Pcg64::seed_from_u64(10);
    let mut made = 0;
    for kill in 0..KILLS {
        let path = folder.path().join(format!("m{kill}"));
        killed_after(&path, (LIFE / 3).mul_f64(rng.random_range(0.0..1.0)), false);
        made += usize::from(path.exists());
        open(&path);
    }
    println!("{made} of {KILLS} had been made");
}
