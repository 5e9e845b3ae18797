//! What somebody at the machine asks for: Ctrl-C, the first one ends the work in an orderly way, the second one at once;
//! and `kill -USR1`, that what a ring holds be saved.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

static ASKED: AtomicBool = AtomicBool::new(false);
static SAVE: AtomicBool = AtomicBool::new(false);

/// From here on Ctrl-C (and SIGTERM) only raises [`asked`]. Call it once, in commands that look at it.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        say_err!("ending; once more to end at once");
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

/// From here on SIGUSR1 only raises what [`save_asked`] takes.
pub fn listen_for_saves() -> Result<()> {
    extern "C" fn raise(_: libc::c_int) {
        SAVE.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler stores to an atomic and does nothing else, which is allowed in a signal handler.
    let before = unsafe { libc::signal(libc::SIGUSR1, raise as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    ensure!(before != libc::SIG_ERR, "listening for SIGUSR1: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Somebody wants what a ring holds; asked once for each time.
pub fn save_asked() -> bool {
    SAVE.swap(false, Ordering::Relaxed)
}
