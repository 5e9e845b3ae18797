//! The clock of the realtime loop.

use neuraxis_core::{Clock, Nanos};

/// CLOCK_MONOTONIC: not moved by NTP steps or by setting the date. All threads of the machine share its zero.
#[derive(Copy, Clone, Debug, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid timespec to write to; CLOCK_MONOTONIC exists on every Linux, so this cannot fail.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
}

/// Sleeps until an absolute time of [`MonotonicClock`]; returns at once if it has passed. Does not allocate.
pub fn sleep_until(deadline: Nanos) {
    let time = libc::timespec {
        tv_sec: (deadline.0 / 1_000_000_000) as libc::time_t,
        tv_nsec: (deadline.0 % 1_000_000_000) as libc::c_long,
    };
    loop {
        // SAFETY: `time` is a valid timespec; with TIMER_ABSTIME the remaining-time pointer may be null.
        let result =
            unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &time, std::ptr::null_mut()) };
        // A signal may end the sleep early; the deadline is absolute, so simply sleep again.
        if result != libc::EINTR {
            return;
        }
    }
}
