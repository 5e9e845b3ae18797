//! Flags and counters shared between threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A request that one thread raises and another one takes. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// Raises the flag. What was written before is visible to whoever sees the flag up.
    pub fn raise(&self) {
        // Release: pairs with the Acquire in `is_raised` and `take`.
        self.0.store(true, Ordering::Release);
    }

    /// True once raised and until taken.
    pub fn is_raised(&self) -> bool {
        // Acquire: pairs with the Release in `raise`.
        self.0.load(Ordering::Acquire)
    }

    /// Lowers the flag; true if it was up.
    pub fn take(&self) -> bool {
        // The load keeps the usual case (flag down) free of a write to a shared cache line.
        // AcqRel: the Acquire half pairs with the Release in `raise`.
        self.is_raised() && self.0.swap(false, Ordering::AcqRel)
    }
}

/// A number that only grows: drops, heartbeats. Orders nothing else.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        // Relaxed: only the number itself is read; no other memory is published through it.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        // Relaxed: see `increment`.
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_taken_once() {
        let flag = Flag::default();
        assert!(!flag.take());
        flag.raise();
        assert!(flag.is_raised());
        assert!(flag.take());
        assert!(!flag.take() && !flag.is_raised());
    }

    /// Run under miri, which also tries the reorderings that a weak memory model allows.
    #[test]
    fn what_was_written_before_raising_is_seen_after_taking() {
        for round in 0..if cfg!(miri) { 20 } else { 2_000 } {
            let (flag, message) = (Flag::default(), AtomicU64::new(0));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    message.store(round + 1, Ordering::Relaxed);
                    flag.raise();
                });
                while !flag.take() {
                    std::thread::yield_now();
                }
                assert_eq!(message.load(Ordering::Relaxed), round + 1);
            });
        }
    }

    #[test]
    fn of_many_takers_one_takes() {
        let (flag, taken) = (Flag::default(), Counter::default());
        for _ in 0..if cfg!(miri) { 5 } else { 500 } {
            flag.raise();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        if flag.take() {
                            taken.increment();
                        }
                    });
                }
            });
        }
        assert_eq!(taken.get(), if cfg!(miri) { 5 } else { 500 });
    }
}
