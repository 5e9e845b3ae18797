//! Ctrl-C: the first one ends the work in an orderly way, the second one at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C (and SIGTERM) only raises [`asked`]. Call it once, in commands that look at it.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("ending; once more to end at once");
    })
    .context("listening for Ctrl-C")
}

/// What [`asked`] looks at, for whoever looks at a flag of its own.
#[cfg(feature = "ros")]
pub fn flag() -> &'static AtomicBool {
    &ASKED
}

/// Somebody wants to end.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
