//! Did the machine stand still? What then happens between processes that talk in real time says nothing of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A thread that wants to wake so often.
const PERIOD: Duration = Duration::from_millis(5);
/// Woken this late, the machine stood still.
const STALL: Duration = Duration::from_millis(100);
/// Times that something is tried.
const MOST: usize = 3;

/// The longest that a thread was woken too late.
struct Watch {
    ends: Arc<AtomicBool>,
    worst_millis: Arc<AtomicU64>,
}

impl Watch {
    fn start() -> Self {
        let watch = Self { ends: Arc::default(), worst_millis: Arc::default() };
        let (ends, worst_millis) = (watch.ends.clone(), watch.worst_millis.clone());
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let slept = Instant::now();
                thread::sleep(PERIOD);
                let late = slept.elapsed().saturating_sub(PERIOD);
                worst_millis.fetch_max(late.as_millis() as u64, Ordering::Relaxed);
            }
        });
        watch
    }

    fn worst(&self) -> Duration {
        Duration::from_millis(self.worst_millis.load(Ordering::Relaxed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// Runs `check`; again if it fails while the machine stood still, and says so. `blames` may know of a stall that only one of
/// the processes had, after a failure with this message.
///
/// # Panics
/// As `check`, where nothing stood still or at the last time.
pub fn unless_it_stalls<T>(
    mut start: impl FnMut() -> T,
    check: impl Fn(&T),
    blames: impl Fn(&T, &str) -> Option<String>,
) {
    for attempt in 1..=MOST {
        let (watch, things) = (Watch::start(), start());
        let Err(cause) = catch_unwind(AssertUnwindSafe(|| check(&things))) else { return };
        let worst = watch.worst();
        let machine = (worst >= STALL).then(|| format!("a thread was woken {worst:?} late"));
        let failure = cause.downcast_ref::<String>().map_or("", String::as_str);
        match machine.or_else(|| blames(&things, failure)).filter(|_| attempt < MOST) {
            Some(stall) => println!("attempt {attempt} of {MOST}: it failed, and {stall}: again"),
            None => resume_unwind(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fails_beside_a_stall_is_tried_again() {
        let tried = AtomicU64::new(0);
        let fails_once = |_: &()| assert!(tried.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
        unless_it_stalls(|| (), fails_once, |(), _| Some("the robot stood still".into()));
        assert_eq!(tried.load(Ordering::Relaxed), 2);

        tried.store(0, Ordering::Relaxed);
        let fails = |_: &()| {
            tried.fetch_add(1, Ordering::Relaxed);
            panic!("it always fails");
        };
        let ended = catch_unwind(AssertUnwindSafe(|| {
            unless_it_stalls(|| (), fails, |(), _| Some("the robot stood still".into()));
        }));
        assert!(ended.is_err());
        assert_eq!(tried.load(Ordering::Relaxed), MOST as u64);
    }
}
