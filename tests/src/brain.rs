//! Episodes of the brain, with settings of one's own.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{binary, run, workspace};

/// An evaluation ends in this time.
const PATIENCE: Duration = Duration::from_secs(900);

/// A workspace of its own, with other settings of the brain, and room for files.
pub struct Bench {
    dir: TempDir,
}

/// One episode.
#[derive(Debug)]
pub struct Episode {
    /// Its row in the result file.
    pub row: Value,
    /// The brain's part of it.
    pub brain: Value,
    /// What was printed.
    pub said: String,
}

impl Bench {
    /// With these lines in `brain.yaml`, in place of those that have the same keys.
    pub fn new(lines: &[String]) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let configs = dir.path().join("configs/fr3");
        fs::create_dir_all(&configs)?;
        for entry in fs::read_dir(workspace().join("configs/fr3"))? {
            let entry = entry?;
            fs::copy(entry.path(), configs.join(entry.file_name()))?;
        }
        for folder in ["urdf", "sim", ".deps"] {
            symlink(workspace().join(folder).canonicalize()?, dir.path().join(folder))?;
        }
        let file = configs.join("brain.yaml");
        let key = |line: &str| line.split(':').next().unwrap_or_default().to_string();
        let text = fs::read_to_string(&file)?;
        let (mut kept, mut is_kept) = (Vec::new(), true);
        for line in text.lines() {
            // What is indented belongs to the key above.
            if !line.starts_with(' ') {
                is_kept = !lines.iter().any(|other| key(other) == key(line));
            }
            kept.extend(is_kept.then_some(line));
        }
        fs::write(&file, format!("{}\n{}\n", kept.join("\n"), lines.join("\n")))?;
        Ok(Self { dir })
    }

    /// A file of this name in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary, in this workspace.
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command.env("NEURAXIS_ROOT", self.dir.path()).current_dir(self.dir.path());
        command
    }

    /// One episode of a long task.
    pub fn episode(&self, task: &str, further: &[&str]) -> io::Result<Episode> {
        let file = self.file("result.json");
        let mut command = self.command();
        command.args(["eval", "--policy", "brain", "--tasks", task, "--episodes", "1", "--jobs", "1"]);
        command.args(further).arg("--json").arg(&file);
        let ended = run(&mut command, PATIENCE)?;
        if !ended.status.success() {
            return Err(io::Error::other(format!("{command:?}: {}{}", ended.stdout, ended.stderr)));
        }
        let report: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let row = report["tasks"][task]["rows"][0].clone();
        Ok(Episode { brain: row["brain"].clone(), row, said: ended.stdout })
    }
}

/// Settings of the client: the address, and how long it waits [s].
pub fn client(url: &str, first_byte_secs: f64, total_secs: f64) -> String {
    format!(
        "vlm: {{base_url: \"{url}\", connect_secs: {first_byte_secs}, first_byte_secs: {first_byte_secs}, total_secs: \
         {total_secs}, retry_pause_secs: 0.01, logprobs: 0}}"
    )
}

/// A memory as `neuraxis memory show` prints it.
pub fn shown(file: &Path) -> io::Result<String> {
    let mut command = Command::new(binary());
    let ended = run(command.arg("memory").arg("--file").arg(file).arg("show"), PATIENCE)?;
    match ended.status.success() {
        true => Ok(ended.stdout),
        false => Err(io::Error::other(ended.stderr)),
    }
}
