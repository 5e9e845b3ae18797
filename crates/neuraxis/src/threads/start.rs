//! How a thread begins and ends.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use anyhow::{Context, Result, anyhow};

use super::Shared;

/// A named thread; if it ends with an error or panics, the run ends.
pub fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &'static str,
    shared: &'scope Shared,
    body: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T>>> {
    let thread = Builder::new().name(name.into()).spawn_scoped(scope, move || {
        let alarm = Alarm(shared);
        let result = body();
        if result.is_ok() {
            std::mem::forget(alarm);
        }
        result
    });
    thread.map_err(|error| {
        // Those that run already must not wait for this one.
        shared.end();
        anyhow!("cannot start thread {name}: {error}")
    })
}

/// Raised unless forgotten.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.broken.raise();
    }
}

/// What a thread of [`start`] gave; an error names it.
pub fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>, name: &str) -> Result<T> {
    thread.join().map_err(|_| anyhow!("thread {name} panicked"))?.with_context(|| format!("thread {name}"))
}
