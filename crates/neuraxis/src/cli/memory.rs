//! `neuraxis memory`: what of a memory is shown or forgotten.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use neuraxis_hippocampus::{Stamp, Store};

use crate::memory;

/// Which memory, and what of it.
#[derive(Debug, Args)]
pub struct MemoryArgs {
    /// File of the memory.
    #[arg(long, value_name = "FILE", default_value = "out/memory.sqlite")]
    file: PathBuf,
    #[command(subcommand)]
    what: MemoryCommand,
}

#[derive(Debug, Subcommand)]
enum MemoryCommand {
    /// All at a glance, or one episode.
    Show {
        /// Number of an episode.
        episode: Option<i64>,
    },
    /// What a belief rests on: `fact 7`, `repair 2`, `red_block`, `in(red_block,top_drawer)`, `episode 3`.
    Why {
        /// In words.
        #[arg(required = true)]
        what: Vec<String>,
    },
    /// For good: `episode 3`, `thing red_block`, `older 30` (days).
    Forget {
        /// In words.
        #[arg(required = true)]
        what: Vec<String>,
    },
}

impl MemoryArgs {
    /// Shows, explains or forgets; an error if there is no such memory. Who only looks is not in the way of who remembers.
    pub fn run(self) -> Result<()> {
        let Self { file, what } = self;
        if !file.exists() {
            bail!("there is no memory {}; `eval --policy brain --memory FILE` makes one", file.display());
        }
        match what {
            MemoryCommand::Show { episode } => memory::show(&Store::look(&file)?, episode),
            MemoryCommand::Why { what } => memory::why(&Store::look(&file)?, &what),
            MemoryCommand::Forget { what } => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
                memory::forget(&mut Store::open(&file)?, &what, Stamp::from_unix_ms(since.as_millis() as i64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_in_use_is_shown_and_explained_and_nothing_of_it_forgotten() {
        let file = std::env::temp_dir().join(format!("neuraxis-memory-in-use-{}", std::process::id()));
        let in_use = Store::open(&file).unwrap();
        let run = |what| MemoryArgs { file: file.clone(), what }.run().map_err(|error| error.to_string());
        assert_eq!(run(MemoryCommand::Show { episode: None }), Ok(()));
        let why = run(MemoryCommand::Why { what: vec!["red_block".into()] }).unwrap_err();
        assert!(why.contains("nothing is known of"), "{why}");
        let forget = run(MemoryCommand::Forget { what: vec!["older".into(), "1".into()] }).unwrap_err();
        assert!(forget.contains("in use by process"), "{forget}");
        drop(in_use);
        for ending in ["", ".lock", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
    }
}
