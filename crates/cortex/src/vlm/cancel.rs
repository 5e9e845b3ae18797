//! Breaking off a call from another thread: its connection is closed (R5).

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Cancels what a client is doing, and whatever it would do next until it is armed again. Clones are one token.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<(Mutex<Inner>, Condvar)>);

#[derive(Debug, Default)]
struct Inner {
    is_cancelled: bool,
    /// Holds the connection of the call that is under way.
    agent: Option<ureq::Agent>,
}

impl Cancel {
    /// Breaks off the call that is under way; those after it end at once. A name look-up or a connection in the making
    /// ends at its own time limit.
    pub fn cancel(&self) {
        let mut inner = self.lock();
        inner.is_cancelled = true;
        let agent = inner.agent.take();
        drop(inner);
        self.0.1.notify_all();
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    /// Lets calls be made again.
    pub fn rearm(&self) {
        self.lock().is_cancelled = false;
    }

    /// True from `cancel` to `rearm`.
    pub fn is_cancelled(&self) -> bool {
        self.lock().is_cancelled
    }

    /// Waits; true if it was cancelled by then.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let inner = self.lock();
        let waited = self.0.1.wait_timeout_while(inner, time, |inner| !inner.is_cancelled);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_cancelled
    }

    /// Names what is to be shut down by `cancel`; `None` if it is cancelled already.
    pub(super) fn watch(&self, agent: &ureq::Agent) -> Option<Watch<'_>> {
        let mut inner = self.lock();
        if inner.is_cancelled {
            return None;
        }
        inner.agent = Some(agent.clone());
        Some(Watch(self))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A flag and a handle: there is no half-done state that a panic could leave behind.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it lives, `cancel` reaches the connection.
pub(super) struct Watch<'a>(&'a Cancel);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.lock().agent = None;
    }
}
