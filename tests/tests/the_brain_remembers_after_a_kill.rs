//! The brain is killed while it writes down what it has done. Its memory is sound afterwards, and the next process knows
//! where things were: "put it back where it was".

use std::{
    fs, io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use neuraxis_tests::brain::{Bench, shown};
use serde_json::Value;

const TASK: &str = "stow_block";
const BACK: &str = "put it back where it was";
/// A child is killed after this, whatever it does.
const PATIENCE: Duration = Duration::from_secs(600);
const SIGKILL: i32 = 9;

/// Sizes of the files of a memory: they change when it is written.
fn sizes(memory: &Path) -> [u64; 2] {
    let size = |ending: &str| fs::metadata(format!("{}{ending}", memory.display())).map_or(0, |meta| meta.len());
    [size(""), size("-wal")]
}

/// Kills the child `after` the files have changed so many times since it opened the memory. False: it was too quick, and
/// has ended by itself.
fn is_killed_while_it_writes(mut child: Child, memory: &Path, changes: u32, after: Duration) -> io::Result<bool> {
    let (start, mut seen, mut changed) = (Instant::now(), sizes(memory), 0);
    while changed < changes {
        assert!(start.elapsed() < PATIENCE, "it hangs");
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        let now = sizes(memory);
        changed += u32::from(now != seen);
        seen = now;
        thread::sleep(Duration::from_micros(50));
    }
    thread::sleep(after);
    child.kill()?;
    Ok(child.wait()?.signal() == Some(SIGKILL))
}

/// Episodes that a memory holds.
fn episodes(memory: &Path) -> io::Result<u32> {
    let text = shown(memory)?;
    let count = text.lines().find_map(|line| line.split_once(" episodes, ")?.0.parse().ok());
    count.ok_or_else(|| io::Error::other(text))
}

/// Where the simulator has the highest and the lowest of the things [m].
fn heights_m(world: &Path) -> io::Result<[f64; 2]> {
    let world: Value = serde_json::from_slice(&fs::read(world)?)?;
    let things = world["things_m"].as_object().ok_or_else(|| io::Error::other("no things in the world"))?;
    let heights = things.values().filter_map(|at| at[2].as_f64());
    Ok(heights.fold([f64::MAX, f64::MIN], |[low, high], z| [low.min(z), high.max(z)]))
}

#[test]
fn it_is_put_back_by_another_process_after_kills_in_the_middle_of_writing() -> io::Result<()> {
    let bench = Bench::new(&[])?;
    let (memory, world) = (bench.file("memory.sqlite"), bench.file("world.json"));
    let text = |path: &Path| path.to_str().unwrap_or_default().to_string();
    let (memory_text, world_text) = (text(&memory), text(&world));
    let remembering = ["--memory", memory_text.as_str()];
    let staying = [remembering, ["--world", world_text.as_str()]].concat();
    let done = bench.episode(TASK, &staying)?;
    assert_eq!(done.row["success"], true, "{done:#?}");
    // One block is high up in the cabinet, the others on the table.
    let [low, high] = heights_m(&world)?;
    assert!(high > low + 0.1, "{low} {high}");

    let mut kept = episodes(&memory)?;
    assert_eq!(kept, 1);
    // The log's head, its body, the file that it is folded into.
    let mut kills = 0;
    for (changes, micros) in [(1, 0), (1, 3_000), (2, 0), (2, 1_000), (3, 0)] {
        // In a copy of the world: what the killed have done there is nobody's business.
        let copy = bench.file("copy.json");
        fs::copy(&world, &copy)?;
        let mut command = bench.command();
        command.args(["eval", "--policy", "brain", "--tasks", TASK, "--episodes", "1", "--jobs", "1"]);
        command.args(["--say", "open the top drawer", "--world"]).arg(copy).args(remembering);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let is_killed = is_killed_while_it_writes(child, &memory, changes, Duration::from_micros(micros))?;
        kills += u32::from(is_killed);
        // All of the episode or nothing; `show` checks the whole file.
        let now = episodes(&memory)?;
        println!("killed {micros} us after change {changes}: {is_killed}, {kept} episodes and then {now}");
        assert!(now == kept + 1 || is_killed && now == kept, "{kept} and then {now}");
        kept = now;
    }
    assert!(kills > 0, "it is never killed");

    let back = [staying.as_slice(), &["--say", BACK]].concat();
    let done = bench.episode(TASK, &back)?;
    println!("{}", done.said);
    assert_eq!(done.row["success"], true, "{done:#?}");
    assert!(done.said.contains("judge the brain itself"), "{}", done.said);
    // The brain says that it has seen it; and so it is.
    let [low, high] = heights_m(&world)?;
    assert!(high < low + 0.01, "{low} {high}");
    assert_eq!(episodes(&memory)?, kept + 1);
    Ok(())
}

#[test]
fn what_nobody_remembers_is_not_put_back() -> io::Result<()> {
    let bench = Bench::new(&[])?;
    let memory = bench.file("memory.sqlite");
    let done = bench.episode(TASK, &["--say", BACK, "--memory", memory.to_str().unwrap_or_default()])?;
    assert_eq!((&done.row["success"], &done.row["reached"]), (&false.into(), &0.into()), "{done:#?}");
    assert_eq!(done.brain["ended"], "I do not remember that anything was moved", "{done:#?}");
    Ok(())
}
