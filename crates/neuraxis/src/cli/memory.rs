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
    /// Shows, explains or forgets; an error if there is no such memory.
    pub fn run(self) -> Result<()> {
        let Self { file, what } = self;
        if !file.exists() {
            bail!("there is no memory {}; `eval --policy brain --memory FILE` makes one", file.display());
        }
        let mut store = Store::open(&file)?;
        match what {
            MemoryCommand::Show { episode } => memory::show(&store, episode),
            MemoryCommand::Why { what } => memory::why(&store, &what),
            MemoryCommand::Forget { what } => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
                memory::forget(&mut store, &what, Stamp::from_unix_ms(since.as_millis() as i64))
            }
        }
    }
}
