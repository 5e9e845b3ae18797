//! What the scenarios share: where the workspace is, and running a program under a watchdog.
//!
//! A scenario is one file in `tests/`, named as a sentence that it proves.

pub mod brain;
pub mod franky;
pub mod model;
pub mod names;
pub mod plant;
pub mod python;
pub mod running;
pub mod server;
pub mod stalls;
pub mod viewer;

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The folder that holds the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program, which `./neuraxis test` builds before any test.
pub fn binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let binary = target.join("release/neuraxis");
    assert!(binary.exists(), "{} is missing: ./neuraxis build", binary.display());
    binary
}

/// What a program that ended left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// How far the place that `calibrate camera` has printed is from that of the RLBench rig's front camera [m].
    ///
    /// # Panics
    /// It has printed none.
    #[must_use]
    pub fn off_the_front_camera_m(&self) -> f64 {
        let found = self.list_of("world_from_camera", "xyz_m");
        found.iter().zip([1.35, 0.0, 1.58]).map(|(is, should)| (is - should).powi(2)).sum::<f64>().sqrt()
    }

    /// The numbers of the list `key: [...]` in the line that begins with `word`.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn list_of(&self, word: &str, key: &str) -> Vec<f64> {
        let line = self.stdout.lines().find(|line| line.starts_with(word));
        let line = line.unwrap_or_else(|| panic!("no {word} in:\n{}{}", self.stdout, self.stderr));
        let list = line.split_once(&format!("{key}: [")).and_then(|(_, after)| Some(after.split_once(']')?.0));
        let list = list.unwrap_or_else(|| panic!("no {key} in {line}"));
        list.split(',').map(|part| part.trim().parse().expect("a number")).collect()
    }
}

/// Runs a program to its end; one that hangs is killed after `patience` and reported as timed out.
pub fn run(command: &mut Command, patience: Duration) -> io::Result<Finished> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{command:?} still ran after {patience:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    };
    let text = |thread: Option<thread::JoinHandle<String>>| thread.and_then(|t| t.join().ok()).unwrap_or_default();
    Ok(Finished { status, stdout: text(stdout), stderr: text(stderr) })
}

// Pipes are drained while the program runs: a full pipe would block it.
fn reader(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
